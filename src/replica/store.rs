//! The event log as Raft's log.

use std::collections::VecDeque;
use std::fmt::Debug;
use std::io;
use std::ops::{Bound, RangeBounds};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use futures_util::{Stream, stream};
use openraft::storage::{IOFlushed, LogState, RaftLogReader, RaftLogStorage};
use openraft::{EntryPayload, OptionalSend};

use super::error::ReplicaError;
use super::types::{Batch, LogId, RaftEntry, TypeConfig, Vote};
use super::wire::{APPEND_BYTES_MAX, log_id, membership_bytes, read_membership};
use crate::event::Term;
use crate::log::{self, Log, LogError, LogPosition, NewEntry, Payload};

/// Raft's view of the log.
#[derive(Clone)]
pub struct LogStore {
    log: Log,
    /// Entries below this index may go: they are kept elsewhere.
    horizon: Arc<AtomicU64>,
}

impl LogStore {
    /// A view of `log`.
    pub fn new(log: Log) -> LogStore {
        LogStore { log, horizon: Arc::default() }
    }

    /// Where it is noted up to where entries may go. Nothing goes before it is raised.
    pub fn horizon(&self) -> Arc<AtomicU64> {
        self.horizon.clone()
    }

    fn read(&self, from: u64, to: u64, bytes_max: usize) -> Result<Vec<RaftEntry>, io::Error> {
        let entries = self.log.read(from, to, bytes_max).map_err(io::Error::other)?;
        entries.into_iter().map(|entry| to_raft(entry).map_err(io::Error::from)).collect()
    }
}

impl RaftLogReader<TypeConfig> for LogStore {
    async fn try_get_log_entries<R: RangeBounds<u64> + Clone + Debug + OptionalSend>(
        &mut self,
        range: R,
    ) -> Result<Vec<RaftEntry>, io::Error> {
        let (from, to) = bounds(&range);
        self.read(from, to, usize::MAX)
    }

    /// What Raft applies, in portions: a node that folds a long log anew does not hold all of it in memory. An entry that is
    /// gone (a full disk took back what it had shown) is an error, never skipped.
    async fn entries_stream<R: RangeBounds<u64> + Clone + Debug + OptionalSend>(
        &mut self,
        range: R,
    ) -> impl Stream<Item = Result<RaftEntry, io::Error>> + OptionalSend {
        let (next, to) = bounds(&range);
        stream::iter(Portions { store: self.clone(), next, to, portion: VecDeque::new() })
    }

    async fn read_vote(&mut self) -> Result<Option<Vote>, io::Error> {
        Ok(self.log.vote().map(to_raft_vote))
    }

    async fn limited_get_log_entries(&mut self, start: u64, end: u64) -> Result<Vec<RaftEntry>, io::Error> {
        self.read(start, end, APPEND_BYTES_MAX)
    }
}

/// The first index of a range, and the one after its last.
fn bounds(range: &impl RangeBounds<u64>) -> (u64, u64) {
    let from = match range.start_bound() {
        Bound::Included(&from) => from,
        Bound::Excluded(&before) => before + 1,
        Bound::Unbounded => 0,
    };
    let to = match range.end_bound() {
        Bound::Included(&last) => last + 1,
        Bound::Excluded(&to) => to,
        Bound::Unbounded => u64::MAX,
    };
    (from, to)
}

/// Entries, read in portions. Ends after the first error.
struct Portions {
    store: LogStore,
    next: u64,
    to: u64,
    portion: VecDeque<RaftEntry>,
}

impl Iterator for Portions {
    type Item = Result<RaftEntry, io::Error>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.next >= self.to {
            return None;
        }
        if self.portion.is_empty() {
            match self.store.read(self.next, self.to, APPEND_BYTES_MAX) {
                Ok(entries) => self.portion = entries.into(),
                Err(error) => {
                    self.to = 0;
                    return Some(Err(error));
                }
            }
        }
        if let Some(entry) = self.portion.pop_front() {
            self.next += 1;
            return Some(Ok(entry));
        }
        let (missing, open) = (self.next, self.to == u64::MAX);
        self.to = 0;
        (!open).then(|| Err(io::Error::other(format!("entry {missing} is not in the log any more"))))
    }
}

