//! How much a read may miss: nothing that was acknowledged before it began, or whatever this node has not heard yet.

use std::time::Duration;

use openraft::async_runtime::watch::WatchReceiver;
use openraft::raft::linearizable_read::LinearizerOption;
use serde::{Deserialize, Serialize};

use super::client::Client;
use super::error::ReplicaError;
use super::lease::Leases;
use super::replica::{Raft, Replica, while_leads};
use super::wire::{Tag, from_json, json_frame};
use crate::broken::{self, Defect};
use crate::event::NodeId;

/// How long a read waits for the leader's word and for this node's fold.
const READ_TIMEOUT: Duration = Duration::from_secs(5);
/// Between two questions while nobody leads.
const ASK_AGAIN: Duration = Duration::from_millis(20);

/// What a read may miss.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Consistency {
    /// Whatever this node has not folded yet. Costs nothing, and works without a quorum.
    #[default]
    Local,
    /// Nothing that was acknowledged before, as long as clocks run about equally fast: the leader trusts what a quorum
    /// answered lately, and asks it when that is too long ago or a voter has not said how long its answers count. Costs one
    /// question to the leader.
    Lease,
    /// Nothing that was acknowledged before. The leader asks a quorum whether it still leads.
    Linearizable,
}

impl std::fmt::Display for Consistency {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Consistency::Local => "local",
            Consistency::Lease => "lease",
            Consistency::Linearizable => "linearizable",
        })
    }
}

impl Replica {
    /// Returns when a read of this node's fold misses no more than `consistency` allows.
    ///
    /// # Errors
    /// When nobody can vouch for that in time, or when this node's fold stands still.
    pub async fn read_barrier(&self, consistency: Consistency) -> Result<(), ReplicaError> {
        if consistency == Consistency::Local {
            return Ok(());
        }
        if let Some(upgrade) = self.fold().upgrade_needed() {
            return Err(ReplicaError::Unreadable { reason: upgrade.to_string() });
        }
        let barrier = async {
            let index = self.read_index(consistency).await?;
            let folded = self.raft.wait(None).applied_index_at_least(Some(index), "a read").await;
            folded.map(drop).map_err(|error| ReplicaError::Stopped { reason: error.to_string() })
        };
        let late = |_| ReplicaError::Unreadable { reason: "nobody could vouch for it in time".to_owned() };
        tokio::time::timeout(READ_TIMEOUT, barrier).await.map_err(late)??;
        // It may have met what it cannot read on the way.
        let halted = self.fold().upgrade_needed();
        halted.map_or(Ok(()), |upgrade| Err(ReplicaError::Unreadable { reason: upgrade.to_string() }))
    }

    /// The entry up to which a read must have folded, from whoever leads. Asks until somebody does.
    async fn read_index(&self, consistency: Consistency) -> Result<u64, ReplicaError> {
        loop {
            let leader = self.leadership.borrow().leader;
            let answer = match leader {
                Some(leader) => {
                    let answer = while_leads(&self.leadership, leader, self.ask_to_vouch(leader, consistency)).await;
                    answer.unwrap_or_else(|| Err(self.not_leader()))
                }
                None => Err(ReplicaError::NotLeader { leader: None }),
            };
            match answer {
                Ok(index) => return Ok(index),
                Err(stopped @ ReplicaError::Stopped { .. }) => return Err(stopped),
                Err(error) => tracing::debug!(%error, %consistency, "nobody vouches for a read yet"),
            }
            tokio::time::sleep(ASK_AGAIN).await;
        }
    }

    /// The entry up to which a read that begins now must have folded, as `leader` says.
    async fn ask_to_vouch(&self, leader: NodeId, consistency: Consistency) -> Result<u64, ReplicaError> {
        if leader == self.node {
            return vouch(&self.raft, &self.leases, consistency).await;
        }
        let mut client = Client::new(leader, self.peers().clone());
        let answer = client.call(&json_frame(Tag::Read, &consistency), READ_TIMEOUT).await?;
        from_json::<Result<u64, String>>(&answer)?.map_err(|reason| ReplicaError::Unreadable { reason })
    }

    /// How long the answer of a quorum counts for reads at [`Consistency::Lease`], if this node leads. Zero: they ask the quorum.
    pub fn read_lease(&self) -> Duration {
        self.leases.shortest(&self.raft)
    }
}

/// As leader: makes sure that it still leads, and says what is committed.
pub(super) async fn vouch(raft: &Raft, leases: &Leases, consistency: Consistency) -> Result<u64, ReplicaError> {
    if broken::has(Defect::Read) {
        return Ok(raft.metrics().borrow_watched().last_applied.map_or(0, |applied| applied.index));
    }
    let lease = match consistency {
        Consistency::Lease => leases.shortest(raft),
        Consistency::Local | Consistency::Linearizable => Duration::ZERO,
    };
    let index = read_index(raft, lease).await?;
    // A voter may have come back with another timing, or another voter may have come, since that was looked up.
    match lease <= leases.shortest(raft) {
        true => Ok(index),
        false => read_index(raft, Duration::ZERO).await,
    }
}

/// What is committed, when a quorum answered within `lease`, or once it has answered anew.
async fn read_index(raft: &Raft, lease: Duration) -> Result<u64, ReplicaError> {
    let linearizer = raft.get_read_linearizer(LinearizerOption::new(Some(lease), true)).await;
    let linearizer = linearizer.map_err(|error| ReplicaError::Unreadable { reason: error.to_string() })?;
    Ok(linearizer.read_log_id().index())
}
