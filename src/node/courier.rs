//! The courier: carries this node's outbox to the leader, in order, until every proposal is settled.

use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::broken::{self, Defect};
use crate::replica::Replica;
use crate::replica::propose::{Outcome, PROPOSALS_MAX};
use crate::work::Outbox;

/// The first pause after a batch that could not be settled; doubles up to [`PAUSE_MAX`].
const PAUSE_MIN: Duration = Duration::from_millis(20);
/// The longest pause.
const PAUSE_MAX: Duration = Duration::from_millis(500);

/// Carries proposals to the leader.
pub struct Courier {
    /// Where they come from.
    pub outbox: Arc<Outbox>,
    /// How they get there.
    pub replica: Arc<Replica>,
    /// Ends the courier.
    pub stop: CancellationToken,
}

impl Courier {
    /// Runs until `stop`. What is left stays in the outbox for the next start.
    pub async fn run(self) {
        let mut pause = PAUSE_MIN;
        let mut pushed = self.outbox.durable();
        while !self.stop.is_cancelled() {
            pushed.mark_unchanged();
            let moved = match self.carry().await {
                Some(0) => false,
                Some(_) => {
                    pause = PAUSE_MIN;
                    continue;
                }
                None => true,
            };
            let wait = async {
                if moved {
                    pushed.changed().await.ok();
                } else {
                    tokio::time::sleep(pause).await;
                }
            };
            tokio::select! {
                () = self.stop.cancelled() => return,
                () = wait => {}
            }
            pause = if moved { PAUSE_MIN } else { (pause * 2).min(PAUSE_MAX) };
        }
    }

    /// Carries until nothing is left or `within` has passed. True when nothing is left.
    pub async fn drain(outbox: Arc<Outbox>, replica: Arc<Replica>, within: Duration) -> bool {
        let courier = Courier { outbox, replica, stop: CancellationToken::new() };
        let carry_all = async {
            loop {
                match courier.carry().await {
                    None => return,
                    Some(0) => tokio::time::sleep(PAUSE_MIN).await,
                    Some(_) => {}
                }
            }
        };
        tokio::time::timeout(within, carry_all).await.is_ok()
    }

    /// Carries one batch. Returns how many proposals were settled; `None` when there was none.
    async fn carry(&self) -> Option<usize> {
        let mut batch = match self.outbox.peek_batch(PROPOSALS_MAX) {
            Ok(batch) if batch.is_empty() => return None,
            Ok(batch) => batch,
            Err(error) => {
                tracing::error!(%error, "the outbox cannot be read");
                return Some(0);
            }
        };
        if broken::has(Defect::OutboxOrder) {
            batch.reverse();
        }
        let numbers: Vec<u64> = batch.iter().map(|proposal| proposal.origin_seq).collect();
        let outcomes = self.replica.propose(batch).await;
        let mut settled: usize = 0;
        for (number, outcome) in numbers.iter().zip(&outcomes) {
            match outcome {
                Outcome::Unavailable { .. } => break,
                Outcome::Refused { code, message } => tracing::info!(number, code, message, "proposal refused"),
                Outcome::Admitted { .. } | Outcome::Already => {}
            }
            settled += 1;
        }
        if let Some(last) = settled.checked_sub(1).and_then(|last| numbers.get(last))
            && let Err(error) = self.outbox.ack(*last).await
        {
            tracing::error!(%error, "the outbox cannot be written");
            return Some(0);
        }
        Some(settled)
    }
}
