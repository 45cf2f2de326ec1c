//! The writer thread: takes all that is queued, writes it at once, syncs once, then runs the callbacks in order.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use super::entry::{Entry, Tip};
use super::error::LogError;
use super::frame;
use super::index::Segment;
use super::pending::Done;
use super::queue::{Append, BATCH_BYTES_MAX, Job, Work};
use super::recovery::{self, Active};
use super::segment::{self, SEGMENT_HEADER_BYTES, SegmentHeader};
use super::state::{Shared, Turn};
use super::vote;
use crate::broken::{self, Defect};

/// Owned by its thread, or by a [`LogDriver`]. Ends when the last handle of the log is gone and the queue is empty.
pub(super) struct Writer {
    pub(super) shared: Arc<Shared>,
    pub(super) active: Active,
    /// The end of what is durable.
    pub(super) tip: Tip,
    /// The end of what is staged.
    staged: Tip,
    /// Frames that are staged: to be written at the tail of the active segment.
    buffer: Vec<u8>,
    /// Where the staged frames will stand: index, seq, offset.
    notes: Vec<(u64, crate::event::Seq, u64)>,
}

impl Writer {
    pub(super) fn new(shared: Arc<Shared>, active: Active, tip: Tip) -> Writer {
        Writer { shared, active, tip, staged: tip, buffer: vec![], notes: vec![] }
    }

    /// Works until the log is closed.
    pub(super) fn run(mut self) {
        let _guard = PoisonOnPanic(self.shared.clone());
        while let Some(turn) = self.shared.next_work() {
            self.turn(turn);
            if self.shared.lock().full {
                self.shared.pause();
            }
        }
    }

    fn turn(&mut self, (committed, work): Turn) {
        if let Some(next) = committed {
            // A hint only: a node that starts without it asks the leader.
            if let Err(error) = vote::save_committed(self.shared.disk.as_ref(), next) {
                tracing::warn!(%error, "the committed index was not saved");
            }
        }
        match work {
            Some(Work::Append(batch)) => self.append(batch),
            Some(Work::Rewind { tip, done }) => self.rewind(tip, done),
            Some(Work::SaveVote { vote, done }) => self.save_vote(vote, done),
            Some(Work::Trim { index, done }) => self.trim(index, done),
            Some(Work::Rebase { tip, done }) => self.rebase(tip, done),
            None => {}
        }
    }

    fn append(&mut self, mut batch: Vec<Append>) {
        let result = self.write(&batch);
        if let Err(error) = &result {
            match self.shared.put_back(Work::Append(batch), error) {
                Some(Work::Append(refused)) => batch = refused,
                _ => return,
            }
        }
        // The state comes before the callbacks, and these before those of whatever was queued later.
        let failed = match &result {
            Ok(()) => {
                self.settle(&batch);
                vec![]
            }
            Err(error) => self.fail(error),
        };
        for Append { entries, done, .. } in batch {
            let durable = entries.last().is_none_or(|entry| entry.index < self.tip.next_index);
            done(if durable { Ok(()) } else { result.clone() });
        }
        if let Err(error) = &result {
            self.shared.refuse(failed, error);
        }
    }

    /// Writes and syncs entries. After an error some of them may be durable; an entry that already is, is left out.
    fn write(&mut self, batch: &[Append]) -> Result<(), LogError> {
        let durable = self.tip.next_index;
        let mut entries = batch.iter().flat_map(|append| &append.entries).filter(|entry| entry.index >= durable);
        let result = entries.try_for_each(|entry| self.stage(entry)).and_then(|()| self.flush());
        self.reset(self.tip);
        result
    }

    /// Forgets what is staged; the log ends at `tip`.
    pub(super) fn reset(&mut self, tip: Tip) {
        self.tip = tip;
        self.staged = tip;
        self.buffer.clear();
        self.notes.clear();
    }

    /// Tells the shared state that a batch is written.
    fn settle(&self, batch: &[Append]) {
        let mut state = self.shared.lock();
        if batch.first().is_some_and(|append| append.generation == state.generation) {
            state.written = self.tip.next_index;
        }
        let written = state.written;
        state.cache.shrink(written);
        drop(state);
        self.shared.has_space();
    }

    /// A full disk takes back what was not written; anything else ends the log. Returns what fails with it.
    pub(super) fn fail(&self, error: &LogError) -> Vec<Job> {
        let mut failed = self.shared.take_back(&self.tip);
        if matches!(error, LogError::Full { .. }) {
            tracing::warn!(%error, "an append failed");
        } else {
            failed.extend(self.shared.poison(&error.to_string()));
        }
        failed
    }

    /// Puts an entry's frame into the buffer; makes a new segment when it does not fit.
    fn stage(&mut self, entry: &Entry) -> Result<(), LogError> {
        let bytes = frame::frame_bytes(entry);
        if self.active.tail + self.buffer.len() as u64 + bytes > self.active.capacity {
            self.flush()?;
            self.roll(bytes)?;
        } else if self.buffer.len() >= BATCH_BYTES_MAX {
            self.flush()?;
        }
        self.notes.push((entry.index, entry.first_seq, self.active.tail + self.buffer.len() as u64));
        frame::encode(entry, self.tip.next_index, &mut self.buffer);
        self.staged = Tip::after(entry);
        Ok(())
    }

