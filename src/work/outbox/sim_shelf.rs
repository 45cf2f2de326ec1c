//! A shelf in memory that forgets what was not synced, and fails on demand. For tests and simulations.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::codec;
use super::error::OutboxError;
use super::shelf::{Held, Shelf, ShelfReader};
use crate::event::Proposal;

/// A shelf in memory. Clones share it.
#[derive(Clone, Default)]
pub struct SimShelf {
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    now: Content,
    durable: Content,
    /// The power is off: commits fail, and what they wrote is at most in the disk's cache.
    cut: bool,
}

#[derive(Clone, Default)]
struct Content {
    proposals: BTreeMap<u64, Vec<u8>>,
    held: Held,
}

impl SimShelf {
    /// An empty shelf.
    pub fn new() -> SimShelf {
        SimShelf::default()
    }

    /// What [`super::Outbox::open_driven`] begins with, after all up to `floor` (which the log holds) is forgotten.
    pub fn open(&self, floor: u64) -> Held {
        let mut state = self.lock();
        let last = state.now.held.last.max(floor);
        state.now.held.last = last;
        state.now.forget(floor);
        state.durable = state.now.clone();
        state.now.held
    }

    /// Cuts the power: from now on a commit fails after it has written and before it has synced.
    pub fn cut_power(&self) {
        self.lock().cut = true;
    }

    /// The shelf as it is found after a crash at this moment: with what was written and not synced, or without it. This one
    /// stays as it is.
    #[must_use]
    pub fn crashed(&self, keep_unsynced: bool) -> SimShelf {
        let state = self.lock();
        let found = if keep_unsynced { &state.now } else { &state.durable };
        let state = State { now: found.clone(), durable: found.clone(), cut: false };
        SimShelf { state: Arc::new(Mutex::new(state)) }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Content {
    fn forget(&mut self, up_to: u64) {
        let keep = self.proposals.split_off(&(up_to + 1));
        let gone = std::mem::replace(&mut self.proposals, keep);
        self.held.entries -= gone.len() as u64;
        self.held.bytes -= gone.values().map(|bytes| bytes.len() as u64).sum::<u64>();
        self.held.acked = self.held.acked.max(up_to.min(self.held.last));
    }
}

impl Shelf for SimShelf {
    fn commit(&mut self, proposals: &[(u64, Vec<u8>)], ack: u64, held: Held) -> Result<Held, OutboxError> {
        let mut state = self.lock();
        state.now.held = held;
        state.now.proposals.extend(proposals.iter().cloned());
        state.now.forget(ack);
        if state.cut {
            let path = PathBuf::from("memory");
            return Err(OutboxError::Io { action: "sync", path, reason: "the power is off".to_owned() });
        }
        state.durable = state.now.clone();
        Ok(state.now.held)
    }

    fn reader(&self) -> Box<dyn ShelfReader> {
        Box::new(self.clone())
    }
}

impl ShelfReader for SimShelf {
    fn first(&self, last: u64, max: usize, bytes_max: usize) -> Result<Vec<Proposal>, OutboxError> {
        let (mut found, mut read) = (vec![], 0);
        for (seq, bytes) in self.lock().now.proposals.range(..=last) {
            if found.len() == max || read >= bytes_max {
                break;
            }
            read += bytes.len();
            let damaged = |error| OutboxError::Damaged { path: PathBuf::from("memory"), reason: format!("{error:?}") };
            found.push(codec::decode(*seq, bytes).map_err(damaged)?);
        }
        Ok(found)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::command::RecordNote;
    use crate::event::{Command, Millis, NodeId};
    use crate::work::outbox::{Limits, Outbox};
    use std::time::Duration;

    fn open(shelf: &SimShelf, floor: u64) -> Outbox {
        let held = shelf.open(floor);
        let (outbox, driver) = Outbox::open_driven(Box::new(shelf.clone()), held, NodeId(7), Limits::default());
        tokio::spawn(driver.run(|| Duration::ZERO));
        outbox
    }

    async fn push(outbox: &Outbox) -> Option<u64> {
        let note = RecordNote { actor: "ada".into(), text: "note".into() };
        outbox.push(Command::RecordNote(note), vec![], Millis(1)).await.ok()
    }

    fn waiting(outbox: &Outbox) -> Vec<u64> {
        outbox.pending().expect("readable").iter().map(|proposal| proposal.origin_seq).collect()
    }

    #[tokio::test]
    async fn what_was_acknowledged_survives_and_what_was_not_synced_may() {
        let shelf = SimShelf::new();
        let outbox = open(&shelf, 0);
        for number in 1..=3 {
            assert_eq!(push(&outbox).await, Some(number));
        }
        outbox.ack(1).await.expect("a healthy shelf");
        assert_eq!(waiting(&open(&shelf.crashed(false), 0)), [2, 3]);
        shelf.cut_power();
        assert_eq!(push(&outbox).await, None, "not durable");
        assert!(outbox.poisoned().is_some());
        assert_eq!(waiting(&open(&shelf.crashed(false), 0)), [2, 3]);
        assert_eq!(waiting(&open(&shelf.crashed(true), 0)), [2, 3, 4]);
        let later = open(&shelf.crashed(false), 9);
        assert_eq!(waiting(&later), Vec::<u64>::new(), "the log holds them");
        assert_eq!(push(&later).await, Some(10), "no number twice");
    }
}
