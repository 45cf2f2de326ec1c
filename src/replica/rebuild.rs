//! Everything that follows from the log, made again from the log alone.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use super::error::ReplicaError;
use super::folding::Folding;
use super::types::{Member, Membership};
use super::wire::membership_bytes;
use crate::event::{Hash, NodeId, Seq, Term};
use crate::log::{LogReader, NewEntry, Payload};
use crate::projection::Store;
use crate::replay::{ReplayError, Retained};

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
    let mut folding = Folding::default();
    let committed = reader.committed();
    let mut cursor = reader.entries_near(0)?;
    while let Some(entry) = cursor.next_entry()? {
        if committed.is_none_or(|committed| entry.index > committed) {
            break;
        }
        folding.apply(&entry, |state| {
            progress(state.seq.0);
            match retained.wants(state.seq) {
                true => Ok(retained.keep(state)?),
                false => Ok(()),
            }
        })?;
    }
    let Folding { mut state, raft } = folding;
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
