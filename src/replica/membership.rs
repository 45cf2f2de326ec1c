//! Raft's membership: what it is, and changes of it.

use std::collections::BTreeSet;

use openraft::ChangeMembers;
use openraft::async_runtime::watch::WatchReceiver;
use openraft::errors::{ClientWriteError, RaftError};

use super::error::ReplicaError;
use super::replica::Replica;
use super::types::{Member, TypeConfig};
use crate::event::NodeId;

/// Who takes part in Raft, as far as it is committed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RaftMembers {
    /// Who votes. While a change is on its way: who votes before or after it.
    pub voters: BTreeSet<NodeId>,
    /// Who only receives the log.
    pub learners: BTreeSet<NodeId>,
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
            joint: membership.get_joint_config().len() > 1,
        }
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
