//! Membership: whoever has joined and is online becomes a learner, then a voter. Only the leader acts.

use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::event::NodeId;
use crate::projection::hosts::Host;
use crate::replica::{Member, Replica};

/// How often the members are compared with Raft's membership.
const COMPARE_EVERY: Duration = Duration::from_millis(300);

/// Keeps Raft's membership in step with the facts.
pub struct Members {
    /// This node.
    pub node: NodeId,
    /// The replica.
    pub replica: Arc<Replica>,
    /// Ends the task.
    pub stop: CancellationToken,
}

impl Members {
    /// Runs until `stop`. One change at a time: Raft finishes each before the next begins.
    pub async fn run(self) {
        let leadership = self.replica.leadership();
        loop {
            tokio::select! {
                () = self.stop.cancelled() => return,
                () = tokio::time::sleep(COMPARE_EVERY) => {}
            }
            if leadership.borrow().leader != Some(self.node) {
                continue;
            }
            let Some((node, member)) = self.missing() else { continue };
            tracing::info!(%node, name = member.name, "adding a member");
            tokio::select! {
                () = self.stop.cancelled() => return,
                added = self.replica.add_member(node, member) => if let Err(error) = added {
                    tracing::info!(%node, %error, "the member was not added; trying again");
                }
            }
        }
    }

    /// A host that is online and no voter yet. A host that never came online is not waited for: as a voter it would only
    /// make the quorum larger.
    fn missing(&self) -> Option<(NodeId, Member)> {
        let (voters, learners) = self.replica.committed_members();
        if voters.is_empty() {
            return None;
        }
        let full = voters.len() >= crate::replica::VOTERS_MAX;
        self.replica.fold().read(|state| {
            let settled = |host: &Host| voters.contains(&host.host) || (full && learners.contains(&host.host));
            let host = state.hosts.online().find(|host| !settled(host))?;
            Some((host.host, Member { name: host.name.clone(), address: host.address.clone() }))
        })
    }
}