    /// Writes and syncs what is staged.
    fn flush(&mut self) -> Result<(), LogError> {
        if self.buffer.is_empty() {
            return Ok(());
        }
        let Active { file, path, tail, .. } = &self.active;
        let started = Instant::now();
        if let Err(error) = file.write_at(&self.buffer, *tail) {
            let error = LogError::io("write", path, error);
            self.take_bytes_back(&error)?;
            return Err(error);
        }
        if !broken::has(Defect::LogSync) {
            file.sync().map_err(|error| LogError::fatal("sync", path, error))?;
        }
        let elapsed = started.elapsed();
        let (bytes, entries) = (self.buffer.len() as u64, self.staged.next_index - self.tip.next_index);
        tracing::trace!(entries, bytes, ?elapsed, "synced a batch");
        self.active.tail += bytes;
        self.tip = self.staged;
        self.buffer.clear();
        let mut state = self.shared.lock();
        for (index, first_seq, offset) in self.notes.drain(..) {
            state.index.note(index, first_seq, offset);
        }
        state.stats.batches += 1;
        state.stats.entries += entries;
        state.stats.bytes += bytes;
        state.stats.write_us += u64::try_from(elapsed.as_micros()).unwrap_or(u64::MAX);
        Ok(())
    }

    /// Overwrites with zeros what a write to a full disk left behind the tail, so that it is never read as a frame.
    fn take_bytes_back(&self, error: &LogError) -> Result<(), LogError> {
        if !matches!(error, LogError::Full { .. }) {
            return Ok(());
        }
        let Active { file, path, tail, .. } = &self.active;
        let wiped = recovery::wipe(file.as_ref(), *tail, self.buffer.len() as u64);
        match wiped.map_err(|error| LogError::io("clean", path, error)) {
            // The rest was never written: there was no space for it.
            Ok(()) | Err(LogError::Full { .. }) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Begins a new segment that has space for a frame of `bytes`. Nothing may be staged.
    fn roll(&mut self, bytes: u64) -> Result<(), LogError> {
        let header = SegmentHeader { cluster: self.shared.options.cluster, before: self.tip };
        let bytes = (SEGMENT_HEADER_BYTES as u64 + bytes).max(self.shared.options.segment_bytes);
        let keep_free = self.shared.keep_free.load(Ordering::Relaxed);
        let is_short = |free: u64| free < keep_free.saturating_add(bytes);
        if keep_free > 0 && self.shared.disk.free_bytes().is_some_and(is_short) {
            return Err(LogError::Full { path: self.shared.disk.path("") });
        }
        let started = Instant::now();
        self.active = recovery::create_segment(self.shared.disk.as_ref(), &header, bytes)?;
        tracing::debug!(path = %self.active.path.display(), bytes, elapsed = ?started.elapsed(), "began a segment");
        let mut state = self.shared.lock();
        // A segment without entries is replaced by a larger one of the same name.
        if state.index.segments().last().is_some_and(|last| last.before == self.tip) {
            state.index.pop();
        }
        let name = segment::name_of(self.tip.next_index);
        state.index.push(Segment::new(name, self.active.file.clone(), self.tip));
        Ok(())
    }

    fn save_vote(&mut self, vote: vote::Vote, done: Done) {
        let result = vote.save(self.shared.disk.as_ref(), &self.shared.options.cluster);
        let done = match &result {
            Err(error) => match self.shared.put_back(Work::SaveVote { vote, done }, error) {
                Some(Work::SaveVote { done, .. }) => done,
                _ => return,
            },
            Ok(()) => {
                self.shared.has_space();
                done
            }
        };
        let fatal = result.as_ref().err().filter(|error| !matches!(error, LogError::Full { .. })).cloned();
        if result.is_ok() {
            self.shared.lock().vote = Some(vote);
        }
        let failed = fatal.map(|error| (self.shared.poison(&error.to_string()), error));
        done(result);
        if let Some((failed, error)) = failed {
            self.shared.refuse(failed, &error);
        }
    }
}

/// The writer of a log that has no thread for it: see [`super::Log::open_driven`].
#[must_use = "nothing is written unless this runs"]
pub struct LogDriver(pub(super) Writer);

impl LogDriver {
    /// Works until the log is closed. Each turn begins after the time that `pace` says: what a disk would take.
    /// Dropped before its end, it leaves undone whatever is queued, as a crash does.
    pub async fn run(self, mut pace: impl FnMut() -> Duration) {
        let LogDriver(mut writer) = self;
        let shared = writer.shared.clone();
        let _guard = PoisonOnPanic(shared.clone());
        while let Some(turn) = shared.next_work_paced(&mut pace).await {
            writer.turn(turn);
        }
    }
}

/// A writer that panics leaves nobody waiting.
struct PoisonOnPanic(Arc<Shared>);

impl Drop for PoisonOnPanic {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let reason = "the writer panicked";
            let failed = self.0.poison(reason);
            self.0.refuse(failed, &LogError::Poisoned { reason: reason.to_owned() });
        }
    }
}
