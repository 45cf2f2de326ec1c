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
use super::snapshots::{self, Note, SnapshotData, Snapshots, Source, aside, fatal};
use super::types::{Applied, Batch, LogId, StoredMembership, TypeConfig};
use crate::broken::{self, Defect};
use crate::event::record::{RawRecord, records};
use crate::event::{EventError, Record, Seq, Term};
use crate::log::{LogPosition, SnapshotFile};
use crate::projection::State;

type RaftSnapshot = SnapshotOf<TypeConfig, SnapshotData>;

/// Feeds committed entries to the [`Fold`].
pub struct Machine {
    fold: Arc<Fold>,
    snapshots: Arc<Snapshots>,
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
    pub fn new(snapshots: Arc<Snapshots>, raft: RaftCheckpoint) -> Machine {
        Machine { fold: snapshots.fold.clone(), snapshots, folded: raft.clone(), raft }
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
        match raw.kind().and_then(|kind| kind.since_version(raw.version())) {
            Some(since) if since > self.fold.format() => {
                Err(EventError::Unknown { kind: raw.kind_number(), version: raw.version() })
            }
            _ => raw.decode(seq, term),
        }
    }

    /// The state as it is now, as the log's snapshot: nothing is applied meanwhile.
    pub(super) async fn made(&self) -> Result<Option<SnapshotFile>, ReplicaError> {
        let (snapshots, folded) = (self.snapshots.clone(), self.folded.clone());
        aside(&self.snapshots.log, move || snapshots.fold.read(|state| snapshots.write(state, folded))).await
    }

    /// The snapshot that is there.
    async fn found(&self) -> Result<Option<RaftSnapshot>, ReplicaError> {
        let snapshots = self.snapshots.clone();
        aside(&self.snapshots.log, move || snapshots.to_raft()).await
    }

    /// The snapshot of the state as it is now.
    async fn made_and_found(&self) -> Result<Option<RaftSnapshot>, ReplicaError> {
        match self.made().await? {
            Some(_) => self.found().await,
            None => Ok(None),
        }
    }

    fn keeps_first_members(&self) -> bool {
        broken::has(Defect::Membership) && self.raft.membership.log_id().is_some()
    }

    /// Writes a checkpoint when it is time, but never of what a quorum of others has committed while this node still writes it: after a
    /// crash the log would end before its own checkpoint.
    fn checkpoint(&self, force: bool) -> Result<(), ReplicaError> {
        if self.folded.applied.map(|applied| applied.index) > self.snapshots.log.durable() {
            return Ok(());
        }
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
    type SnapshotData = SnapshotData;
    type SnapshotBuilder = Builder;

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
                EntryPayload::Membership(_) if self.keeps_first_members() => {}
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

    async fn get_snapshot_builder(&mut self) -> Builder {
        Builder { made: self.made_and_found().await }
    }

    async fn try_create_snapshot_builder(&mut self, force: bool) -> Option<Builder> {
        let made = match force {
            true => self.made_and_found().await,
            false => self.found().await,
        };
        // Unasked, nothing is made here: retention makes snapshots, and tells Raft of them in this way.
        (force || matches!(made, Ok(Some(_)))).then_some(Builder { made })
    }

    async fn install_snapshot(&mut self, _: &SnapshotMetaOf<TypeConfig>, data: SnapshotData) -> Result<(), io::Error> {
        let (snapshots, received) = (self.snapshots.clone(), matches!(data.source, Source::Received { .. }));
        let (position, note, state) = aside(&self.snapshots.log, move || take_over(data)).await.map_err(fatal)?;
        // The snapshot is durable under its name: from here on the log may lose its beginning.
        let log = &snapshots.log;
        if log.last().is_none_or(|last| last.index < position.index) {
            log.begin_after(position).map_err(fatal)?.await.map_err(fatal)?;
        }
        self.raft = note.raft;
        self.folded.clone_from(&self.raft);
        self.fold.install(state);
        if received {
            snapshots.count_installed();
        }
        tracing::info!(index = position.index, seq = position.seq.0, received, "goes on from a snapshot");
        self.checkpoint(false)?;
        Ok(())
    }

    async fn get_current_snapshot(&mut self) -> Result<Option<RaftSnapshot>, io::Error> {
        match self.found().await.map_err(fatal)? {
            None if self.snapshots.log.base().is_some() => self.made_and_found().await.map_err(fatal),
            found => Ok(found),
        }
    }
}

/// What a snapshot holds. One that was received gets its name first.
fn take_over(data: SnapshotData) -> Result<(LogPosition, Note, State), ReplicaError> {
    match data.source {
        Source::File { file, .. } => {
            let (note, state) = file.read()?;
            let (note, state) = snapshots::decode(file.header(), &note, &state)?;
            Ok((file.header().position, note, state))
        }
        Source::Received { writer, state, note } => {
            let position = writer.header().position;
            writer.publish()?;
            Ok((position, note, *state))
        }
    }
}

/// Tells Raft of the snapshot that is there.
pub struct Builder {
    made: Result<Option<RaftSnapshot>, ReplicaError>,
}

impl RaftSnapshotBuilder<TypeConfig> for Builder {
    type SnapshotData = SnapshotData;

    async fn build_snapshot(&mut self) -> Result<RaftSnapshot, io::Error> {
        let made = std::mem::replace(&mut self.made, Ok(None)).map_err(fatal)?;
        made.ok_or_else(|| {
            fatal(ReplicaError::Snapshot {
                seq: Seq(0),
                reason: "the log begins later than the projections have come, and there is no snapshot of what came \
                         before: make the projections anew with `kifu-replay rebuild DIR --archive ARCHIVE`, or let the node join \
                         anew"
                    .to_owned(),
            })
        })
    }
}
