//! Retention: what is older than it says goes to the archive, segment by segment, and then out of the log.
//!
//! Each step is durable before the next: a snapshot that covers the segment, its copy in the archive, read back, the fact
//! `HISTORY_ARCHIVED`, committed. Only then may the log begin later. Whatever interrupts this, the next round takes it up.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::clock::Clock;
use super::error::NodeError;
use super::reserve::Reserve;
use crate::artifact::{Archive, ArchivedSegment};
use crate::event::command::ReportArchive;
use crate::event::history::HistoryArchived;
use crate::event::{Command, Hash, Millis, NodeId, Proposal, Seq};
use crate::log::{LogPosition, LogReader};
use crate::replica::propose::Outcome;
use crate::replica::snapshots::Basis;
use crate::replica::{Replica, ReplicaError};

/// How long a fact may take until it is committed; then the next round asks again.
const RECORDED_WITHIN: Duration = Duration::from_secs(30);
/// How long one answer may take.
const ANSWER_WITHIN: Duration = Duration::from_secs(5);
/// How often a leader is asked that is not there, or does not know.
const ASK_EVERY: Duration = Duration::from_millis(250);
/// Segments that one round archives at most, so that an old log goes a part at a time.
const SEGMENTS_MAX: usize = 64;
/// How often it looks whether the disk is full.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// Between two rounds while the disk is low.
const PRESSED_EVERY: Duration = Duration::from_secs(5);
const DAY_MS: u64 = 24 * 3_600 * 1_000;

/// `[retention]` of `node.toml`: what of the history stays in the log. A record stays as long as any of these wants it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Retention {
    /// The last so many records stay.
    pub keep_records: u64,
    /// Records stay for so many days.
    pub keep_days: Option<u32>,
    /// Where old segments go: a folder of this node's own, absolute or within the data directory; `archive` there when it is
    /// left out.
    pub archive: Option<PathBuf>,
    /// Bytes of a segment, which goes as a whole. Segments that exist stay as they are.
    pub segment_bytes: u64,
    /// Seconds between two rounds.
    pub every_s: u64,
}

impl Default for Retention {
    fn default() -> Retention {
        let segment_bytes = crate::log::LogOptions::new(Hash::default()).segment_bytes;
        Retention { keep_records: 1_000_000, keep_days: None, archive: None, segment_bytes, every_s: 60 }
    }
}

/// Archives old segments and lets the log go of them.
pub struct Retainer {
    /// This node.
    pub node: NodeId,
    /// What stays.
    pub retention: Retention,
    /// The log's folder.
    pub log: PathBuf,
    /// The archive's folder.
    pub archive: PathBuf,
    /// What lets a full disk make space.
    pub reserve: Reserve,
    /// The log, and whoever else needs it.
    pub replica: Arc<Replica>,
}

