//! The state that entries of the log make, one after the other.

use super::error::ReplicaError;
use super::machine::RaftCheckpoint;
use super::types::StoredMembership;
use super::wire::{log_id, read_membership};
use crate::log::{Entry, Payload};
use crate::projection::State;

/// Changed rows are forgotten after so many records: nobody saves them as changes.
const FORGET_EVERY: u64 = 4_096;

/// A state, and where Raft stands with it.
#[derive(Default)]
pub(super) struct Folding {
    pub(super) state: State,
    pub(super) raft: RaftCheckpoint,
}

impl Folding {
    /// Folds the next entry. `look` sees the state every few thousand records.
    ///
    /// # Errors
    /// When a record cannot be read, and what `look` says.
    pub(super) fn apply(
        &mut self,
        entry: &Entry,
        mut look: impl FnMut(&State) -> Result<(), ReplicaError>,
    ) -> Result<(), ReplicaError> {
        let id = log_id(entry.term.0, entry.leader, entry.index);
        for record in entry.records() {
            let record = record.and_then(|(seq, raw)| raw.decode(seq, entry.term));
            let record = record.map_err(|source| ReplicaError::Record { index: entry.index, source })?;
            self.state.apply(&record);
            if self.state.seq.0.is_multiple_of(FORGET_EVERY) {
                self.state.forget_changes();
                look(&self.state)?;
            }
        }
        if let Payload::Membership(bytes) = &entry.payload {
            self.raft.membership = StoredMembership::new(Some(id), read_membership(bytes)?);
        }
        self.raft.applied = Some(id);
        Ok(())
    }
}
