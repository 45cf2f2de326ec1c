//! The task of a node that may lead.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;

use super::reign::Reign;
use crate::event::{Command, NodeId};
use crate::node::heartbeat::Hearing;
use crate::replica::propose::{Ask, Outcome};
use crate::replica::{Leadership, Replica, ReplicaError};

/// How long a leader whose batch failed waits before it tries to reign again, in the same term if it still leads.
const REIGN_AGAIN: Duration = Duration::from_millis(20);

/// How long a leader that may not decide waits before it looks again for somebody who may.
const ABDICATE_AGAIN: Duration = Duration::from_secs(1);

/// The admission task of a node.
pub struct Leader {
    /// This node.
    pub node: NodeId,
    /// Where batches go.
    pub replica: Arc<Replica>,
    /// What nodes propose.
    pub asks: mpsc::Receiver<Ask>,
    /// Who was heard lately.
    pub hearing: Hearing,
    /// The first command, on the node that made the cluster.
    pub genesis: Option<Command>,
    /// Ends the task.
    pub stop: CancellationToken,
}

impl Leader {
    /// Runs until `stop`.
    pub async fn run(mut self) {
        let mut leadership = self.replica.leadership();
        while !self.stop.is_cancelled() {
            let now = leadership.borrow_and_update().clone();
            if now.leader != Some(self.node) {
                if !self.wait_for_leadership(&mut leadership).await {
                    return;
                }
            } else if self.replica.log().is_full() {
                self.abdicate().await;
            } else if let Err(error) = self.reign(now, &mut leadership).await {
                tracing::info!(%error, "the reign is over");
                tokio::time::sleep(REIGN_AGAIN).await;
            }
        }
    }

    async fn reign(
        &mut self,
        now: Leadership,
        leadership: &mut watch::Receiver<Leadership>,
    ) -> Result<(), ReplicaError> {
        let mut reign = Reign::begin(self, now.term).await?;
        reign.run(leadership).await
    }

    /// Hands leadership to another voter that is online, if there is one, and turns proposals away meanwhile. For a node
    /// that may not decide.
    pub(super) async fn abdicate(&mut self) {
        let online = |node| self.replica.fold().read(|state| state.hosts.is_online(node));
        if let Some(successor) = self.replica.successor(online) {
            self.replica.transfer(successor).await.ok();
        }
        while let Ok(ask) = self.asks.try_recv() {
            turn_away(ask, None);
        }
        tokio::time::sleep(ABDICATE_AGAIN).await;
    }

    /// A node that cannot read the log any further cannot know what holds, so it decides nothing.
    pub(super) async fn abdicate_if_halted(&mut self) -> Result<(), ReplicaError> {
        let Some(halt) = self.replica.fold().upgrade_needed().map(ToString::to_string) else { return Ok(()) };
        self.abdicate().await;
        Err(ReplicaError::Membership { reason: halt })
    }

    /// Turns proposals away until this node leads. False when it never will: it stops, or Raft has.
    async fn wait_for_leadership(&mut self, leadership: &mut watch::Receiver<Leadership>) -> bool {
        loop {
            tokio::select! {
                () = self.stop.cancelled() => return false,
                changed = leadership.changed() => match changed {
                    Ok(()) if leadership.borrow().leader == Some(self.node) => return true,
                    Ok(()) => {}
                    Err(_) => return false,
                },
                ask = self.asks.recv() => match ask {
                    Some(ask) => turn_away(ask, leadership.borrow().leader),
                    None => return false,
                },
            }
        }
    }
}

fn turn_away(ask: Ask, leader: Option<NodeId>) {
    let outcomes = vec![Outcome::Unavailable { leader }; ask.proposals.len()];
    ask.reply.send(outcomes).ok();
}