impl Retainer {
    /// Runs until `stop`. A round that fails is said, and tried again. On a disk that is low rounds come at once.
    pub async fn run(self, stop: CancellationToken) {
        let every = Duration::from_secs(self.retention.every_s.max(1));
        let (mut last, mut was_pressed) = (Instant::now(), false);
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(LOOK_EVERY) => {}
            }
            let pressed = self.is_pressed().await;
            let wait = if pressed { every.min(PRESSED_EVERY) } else { every };
            let at_once = pressed && !was_pressed;
            if last.elapsed() < wait && !at_once {
                continue;
            }
            (last, was_pressed) = (Instant::now(), pressed);
            tokio::select! {
                () = stop.cancelled() => return,
                done = self.round_with_reserve() => if let Err(error) = done {
                    tracing::error!(%error, "old history stays in the log: it could not be archived");
                },
            }
        }
    }

    /// A round, and meanwhile an eye on the reserve: what the round waits for may wait for space.
    async fn round_with_reserve(&self) -> Result<usize, NodeError> {
        let mut round = std::pin::pin!(self.round());
        loop {
            tokio::select! {
                done = &mut round => return done,
                () = tokio::time::sleep(LOOK_EVERY) => drop(self.is_pressed().await),
            }
        }
    }

    /// Whether space is needed now. Sees to the reserve.
    async fn is_pressed(&self) -> bool {
        let reserve = self.reserve.clone();
        match tokio::task::spawn_blocking(move || reserve.tend()).await {
            Ok(Ok(pressed)) => pressed,
            Ok(Err(error)) => {
                tracing::debug!(%error, "no reserve is kept");
                self.replica.log().is_full()
            }
            Err(_) => false,
        }
    }

    /// Archives what is old enough, and lets the log go of it. Returns how many segments went.
    ///
    /// # Errors
    /// When something cannot be read, written or recorded. Nothing that is not in the archive has gone then.
    pub async fn round(&self) -> Result<usize, NodeError> {
        let old = self.old().await?;
        let Some((_, last)) = old.last().copied() else { return Ok(0) };
        let fold = self.replica.fold().clone();
        // A checkpoint that is being written is waited for, and not by the control runtime.
        let rows_go_on = aside(move || Ok(fold.is_saved_on())).await? && !self.replica.log().is_full();
        let basis = if rows_go_on { Basis::Rows } else { Basis::Log };
        let covered = match self.replica.make_snapshot(basis).await? {
            Some(position) if position.index >= last.index => last.index,
            Some(position) => position.index,
            None => return Ok(0),
        };
        let mut gone = 0;
        for (first, last) in old.into_iter().filter(|(_, last)| last.index <= covered) {
            let Some(archived) = self.put(first).await? else { continue };
            if !self.record(archived).await? {
                tracing::warn!(
                    first,
                    "the archived segment stays in the log until the cluster has recorded that it is archived"
                );
                break;
            }
            self.replica.let_go_before(last.index + 1).await?;
            tracing::info!(first, last = last.index, seq = %last.seq, "archived a segment and let go of it");
            gone += 1;
        }
        Ok(gone)
    }

    /// Sealed segments of which no record has to stay: the first entry and the end of each.
    async fn old(&self) -> Result<Vec<(u64, LogPosition)>, NodeError> {
        let mut keep_from = Seq(self.replica.fold().seq().0.saturating_sub(self.retention.keep_records));
        let ends = self.replica.log().sealed_ends();
        let candidates = |until: Seq| ends.iter().copied().filter(move |(_, last)| last.seq <= until);
        if let Some(days) = self.retention.keep_days.filter(|_| candidates(keep_from).next().is_some()) {
            let at = Millis(Clock.now().0.saturating_sub(u64::from(days) * DAY_MS));
            let folder = self.log.clone();
            let seq = aside(move || Ok(LogReader::open(&folder)?.seq_at(at)?)).await?;
            keep_from = keep_from.min(seq);
        }
        Ok(candidates(keep_from).take(SEGMENTS_MAX).collect())
    }

    /// Puts the sealed segment that begins at `first` into the archive. None when it is no sealed segment any more.
    async fn put(&self, first: u64) -> Result<Option<ArchivedSegment>, NodeError> {
        let (log, root) = (self.replica.log().clone(), self.archive.clone());
        aside(move || {
            let mut archive = Archive::open(&root, log.options().cluster)?;
            match log.sealed_part(first)? {
                Some(part) => Ok(Some(archive.put(&part)?)),
                None => Ok(None),
            }
        })
        .await
    }

    /// Sees to it that the log says so. False when that takes too long.
    ///
    /// The leader's word that it is committed is enough, and the outbox has no part in it: a disk that is full can neither take a
    /// proposal nor fold the fact, which stands behind everything else that waits for space. Whoever never hears the answer says
    /// it again.
    async fn record(&self, archived: ArchivedSegment) -> Result<bool, NodeError> {
        let ArchivedSegment { first_index, last_index, first_seq, last_seq, bytes, blob, chain_before, chain } =
            archived;
        let host = self.node;
        let archived =
            HistoryArchived { host, first_index, last_index, first_seq, last_seq, blob, bytes, chain_before, chain };
        let command = Command::ReportArchive(ReportArchive { archived });
        let deadline = Instant::now() + RECORDED_WITHIN;
        while Instant::now() < deadline {
            let proposal = Proposal {
                origin: host,
                origin_seq: 0,
                observed_at: Clock.now(),
                caused_by: vec![],
                command: command.clone(),
            };
            // A leader whose disk is full may not answer before it has space.
            let answer = tokio::time::timeout(ANSWER_WITHIN, self.replica.propose(vec![proposal])).await;
            match answer.unwrap_or_default().pop() {
                Some(Outcome::Admitted { .. } | Outcome::Already) => return Ok(true),
                Some(Outcome::Refused { code, message }) => {
                    tracing::error!(code, message, "the cluster does not record what was archived");
                    return Ok(false);
                }
                Some(Outcome::Unavailable { .. }) | None => tokio::time::sleep(ASK_EVERY).await,
            }
        }
        Ok(false)
    }
}

/// Does what reads and writes files away from the runtime.
async fn aside<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, NodeError> + Send + 'static,
) -> Result<T, NodeError> {
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result,
        Err(error) => Err(ReplicaError::Stopped { reason: error.to_string() }.into()),
    }
}
