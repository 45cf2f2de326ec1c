//! The fold that all of a node shares: the state, and how far it has come.

use std::sync::{Mutex, PoisonError, RwLock};
use std::time::{Duration, Instant};

use tokio::sync::watch;

use super::error::ReplicaError;
use crate::event::command::ReportDivergence;
use crate::event::{Event, NodeId, Record, Seq};
use crate::projection::{State, Store};

/// A checkpoint is written after this many records …
const CHECKPOINT_RECORDS: u64 = 2_000;
/// … or after this long, when anything has changed.
const CHECKPOINT_EVERY: Duration = Duration::from_secs(2);
/// Divergences waiting to be reported; more are dropped (each digest is compared again at the next `STATE_DIGESTED`).
const DIVERGENCES_MAX: usize = 64;

/// The projections of this node. One writer (Raft's apply), any number of readers.
pub struct Fold {
    node: NodeId,
    state: RwLock<State>,
    applied: watch::Sender<Seq>,
    keeper: Mutex<Keeper>,
    divergences: Mutex<Vec<ReportDivergence>>,
}

struct Keeper {
    store: Store,
    saved: Seq,
    saved_at: Instant,
}

impl Fold {
    /// The fold of `node`, as far as its last checkpoint has come.
    pub fn new(node: NodeId, state: State, store: Store) -> Fold {
        let saved = state.seq;
        Fold {
            node,
            applied: watch::channel(state.seq).0,
            state: RwLock::new(state),
            keeper: Mutex::new(Keeper { store, saved, saved_at: Instant::now() }),
            divergences: Mutex::new(vec![]),
        }
    }

    /// Looks at the state. Keep it short: the writer waits.
    pub fn read<T>(&self, look: impl FnOnce(&State) -> T) -> T {
        look(&self.state.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// The last record that was folded.
    pub fn seq(&self) -> Seq {
        *self.applied.borrow()
    }

    /// Tells whenever records were folded.
    pub fn watch(&self) -> watch::Receiver<Seq> {
        self.applied.subscribe()
    }

    /// Takes what differed from the leader's digests since the last call.
    pub fn take_divergences(&self) -> Vec<ReportDivergence> {
        std::mem::take(&mut self.divergences.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Folds records, in order.
    pub(super) fn apply(&self, records: &[Record]) {
        let mut state = self.state.write().unwrap_or_else(PoisonError::into_inner);
        for record in records {
            if let Event::StateDigested(digested) = &record.draft.event
                && digested.position == state.seq
            {
                self.compare(&state, digested);
            }
            state.apply(record);
        }
    }

    /// Tells the readers how far the fold has come.
    pub(super) fn publish(&self) -> Seq {
        let seq = self.read(|state| state.seq);
        self.applied.send_if_modified(|applied| std::mem::replace(applied, seq) != seq);
        seq
    }

    /// Writes a checkpoint when it is time, or now if `force`.
    pub(super) fn checkpoint(&self, raft: &[u8], force: bool) -> Result<(), ReplicaError> {
        let mut keeper = self.keeper.lock().unwrap_or_else(PoisonError::into_inner);
        let seq = self.seq();
        let due = seq.0 >= keeper.saved.0 + CHECKPOINT_RECORDS || keeper.saved_at.elapsed() >= CHECKPOINT_EVERY;
        if seq == keeper.saved || !(due || force) {
            return Ok(());
        }
        let _span = tracing::debug_span!("checkpoint", seq = seq.0).entered();
        let mut state = self.state.write().unwrap_or_else(PoisonError::into_inner);
        keeper.store.save(&mut state, raft)?;
        keeper.saved = seq;
        keeper.saved_at = Instant::now();
        Ok(())
    }

    fn compare(&self, state: &State, digested: &crate::event::cluster::StateDigested) {
        let own = state.digests();
        for expected in &digested.digests {
            let Some(found) = own.iter().find(|digest| digest.projection == expected.projection) else { continue };
            if found.digest == expected.digest {
                continue;
            }
            tracing::error!(
                position = digested.position.0,
                projection = expected.projection,
                "this node's fold differs from the leader's"
            );
            let mut divergences = self.divergences.lock().unwrap_or_else(PoisonError::into_inner);
            if divergences.len() < DIVERGENCES_MAX {
                divergences.push(ReportDivergence {
                    host: self.node,
                    position: digested.position,
                    projection: expected.projection.clone(),
                    expected: expected.digest,
                    found: found.digest,
                });
            }
        }
    }
}
