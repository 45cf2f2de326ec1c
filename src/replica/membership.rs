//! Raft's membership: what it is, and changes of it.

use std::collections::{BTreeMap, BTreeSet};

use openraft::ChangeMembers;
use openraft::async_runtime::watch::WatchReceiver;
use openraft::errors::{ClientWriteError, RaftError};

use super::error::ReplicaError;
use super::propose::Outcome;
use super::replica::Replica;
use super::types::{Member, TypeConfig};
use crate::event::{NodeId, Proposal, Seq};
use crate::log::LogError;

/// Who takes part in Raft, as far as it is committed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RaftMembers {
    /// Who votes. While a change is on its way: who votes before or after it.
    pub voters: BTreeSet<NodeId>,
    /// Who only receives the log.
    pub learners: BTreeSet<NodeId>,
    /// Where each of them listens, as far as Raft knows.
    pub addresses: BTreeMap<NodeId, String>,
    /// True while a change is on its way, or was left so by a leader that failed.
    pub joint: bool,
}

impl Replica {
    /// The committed members.
    pub fn members(&self) -> RaftMembers {
        let metrics = self.raft.metrics().borrow_watched().clone();
        let membership = metrics.committed_membership_config.membership();
        RaftMembers {
            voters: membership.voter_ids().collect(),
            learners: membership.learner_ids().collect(),
            addresses: membership.nodes().map(|(node, member)| (*node, member.address.clone())).collect(),
            joint: membership.get_joint_config().len() > 1,
        }
    }

    /// The members that have acknowledged to this leader all but the last `behind_max` of the records that it has folded. Of whom nothing
    /// is known is not among them, and nobody is while this node does not lead.
    pub fn caught_up(&self, behind_max: u64) -> BTreeSet<NodeId> {
        let wanted = Seq(self.fold().seq().0.saturating_sub(behind_max));
        let index = match self.log().entry_of_seq(wanted) {
            Ok(entry) => entry.map_or(0, |entry| entry.index),
            // What is older is in the archive, and whoever lacks it gets it in one piece.
            Err(LogError::BeforeStart { index, .. }) => index,
            Err(error) => {
                tracing::warn!(%error, "who has caught up is not known");
                return BTreeSet::new();
            }
        };
        let metrics = self.raft.metrics().borrow_watched().clone();
        let acknowledged = metrics.replication.unwrap_or_default();
        let reached = acknowledged.into_iter().filter(|(_, last)| last.is_some_and(|last| last.index >= index));
        reached.map(|(node, _)| node).collect()
    }

    /// Sends the log to `node` from now on. Returns when that is committed, not when the node has caught up.
    ///
    /// # Errors
    /// When this node does not lead or another change is on its way.
    pub async fn add_learner(&self, node: NodeId, member: Member) -> Result<(), ReplicaError> {
        self.raft.add_learner(node, member, false).await.map(drop).map_err(refused)
    }

    /// Makes exactly these members vote, by joint consensus. Whoever voted and does not any more is a learner afterwards. Also
    /// ends a change that a leader left unfinished.
    ///
    /// # Errors
    /// When this node does not lead, another change is on its way, or one of them does not receive the log yet.
    pub async fn set_voters(&self, voters: BTreeSet<NodeId>) -> Result<(), ReplicaError> {
        let change = ChangeMembers::ReplaceAllVoters(voters);
        self.raft.change_membership(change, true).await.map(drop).map_err(refused)
    }

    /// Notes where a member listens. Who votes stays as it is.
    ///
    /// # Errors
    /// When this node does not lead or another change is on its way.
    pub async fn move_member(&self, node: NodeId, member: Member) -> Result<(), ReplicaError> {
        let change = ChangeMembers::SetNodes(BTreeMap::from([(node, member)]));
        self.raft.change_membership(change, true).await.map(drop).map_err(refused)
    }

    /// Hands proposals to whoever leads, also when nobody has told this node who that is: a leader that does not know where
    /// this node is says nothing to it, but answers. One outcome for each, in order.
    pub async fn propose_around(&self, proposals: Vec<Proposal>) -> Vec<Outcome> {
        let unknown =
            |outcomes: &[Outcome]| outcomes.iter().any(|outcome| matches!(outcome, Outcome::Unavailable { .. }));
        let mut outcomes = self.propose(proposals.clone()).await;
        for peer in self.peers().others() {
            if !unknown(&outcomes) {
                break;
            }
            outcomes = self.forward(&mut None, peer, proposals.clone()).await;
        }
        outcomes
    }

    /// Sends the log to these learners no more.
    ///
    /// # Errors
    /// When this node does not lead or another change is on its way.
    pub async fn drop_learners(&self, nodes: BTreeSet<NodeId>) -> Result<(), ReplicaError> {
        self.raft.change_membership(ChangeMembers::RemoveNodes(nodes), true).await.map(drop).map_err(refused)
    }

    /// Never campaigns again in this process: this node's fold cannot follow the log, so it cannot decide anything. It goes
    /// on voting.
    pub fn stand_back(&self) {
        self.raft.runtime_config().elect(false);
    }
}

fn refused(error: RaftError<TypeConfig, ClientWriteError<TypeConfig>>) -> ReplicaError {
    ReplicaError::Membership { reason: error.to_string() }
}
