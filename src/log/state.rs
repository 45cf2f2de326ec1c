//! What the log's callers and its writer thread share.

use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;

use super::cache::Cache;
use super::disk::LogDisk;
use super::entry::{NewEntry, Tip};
use super::error::LogError;
use super::index::Index;
use super::pending::Done;
use super::queue::{Append, Job, Queue, Work};
use super::recovery::Recovered;
use super::snapshot::Place;
use super::store::{LogOptions, LogStats};
use super::vote::Vote;

/// How often a full disk is tried again.
const SPACE_RETRY: Duration = Duration::from_millis(250);

/// Shared by all handles of a log and its writer thread; lives as long as the longest of them.
pub(super) struct Shared {
    pub disk: Arc<dyn LogDisk>,
    pub options: LogOptions,
    state: Mutex<State>,
    /// The writer thread waits here for work.
    work: Condvar,
    /// Callers wait here for space in the queue.
    space: Condvar,
    /// Bytes that new segments leave free on the disk.
    pub keep_free: AtomicU64,
    pub snapshot_place: Place,
    /// Where a writer without a thread of its own waits for work.
    driven: Option<Notify>,
}

/// A changed hint to save, and then what to do.
pub(super) type Turn = (Option<u64>, Option<Work>);

pub(super) struct State {
    /// The end of what came before the log's first entry.
    pub base: Tip,
    /// The end of what was appended, written or not.
    pub tip: Tip,
    pub cache: Cache,
    pub index: Index,
    /// Entries below this index stand on the disk as they stand here, so that the cache may forget them.
    pub written: u64,
    pub vote: Option<Vote>,
    /// The committed index + 1.
    pub committed: u64,
    committed_changed: bool,
    queue: Queue,
    /// Counts rewinds, asked for or forced by a failure: work of an older generation must not move `written`.
    pub generation: u64,
    pub poisoned: Option<String>,
    /// The writer waits for space on the disk.
    pub full: bool,
    closing: bool,
    /// What finds the disk full fails from now on.
    impatient: bool,
    pub stats: LogStats,
}

impl Shared {
    /// `driven`: no thread works off the queue, a task does.
    pub(super) fn new(disk: Arc<dyn LogDisk>, options: LogOptions, recovered: &Recovered, driven: bool) -> Shared {
        let state = State {
            base: recovered.base,
            tip: recovered.tip,
            cache: Cache::new(options.cache_bytes),
            index: recovered.index.clone(),
            written: recovered.tip.next_index,
            vote: recovered.vote,
            committed: recovered.committed,
            committed_changed: false,
            queue: Queue::default(),
            generation: 0,
            poisoned: None,
            full: false,
            closing: false,
            impatient: false,
            stats: LogStats::default(),
        };
        let driven = driven.then(Notify::new);
        let (state, work, space) = (Mutex::new(state), Condvar::new(), Condvar::new());
        let (keep_free, snapshot_place) = (AtomicU64::new(0), Place::default());
        Shared { disk, options, state, work, space, keep_free, snapshot_place, driven }
    }