impl RaftLogStorage<TypeConfig> for LogStore {
    type LogReader = LogStore;

    async fn get_log_state(&mut self) -> Result<LogState<TypeConfig>, io::Error> {
        let id = |at: LogPosition| log_id(at.term.0, at.leader, at.index);
        Ok(LogState { last_purged_log_id: self.log.base().map(id), last_log_id: self.log.last().map(id) })
    }

    async fn get_log_reader(&mut self) -> LogStore {
        self.clone()
    }

    async fn save_vote(&mut self, vote: &Vote) -> Result<(), io::Error> {
        let vote = log::Vote {
            term: Term(vote.leader_id.term),
            node: Some(vote.leader_id.node_id),
            committed: vote.committed,
        };
        self.log.save_vote(vote).map_err(io::Error::other)?.await.map_err(io::Error::other)
    }

    async fn save_committed(&mut self, committed: Option<LogId>) -> Result<(), io::Error> {
        self.log.save_committed(committed.map(|committed| committed.index)).map_err(io::Error::other)
    }

    async fn read_committed(&mut self) -> Result<Option<LogId>, io::Error> {
        let Some(index) = self.log.committed() else { return Ok(None) };
        let position = self.log.position_of(index).map_err(io::Error::other)?;
        Ok(position.map(|at| log_id(at.term.0, at.leader, at.index)))
    }

    async fn append<I>(&mut self, entries: I, callback: IOFlushed<TypeConfig>) -> Result<(), io::Error>
    where
        I: IntoIterator<Item = RaftEntry> + OptionalSend,
        I::IntoIter: OptionalSend,
    {
        let entries: Vec<NewEntry> = entries.into_iter().map(from_raft).collect();
        let done =
            Box::new(move |result: Result<(), LogError>| callback.io_completed(result.map_err(io::Error::other)));
        self.log.append(entries, done).map_err(io::Error::other)
    }

    async fn truncate_after(&mut self, last: Option<LogId>) -> Result<(), io::Error> {
        self.log.truncate_after(last.map(|last| last.index)).map_err(io::Error::other)?.await.map_err(io::Error::other)
    }

    /// Raft needs these entries no more. They go only where they are kept elsewhere, whole segments at a time. Behind a
    /// snapshot that was taken over the log has begun anew already.
    async fn purge(&mut self, upto: LogId) -> Result<(), io::Error> {
        if self.log.last().is_none_or(|last| last.index < upto.index) {
            let reason = format!("the log ends before entry {}, up to which a snapshot was taken over", upto.index);
            return Err(io::Error::other(reason));
        }
        let before = (upto.index + 1).min(self.horizon.load(Ordering::Acquire));
        if self.log.base().map_or(0, |base| base.index + 1) >= before {
            return Ok(());
        }
        self.log.trim_before(before).map_err(io::Error::other)?.await.map_err(io::Error::other)
    }
}

pub(super) fn from_raft(entry: RaftEntry) -> NewEntry {
    let payload = match entry.payload {
        EntryPayload::Blank => Payload::Blank,
        EntryPayload::Normal(batch) => Payload::Records { count: batch.count, bytes: batch.records },
        EntryPayload::Membership(membership) => Payload::Membership(membership_bytes(&membership)),
    };
    let leader = entry.log_id.leader_id;
    NewEntry { index: entry.log_id.index, term: Term(leader.term), leader: leader.node_id, payload }
}

pub(super) fn to_raft(entry: log::Entry) -> Result<RaftEntry, ReplicaError> {
    let payload = match entry.payload {
        Payload::Blank => EntryPayload::Blank,
        Payload::Records { count, bytes } => EntryPayload::Normal(Batch { count, records: bytes }),
        Payload::Membership(bytes) => EntryPayload::Membership(read_membership(&bytes)?),
    };
    Ok(RaftEntry { log_id: log_id(entry.term.0, entry.leader, entry.index), payload })
}

fn to_raft_vote(vote: log::Vote) -> Vote {
    let node = vote.node.unwrap_or_default();
    match vote.committed {
        true => Vote::new_committed(vote.term.0, node),
        false => Vote::new(vote.term.0, node),
    }
}
