//! The fold as Raft's state machine.

use std::io;
use std::sync::Arc;

use futures_util::{Stream, StreamExt};
use openraft::EntryPayload;
use openraft::storage::{EntryResponder, RaftSnapshotBuilder, RaftStateMachine};
use openraft::type_config::alias::{SnapshotMetaOf, SnapshotOf};
use serde::{Deserialize, Serialize};

use super::error::ReplicaError;
use super::fold::Fold;
use super::types::{Applied, Batch, LogId, StoredMembership, TypeConfig};
use crate::event::record::{RawRecord, records};
use crate::event::{EventError, Record, Seq, Term};

/// Feeds committed entries to the [`Fold`].
pub struct Machine {
    fold: Arc<Fold>,
    /// What Raft was told.
    raft: RaftCheckpoint,
    /// What belongs to the fold. It falls behind `raft` only when the fold has halted, so that the next start applies the
    /// rest again, with a build that can read it.
    folded: RaftCheckpoint,
}

/// What Raft itself needs to find again beside a checkpoint of the projections.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RaftCheckpoint {
    /// The last entry that was applied.
    pub applied: Option<LogId>,
    /// The last membership that was applied.
    pub membership: StoredMembership,
}

impl Machine {
    /// A state machine that goes on from `raft`, which belongs to the fold's checkpoint.
    pub fn new(fold: Arc<Fold>, raft: RaftCheckpoint) -> Machine {
        Machine { fold, folded: raft.clone(), raft }
    }

    /// Folds a batch, or halts before it when this build cannot read all of it: half of an entry is never folded.
    fn apply_batch(&self, log_id: &LogId, batch: &Batch) -> Result<(), ReplicaError> {
        if self.fold.upgrade_needed().is_some() {
            return Ok(());
        }
        let (term, mut seq) = (Term(log_id.leader_id.term), self.fold.read(|state| state.seq));
        let mut decoded: Vec<Record> = Vec::with_capacity(batch.count as usize);
        for raw in records(&batch.records) {
            seq = seq.next();
            match raw.and_then(|raw| self.decode(&raw, seq, term)) {
                Ok(record) => decoded.push(record),
                Err(reason @ EventError::Unknown { .. }) => {
                    self.fold.halt(seq, reason);
                    return Ok(());
                }
                Err(source) => return Err(ReplicaError::Record { index: log_id.index, source }),
            }
        }
        self.fold.apply(&decoded);
        Ok(())
    }

    fn decode(&self, raw: &RawRecord, seq: Seq, term: Term) -> Result<Record, EventError> {
        match raw.kind() {
            Some(kind) if kind.since() > self.fold.format() => {
                Err(EventError::Unknown { kind: raw.kind_number(), version: raw.version() })
            }
            _ => raw.decode(seq, term),
        }
    }

    fn checkpoint(&self, force: bool) -> Result<(), ReplicaError> {
        let raft = serde_json::to_vec(&self.folded).expect("checkpoints are plain data");
        self.fold.checkpoint(&raft, force)
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        if let Err(error) = self.checkpoint(true) {
            tracing::warn!(%error, "no checkpoint at the end: the next start folds a longer tail");
        }
    }
}

impl RaftStateMachine<TypeConfig> for Machine {
    type SnapshotData = Vec<u8>;
    type SnapshotBuilder = NoSnapshots;

    async fn applied_state(&mut self) -> Result<(Option<LogId>, StoredMembership), io::Error> {
        Ok((self.raft.applied, self.raft.membership.clone()))
    }

    async fn apply<S>(&mut self, mut entries: S) -> Result<(), io::Error>
    where
        S: Stream<Item = Result<EntryResponder<TypeConfig>, io::Error>> + Unpin + openraft::OptionalSend,
    {
        let mut responders = vec![];
        while let Some(next) = entries.next().await {
            let (entry, responder) = next?;
            match &entry.payload {
                EntryPayload::Blank => {}
                EntryPayload::Normal(batch) => self.apply_batch(&entry.log_id, batch)?,
                EntryPayload::Membership(membership) => {
                    self.raft.membership = StoredMembership::new(Some(entry.log_id), membership.clone());
                }
            }
            self.raft.applied = Some(entry.log_id);
            if self.fold.upgrade_needed().is_none() {
                self.folded.clone_from(&self.raft);
            }
            let last: Seq = self.fold.read(|state| state.seq);
            responders.extend(responder.map(|responder| (responder, Applied { last })));
        }
        self.fold.publish();
        for (responder, applied) in responders {
            responder.send(applied);
        }
        self.checkpoint(false)?;
        Ok(())
    }

    async fn get_snapshot_builder(&mut self) -> NoSnapshots {
        NoSnapshots
    }

    async fn try_create_snapshot_builder(&mut self, _force: bool) -> Option<NoSnapshots> {
        None
    }

    async fn install_snapshot(&mut self, _: &SnapshotMetaOf<TypeConfig>, _: Vec<u8>) -> Result<(), io::Error> {
        Err(NoSnapshots::refuse())
    }

    async fn get_current_snapshot(&mut self) -> Result<Option<SnapshotOf<TypeConfig, Vec<u8>>>, io::Error> {
        Ok(None)
    }
}

/// History is replicated whole: a Raft snapshot would skip it, so there is none.
pub struct NoSnapshots;

impl NoSnapshots {
    fn refuse() -> io::Error {
        io::Error::new(io::ErrorKind::Unsupported, "history is replicated whole; Raft snapshots are not used")
    }
}

impl RaftSnapshotBuilder<TypeConfig> for NoSnapshots {
    type SnapshotData = Vec<u8>;

    async fn build_snapshot(&mut self) -> Result<SnapshotOf<TypeConfig, Vec<u8>>, io::Error> {
        Err(Self::refuse())
    }
}