    /// The state, whatever happened to other threads: each change under the lock is complete in itself.
    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The state, unless the log is poisoned.
    pub(super) fn sound(&self) -> Result<MutexGuard<'_, State>, LogError> {
        let state = self.lock();
        state.check()?;
        Ok(state)
    }

    /// The state, as soon as the queue has space. Never waits for a writer that is a task: both may share one thread.
    pub(super) fn with_space(&self) -> Result<MutexGuard<'_, State>, LogError> {
        let mut state = self.sound()?;
        while state.queue.is_full() && self.driven.is_none() {
            state = self.space.wait(state).unwrap_or_else(PoisonError::into_inner);
            state.check()?;
        }
        Ok(state)
    }

    /// Whether the writer is a task.
    pub(super) fn is_driven(&self) -> bool {
        self.driven.is_some()
    }

    /// Wakes the writer.
    pub(super) fn notify(&self) {
        match &self.driven {
            Some(driven) => driven.notify_one(),
            None => self.work.notify_one(),
        }
    }

    /// Tells the writer to finish what is queued and end.
    pub(super) fn close(&self) {
        self.lock().closing = true;
        self.notify();
    }

    /// Lets what waits for space fail, now and from now on.
    pub(super) fn wait_no_more(&self) {
        self.lock().impatient = true;
        self.notify();
    }

    /// Waits for work: what to do next and a changed hint to save first. None when the log is closed.
    pub(super) fn next_work(&self) -> Option<Turn> {
        let mut state = self.lock();
        loop {
            if let Some(turn) = state.take_work() {
                self.space.notify_all();
                return Some(turn);
            }
            if state.closing {
                return None;
            }
            state = self.work.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// As [`Shared::next_work`], for a writer that is a task. Before it takes work it waits as long as `pace` says.
    pub(super) async fn next_work_paced(&self, pace: &mut impl FnMut() -> Duration) -> Option<Turn> {
        if self.lock().full {
            tokio::time::sleep(SPACE_RETRY).await;
        }
        loop {
            let (idle, closing) = {
                let state = self.lock();
                (state.queue.is_empty() && !state.committed_changed, state.closing)
            };
            match (idle, closing, &self.driven) {
                (true, false, Some(driven)) => driven.notified().await,
                (true, ..) => return None,
                (false, ..) => {
                    tokio::time::sleep(pace()).await;
                    let turn = self.lock().take_work();
                    if turn.is_some() {
                        return turn;
                    }
                }
            }
        }
    }

    /// Puts work back that found the disk full, unless it must not wait: then it is returned.
    pub(super) fn put_back(&self, work: Work, error: &LogError) -> Option<Work> {
        let mut state = self.lock();
        if !self.options.waits_for_space || state.closing || state.impatient || !matches!(error, LogError::Full { .. })
        {
            return Some(work);
        }
        if !std::mem::replace(&mut state.full, true) {
            tracing::warn!(%error, "waiting for space on the disk");
        }
        state.queue.put_back(work);
        None
    }

    /// The disk took something.
    pub(super) fn has_space(&self) {
        if std::mem::take(&mut self.lock().full) {
            tracing::info!("there is space on the disk again");
        }
    }

    /// Waits a while before the disk is tried again; less when the log is closed meanwhile.
    pub(super) fn pause(&self) {
        let state = self.lock();
        if !state.closing && !state.impatient {
            drop(self.work.wait_timeout(state, SPACE_RETRY));
        }
    }

    /// Takes back all that was appended after `tip` and could not be written. Returns the requests that fail with it.
    pub(super) fn take_back(&self, tip: &Tip) -> Vec<Job> {
        let mut state = self.lock();
        state.rewind(tip);
        state.written = tip.next_index;
        state.queue.take_entries()
    }

    /// Refuses everything from now on. Returns the requests that are waiting.
    pub(super) fn poison(&self, reason: &str) -> Vec<Job> {
        tracing::error!(reason, "the log is poisoned");
        let mut state = self.lock();
        state.poisoned.get_or_insert_with(|| reason.to_owned());
        state.queue.take_all()
    }

    /// Tells whoever waits for these requests that they have failed.
    pub(super) fn refuse(&self, jobs: Vec<Job>, error: &LogError) {
        self.space.notify_all();
        for job in jobs {
            job.into_done()(Err(error.clone()));
        }
    }
}

impl State {
    fn check(&self) -> Result<(), LogError> {
        match &self.poisoned {
            Some(reason) => Err(LogError::Poisoned { reason: reason.clone() }),
            None => Ok(()),
        }
    }

    /// What the writer does next, if there is anything to do.
    fn take_work(&mut self) -> Option<Turn> {
        let work = self.queue.next();
        let committed = std::mem::take(&mut self.committed_changed).then_some(self.committed);
        (work.is_some() || committed.is_some()).then_some((committed, work))
    }

    /// Stamps entries and queues them. All or nothing.
    pub(super) fn append(&mut self, entries: Vec<NewEntry>, done: Done) -> Result<(), LogError> {
        let mut term = self.tip.term;
        for (entry, expected) in entries.iter().zip(self.tip.next_index..) {
            if entry.index != expected {
                return Err(LogError::NotNext { expected, found: entry.index });
            }
            if entry.term < term {
                let reason = format!("its term {} is below {term}", entry.term);
                return Err(LogError::Refused { index: entry.index, reason });
            }
            term = entry.term;
        }
        let entries: Vec<_> = entries.into_iter().map(|entry| self.tip.stamp(entry)).collect();
        for entry in &entries {
            self.cache.push(entry.clone());
        }
        self.queue.push(Job::Append(Append { entries, generation: self.generation, done }));
        Ok(())
    }

    /// Rewinds to `tip` and queues the same for the disk.
    pub(super) fn truncate(&mut self, tip: Tip, done: Done) {
        self.rewind(&tip);
        self.queue.push(Job::Rewind { tip, done });
    }

    /// Asks the disk to drop the segments that end before `index`.
    pub(super) fn trim(&mut self, index: u64, done: Done) {
        self.queue.push(Job::Trim { index, done });
    }

    /// Begins anew at `tip`, beyond the end.
    pub(super) fn rebase(&mut self, tip: Tip, done: Done) {
        self.rewind(&tip);
        self.written = tip.next_index;
        self.base = tip;
        self.save_committed(self.committed.max(tip.next_index));
        self.queue.push(Job::Rebase { tip, done });
    }

    /// Queues a vote.
    pub(super) fn save_vote(&mut self, vote: Vote, done: Done) {
        self.queue.push(Job::SaveVote { vote, done });
    }

    /// Remembers the hint; it is written beside the next work.
    pub(super) fn save_committed(&mut self, next: u64) {
        self.committed_changed |= self.committed != next;
        self.committed = next;
    }

    fn rewind(&mut self, tip: &Tip) {
        self.tip = *tip;
        self.cache.rewind(tip.next_index);
        self.written = self.written.min(tip.next_index);
        self.generation += 1;
    }
}
