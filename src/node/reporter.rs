//! Reports where this node's fold differs from the leader's.

use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use super::clock::Clock;
use crate::event::{Command, Seq};
use crate::replica::Replica;
use crate::work::Outbox;

/// Carries divergences from the fold to the outbox.
pub struct Reporter {
    /// The replica.
    pub replica: Arc<Replica>,
    /// Where facts go.
    pub outbox: Arc<Outbox>,
    /// The clock.
    pub clock: Clock,
}

impl Reporter {
    /// Runs until `stop`.
    pub async fn run(self, stop: CancellationToken) {
        let mut folded = self.replica.fold().watch();
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                changed = folded.changed() => if changed.is_err() { return },
            }
            for divergence in self.replica.fold().take_divergences() {
                let cause: Seq = divergence.position.next();
                let command = Command::ReportDivergence(divergence);
                if let Err(error) = self.outbox.push(command, vec![cause], self.clock.now()).await {
                    tracing::error!(%error, "the outbox took no more");
                }
            }
        }
    }
}
