//! Raft's snapshots: a state of all projections, as a file of the log's folder.
//!
//! A snapshot does not replace history. It lets a member start where history is no longer in the log, at the leader's or at
//! its own.

use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use openraft::type_config::alias::{SnapshotMetaOf, SnapshotOf};
use serde::{Deserialize, Serialize};

use super::error::ReplicaError;
use super::fold::Fold;
use super::folding::Folding;
use super::machine::RaftCheckpoint;
use super::types::TypeConfig;
use super::wire::{APPEND_BYTES_MAX, log_id};
use crate::log::{Log, LogError, LogPosition, SnapshotFile, SnapshotHeader, SnapshotWriter};
use crate::projection::State;
use crate::projection::snapshot::ROWS_VERSION;

/// What stands in a snapshot beside the state.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Note {
    /// Where Raft stands with this state.
    pub raft: RaftCheckpoint,
    /// The format version that whoever goes on from here must read.
    pub format: u32,
}

/// A snapshot as Raft hands it around: the file, or what has just been received.
pub struct SnapshotData {
    pub(super) source: Source,
}

pub(super) enum Source {
    /// On the disk.
    File { file: SnapshotFile, format: u32, whole: Whole },
    /// Durable and verified, but not the log's snapshot yet.
    Received { writer: Box<SnapshotWriter>, state: Box<State>, note: Note },
}

/// The snapshot whose content was read and found whole, and its note: it is not read again each time that somebody looks for one to send. A
/// member that refuses it is offered it again and again.
#[derive(Clone, Default)]
pub(super) struct Whole(Arc<Mutex<Option<(SnapshotHeader, Note)>>>);

impl Whole {
    fn known(&self) -> MutexGuard<'_, Option<(SnapshotHeader, Note)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The note of the snapshot with this header.
    fn note_of(&self, header: &SnapshotHeader) -> Option<Note> {
        self.known().as_ref().filter(|(known, _)| known == header).map(|(_, note)| note.clone())
    }

    /// It may have been damaged since: the next that looks for it reads it again.
    pub(super) fn doubt(&self) {
        *self.known() = None;
    }
}

/// What a snapshot is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Basis {
    /// The last checkpoint. A node whose snapshot is damaged then still has rows that the log reaches.
    Rows,
    /// The last snapshot, and what is committed and durable since. For a log that waits for space: nothing is applied meanwhile, so the rows stand
    /// still, and only a snapshot further on makes space.
    Log,
}

/// The snapshots of one replica.
pub struct Snapshots {
    pub(super) log: Log,
    pub(super) fold: Arc<Fold>,
    /// Counts those that were begun to be received: only the latest goes on.
    receiving: AtomicU64,
    /// How many were installed from a leader since the start.
    installed: AtomicU64,
    whole: Whole,
}

impl Snapshots {
    /// The snapshots of the log, for the fold.
    pub fn new(log: Log, fold: Arc<Fold>) -> Snapshots {
        Snapshots { log, fold, receiving: AtomicU64::new(0), installed: AtomicU64::new(0), whole: Whole::default() }
    }

    /// How many snapshots were installed since the start.
    pub fn installed(&self) -> u64 {
        self.installed.load(Ordering::Relaxed)
    }

    pub(super) fn count_installed(&self) {
        self.installed.fetch_add(1, Ordering::Relaxed);
    }

    /// Whose turn it is to receive: what was begun before ends.
    pub(super) fn begin_receiving(&self) -> u64 {
        self.receiving.fetch_add(1, Ordering::Relaxed) + 1
    }

    pub(super) fn is_receiving(&self, turn: u64) -> bool {
        self.receiving.load(Ordering::Relaxed) == turn
    }

    /// Writes the log's snapshot. None where that is not possible yet.
    ///
    /// # Errors
    /// When what it is made of cannot be read, or the snapshot cannot be written.
    pub fn make(&self, of: Basis) -> Result<Option<LogPosition>, ReplicaError> {
        let made = match of {
            Basis::Rows => self.of_rows()?,
            Basis::Log => self.of_log()?,
        };
        Ok(made.map(|file| file.header().position))
    }

    fn of_rows(&self) -> Result<Option<SnapshotFile>, ReplicaError> {
        let Some((state, note)) = self.fold.saved_with_note()? else { return Ok(None) };
        let raft: RaftCheckpoint = serde_json::from_slice(&note).map_err(ReplicaError::wire)?;
        self.write(&state, raft)
    }

    fn of_log(&self) -> Result<Option<SnapshotFile>, ReplicaError> {
        let Some(until) = self.log.settled().filter(|_| self.fold.upgrade_needed().is_none()) else { return Ok(None) };
        let _span = tracing::info_span!("fold_for_snapshot", until).entered();
        let (mut next, mut folding) = match self.usable()? {
            Some(file) => {
                let (note, state) = file.read()?;
                let (Note { raft, .. }, state) = decode(file.header(), &note, &state)?;
                (file.header().position.index + 1, Folding { state, raft })
            }
            None if self.log.base().is_none() => (0, Folding::default()),
            None => return Ok(None),
        };
        while next <= until {
            let entries = self.log.read(next, until + 1, APPEND_BYTES_MAX)?;
            let Some(last) = entries.last() else { return Ok(None) };
            next = last.index + 1;
            entries.iter().try_for_each(|entry| folding.apply(entry, |_| Ok(())))?;
        }
        self.write(&folding.state, folding.raft)
    }

