//! Everything that follows from the log, made again from the log alone.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use super::error::ReplicaError;
use super::machine::RaftCheckpoint;
use super::types::{Member, Membership, StoredMembership};
use super::wire::{log_id, membership_bytes, read_membership};
use crate::event::{Hash, NodeId, Seq, Term};
use crate::log::{LogReader, NewEntry, Payload};
use crate::projection::{State, Store};
use crate::replay::{ReplayError, Retained};

/// Changed rows are forgotten after so many records: all of them are written at the end.
const FORGET_EVERY: u64 = 4_096;

/// What was made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rebuilt {
    /// The last record folded.
    pub seq: Seq,
    /// The digest of the state after it.
    pub digest: Hash,
    /// Retained snapshots made on the way.
    pub snapshots: usize,
}

/// Makes the row store in `store` and the retained snapshots anew, from the committed entries of the log alone. Nobody else
/// may use the directory meanwhile. `progress` hears how many records were folded.
///
/// # Errors
/// When the log cannot be read, begins later than at its first entry, or holds a record that a projection fails on.
pub fn rebuild(
    reader: &LogReader,
    store: &Path,
    retained: &Retained,
    progress: &mut dyn FnMut(u64),
) -> Result<Rebuilt, ReplicaError> {
    if let Some(base) = reader.base()? {
        return Err(ReplayError::Forgotten { at: Seq(1), base: base.seq }.into());
    }
    Store::destroy(store)?;
    retained.clear()?;
    let mut state = State::new();
    let mut raft = RaftCheckpoint::default();
    let committed = reader.committed();
    let mut cursor = reader.entries_near(0)?;
    while let Some(entry) = cursor.next_entry()? {
        if committed.is_none_or(|committed| entry.index > committed) {
            break;
        }
        let id = log_id(entry.term.0, entry.leader, entry.index);
        for record in entry.records() {
            let record = record.and_then(|(seq, raw)| raw.decode(seq, entry.term));
            let record = record.map_err(|source| ReplicaError::Record { index: entry.index, source })?;
            state.apply(&record);
            if state.seq.0.is_multiple_of(FORGET_EVERY) {
                state.forget_changes();
                progress(state.seq.0);
                if retained.wants(state.seq) {
                    retained.keep(&state)?;
                }
            }
        }
        if let Payload::Membership(bytes) = &entry.payload {
            raft.membership = StoredMembership::new(Some(id), read_membership(bytes)?);
        }
        raft.applied = Some(id);
    }
    if let Some(halt) = state.halted().first() {
        return Err(ReplicaError::Halted { halt: Box::new(halt.clone()) });
    }
    progress(state.seq.0);
    state.forget_changes();
    let rows = Store::open(store)?;
    rows.save(&mut state, &serde_json::to_vec(&raft).expect("checkpoints are plain data"))?;
    rows.flush()?;
    Ok(Rebuilt { seq: state.seq, digest: state.digest(), snapshots: retained.list().len() })
}

/// The first entry of a log whose only voter is `node`.
pub fn founding_entry(node: NodeId, member: Member) -> NewEntry {
    let membership = Membership::new(vec![BTreeSet::from([node])], BTreeMap::from([(node, member)]))
        .expect("a voter that is among the members");
    NewEntry { index: 0, term: Term(0), leader: node, payload: Payload::Membership(membership_bytes(&membership)) }
}
