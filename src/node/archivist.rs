//! The archivist: retains a snapshot of the state every so many records, without holding up applies.
//!
//! It reads the last checkpoint back from the row store on a thread of its own. Only the next checkpoint waits for that;
//! records are folded meanwhile.

use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::event::Seq;
use crate::replay::Retained;
use crate::replica::Fold;

/// How often it looks whether the checkpoint has come as far as the fold.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// Retains snapshots.
pub struct Archivist {
    /// Whose state.
    pub fold: Arc<Fold>,
    /// Where snapshots go.
    pub retained: Retained,
    /// Ends the task.
    pub stop: CancellationToken,
}

impl Archivist {
    /// Runs until `stop`.
    pub async fn run(self) {
        let mut applied = self.fold.watch();
        let saved = self.fold.saved();
        let mut due = if self.retained.wants(saved) { saved } else { self.retained.due_after(saved) };
        loop {
            tokio::select! {
                () = self.stop.cancelled() => return,
                come = applied.wait_for(|seq| *seq >= due) => if come.is_err() { return },
            }
            if !self.saved_at(due).await {
                return;
            }
            let (fold, retained) = (self.fold.clone(), self.retained.clone());
            let kept = tokio::task::spawn_blocking(move || keep(&fold, &retained)).await;
            // The checkpoint may have moved on meanwhile: what counts is the one that was looked at.
            due = self.retained.due_after(match kept {
                Ok(Ok(looked_at)) => looked_at,
                Ok(Err(error)) => {
                    tracing::warn!(%error, "no snapshot was retained; questions about this time take longer");
                    self.fold.saved()
                }
                Err(_) => return,
            });
        }
    }

    /// Waits until the checkpoint is at `due` or later. False when the node stops.
    async fn saved_at(&self, due: Seq) -> bool {
        while self.fold.saved() < due {
            tokio::select! {
                () = self.stop.cancelled() => return false,
                () = tokio::time::sleep(LOOK_EVERY) => {}
            }
        }
        true
    }
}

/// Retains the last checkpoint if its stretch has none yet, and says which one it was.
fn keep(fold: &Fold, retained: &Retained) -> Result<Seq, Box<dyn std::error::Error + Send + Sync>> {
    let Some(state) = fold.saved_state()? else { return Ok(Seq(0)) };
    if retained.wants(state.seq) {
        retained.keep(&state)?;
    }
    Ok(state.seq)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::samples::sample;
    use crate::event::{Kind, NodeId};
    use crate::projection::testing::record;
    use crate::projection::{State, Store};
    use crate::replay::RetainedLimits;

    #[tokio::test]
    async fn a_snapshot_is_retained_whenever_a_checkpoint_has_passed_the_distance() {
        let dir = tempfile::tempdir().expect("a folder");
        let store = Store::open(&dir.path().join("state")).expect("a store");
        let fold = Arc::new(Fold::new(NodeId(1), State::new(), store));
        let limits = RetainedLimits { records_apart: 10, ..RetainedLimits::default() };
        let retained = Retained::owned(dir.path().join("checkpoints"), limits).expect("a folder");
        let stop = CancellationToken::new();
        let archivist = Archivist { fold: fold.clone(), retained: retained.clone(), stop: stop.clone() };
        let running = tokio::spawn(archivist.run());
        let mut whole = State::new();
        for (last, kept) in [(9, vec![]), (12, vec![12]), (19, vec![12]), (31, vec![12, 31])] {
            let log: Vec<_> = (whole.seq.0 + 1..=last).map(|seq| record(seq, sample(Kind::JobQueued))).collect();
            log.iter().for_each(|record| whole.apply(record));
            fold.apply(&log);
            fold.publish();
            fold.checkpoint(b"", true).expect("saved");
            let kept: Vec<Seq> = kept.into_iter().map(Seq).collect();
            let patience = tokio::time::Instant::now() + Duration::from_secs(60);
            while retained.list().into_keys().collect::<Vec<_>>() != kept {
                assert!(tokio::time::Instant::now() < patience, "{kept:?} {:?}", retained.list());
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        }
        let last = retained.load(Seq(31)).expect("a snapshot");
        assert_eq!(last.digest(), whole.digest());
        stop.cancel();
        running.await.expect("it ends");
    }
}