    /// Writes a state as the log's snapshot, if the log knows the entry that it ends with and none is there for it.
    pub(super) fn write(&self, state: &State, raft: RaftCheckpoint) -> Result<Option<SnapshotFile>, ReplicaError> {
        let Some(applied) = raft.applied.filter(|_| state.halted().is_empty()) else { return Ok(None) };
        if self.log.base().is_some_and(|base| applied.index < base.index) {
            return Ok(None);
        }
        let Some(position) = self.log.position_of(applied.index)?.filter(|found| found.seq == state.seq) else {
            return Ok(None);
        };
        if let Some(found) = self.usable()?.filter(|found| found.header().position.index >= position.index) {
            return Ok(Some(found));
        }
        let note = Note { raft, format: state.membership.version() };
        let note = serde_json::to_vec(&note).expect("notes are plain data");
        let _span = tracing::info_span!("write_snapshot", seq = state.seq.0, index = applied.index).entered();
        Ok(Some(self.log.write_snapshot(position, ROWS_VERSION, &note, &state.snapshot())?))
    }

    /// The log's snapshot, if this build can read it. What is damaged is moved aside.
    pub(super) fn usable(&self) -> Result<Option<SnapshotFile>, ReplicaError> {
        Ok(self.look(false)?.map(|(file, _)| file))
    }

    /// The same, as Raft wants it. Its content is not read again as long as nobody doubts it.
    pub(super) fn to_raft(&self) -> Result<Option<SnapshotOf<TypeConfig, SnapshotData>>, ReplicaError> {
        let found = self.look(true)?;
        Ok(found.map(|(file, note)| {
            let source = Source::File { file, format: note.format, whole: self.whole.clone() };
            SnapshotOf::<TypeConfig, SnapshotData> { meta: meta_of(&note), snapshot: SnapshotData { source } }
        }))
    }

    /// Looks for the log's snapshot, and reads it, unless it was found whole before and that is `trusted`.
    fn look(&self, trusted: bool) -> Result<Option<(SnapshotFile, Note)>, ReplicaError> {
        let file = match self.log.snapshot() {
            Ok(Some(file)) if file.header().rows_version == ROWS_VERSION => file,
            Ok(_) => return Ok(None),
            Err(error @ LogError::Damaged { .. }) => return self.reject(None, &error),
            Err(error) => return Err(error.into()),
        };
        let header = *file.header();
        if let Some(note) = self.whole.note_of(&header).filter(|_| trusted) {
            return Ok(Some((file, note)));
        }
        let note = match file.read() {
            Ok((note, _)) => note,
            Err(error @ LogError::Damaged { .. }) => return self.reject(Some(&header), &error),
            Err(error) => return Err(error.into()),
        };
        let wrong =
            |error: serde_json::Error| ReplicaError::Snapshot { seq: header.position.seq, reason: error.to_string() };
        let note: Note = serde_json::from_slice(&note).map_err(wrong)?;
        *self.whole.known() = Some((header, note.clone()));
        Ok(Some((file, note)))
    }

    fn reject<T>(&self, damaged: Option<&SnapshotHeader>, error: &LogError) -> Result<Option<T>, ReplicaError> {
        tracing::warn!(%error, "the snapshot is moved aside");
        self.whole.doubt();
        self.log.reject_snapshot(damaged)?;
        Ok(None)
    }

    /// Why a snapshot cannot be taken over by this build, if it cannot.
    pub(super) fn objection(&self, header: &SnapshotHeader, format: u32) -> Option<String> {
        if header.rows_version != ROWS_VERSION {
            let found = header.rows_version;
            return Some(format!(
                "upgrade needed: the snapshot has rows of version {found}, this build reads {ROWS_VERSION}; run the \
                 same version on both members"
            ));
        }
        if format > self.fold.format() {
            let reads = self.fold.format();
            return Some(format!("upgrade needed: the snapshot has format version {format}, this build reads {reads}"));
        }
        self.fold.upgrade_needed().map(ToString::to_string)
    }

    /// Whether the log says something else about the entry that the snapshot ends with.
    pub(super) fn contradicts(&self, position: &LogPosition) -> bool {
        let same_entry = |found: &LogPosition| found.term == position.term && found.leader == position.leader;
        match self.log.position_of(position.index) {
            Ok(Some(found)) => same_entry(&found) && found != *position,
            Ok(None) | Err(_) => false,
        }
    }
}

/// The note and the state of a snapshot's content, when they belong together.
pub(super) fn decode(header: &SnapshotHeader, note: &[u8], state: &[u8]) -> Result<(Note, State), ReplicaError> {
    let wrong = |what: String| ReplicaError::Snapshot { seq: header.position.seq, reason: what };
    let note: Note = serde_json::from_slice(note).map_err(|error| wrong(error.to_string()))?;
    let state = State::restore(state).map_err(|error| wrong(error.to_string()))?;
    let LogPosition { index, term, leader, seq, .. } = header.position;
    if state.seq != seq || note.raft.applied != Some(log_id(term.0, leader, index)) {
        return Err(wrong("its state is of another position than its header".to_owned()));
    }
    Ok((note, state))
}

/// What Raft knows of a snapshot with this note.
pub(super) fn meta_of(note: &Note) -> SnapshotMetaOf<TypeConfig> {
    SnapshotMetaOf::<TypeConfig> { last_log_id: note.raft.applied, last_membership: note.raft.membership.clone() }
}

/// Does what takes time away from the runtime, unless there are no threads: in simulations.
pub(super) async fn aside<T: Send + 'static>(
    log: &Log,
    work: impl FnOnce() -> Result<T, ReplicaError> + Send + 'static,
) -> Result<T, ReplicaError> {
    if log.is_driven() {
        return work();
    }
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result,
        Err(error) => Err(ReplicaError::Stopped { reason: error.to_string() }),
    }
}

/// An error for Raft, which stops then.
pub(super) fn fatal(error: impl std::error::Error + Send + Sync + 'static) -> io::Error {
    io::Error::other(error)
}
