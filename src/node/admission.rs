//! Whom the endpoint lets in, as the log has it at this moment.

use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::api::caller::admitted;
use super::api::footer::Footing;
use crate::event::Kind;
use crate::net::Endpoint;
use crate::replica::Replica;

/// Records that may end somebody's admission.
const ENDINGS: &[Kind] = &[Kind::ApiTokenRevoked];
/// How long after such a record connections are closed at the latest.
const SETTLE: Duration = Duration::from_millis(100);
/// How often open connections are checked although nothing was recorded: tokens end with their time.
const LOOK_EVERY: Duration = Duration::from_secs(10);

/// Keeps the endpoint's connections in step with the log.
pub struct Doorkeeper {
    /// The replica.
    pub replica: Arc<Replica>,
    /// This node.
    pub footing: Footing,
    /// The door.
    pub endpoint: Endpoint,
}

impl Doorkeeper {
    /// From now on the log decides who is admitted.
    pub fn stand(&self) {
        // The fold alone: the replica holds the endpoint, and would keep itself and its log open for ever.
        let (fold, clock) = (self.replica.fold().clone(), self.footing.clock());
        self.endpoint.admit(Arc::new(move |peer| fold.read(|state| admitted(peer, state, clock.now()))));
    }

    /// Closes connections of those who are no longer admitted, until `stop`.
    pub async fn run(self, stop: CancellationToken) {
        let mut applied = self.replica.fold().watch();
        let mut seen = self.endings();
        let mut look = tokio::time::interval(LOOK_EVERY);
        loop {
            let timed = tokio::select! {
                () = stop.cancelled() => return,
                _ = look.tick() => true,
                moved = applied.changed() => {
                    if moved.is_err() {
                        return;
                    }
                    false
                }
            };
            let now = self.endings();
            if timed || now != seen {
                self.endpoint.recheck();
            }
            seen = now;
            if !timed {
                // Records come by thousands; one look serves all of a moment.
                tokio::time::sleep(SETTLE).await;
            }
        }
    }

    fn endings(&self) -> u64 {
        self.replica.fold().read(|state| ENDINGS.iter().map(|kind| state.counts.of(*kind)).sum())
    }
}
