//! The log's one writer, as its callers see it.

use std::path::Path;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};

use super::disk::LogDisk;
use super::entry::{LogPosition, NewEntry, Tip};
use super::error::LogError;
use super::frame::ENTRY_BYTES_MAX;
use super::pending::Pending;
use super::recovery::{self, Recovery};
use super::segment::SEGMENT_BYTES_MAX;
use super::segment_disk::SegmentDisk;
use super::state::Shared;
use super::vote::Vote;
use super::writer::{LogDriver, Writer};
use crate::event::Hash;

/// How a log is kept.
#[derive(Clone, Copy, Debug)]
pub struct LogOptions {
    /// The cluster that the log belongs to; where its chain begins.
    pub cluster: Hash,
    /// Size of a segment, at most 256 MiB.
    pub segment_bytes: u64,
    /// Bytes of recent entries that are kept in memory.
    pub cache_bytes: usize,
    /// On a full disk: keep what is asked for until there is space again ([`Log::is_full`] says so meanwhile), instead of
    /// refusing it.
    pub waits_for_space: bool,
    /// Opening reads every segment that holds this entry or a later one. Of those that end before it only the headers are
    /// checked; their entries are checked when they are read, by [`Log::check_sealed`] and by [`super::verify`]. A large log
    /// so opens in the time of its last segments.
    pub check_from: u64,
}

/// What the writer has done since the log was opened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LogStats {
    /// Batches written, each with one sync.
    pub batches: u64,
    /// Entries written.
    pub entries: u64,
    /// Bytes of frames written.
    pub bytes: u64,
    /// Microseconds spent in writing and syncing.
    pub write_us: u64,
}

/// The one writer of a log. Clones share it; the last one to go waits until all that is queued is written.
#[derive(Clone)]
pub struct Log {
    handle: Arc<Handle>,
}

/// Ends the writer thread when the last [`Log`] is dropped.
struct Handle {
    shared: Arc<Shared>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl LogOptions {
    /// Segments of 16 MiB, 8 MiB of recent entries in memory, and all is checked at the start.
    pub fn new(cluster: Hash) -> LogOptions {
        LogOptions { cluster, segment_bytes: 16 << 20, cache_bytes: 8 << 20, waits_for_space: false, check_from: 0 }
    }
}

impl Log {
    /// Opens the log in `folder`, or begins one, and locks it.
    ///
    /// # Errors
    /// [`LogError::Locked`] when it is open elsewhere; [`LogError::Damaged`], [`LogError::Gap`], [`LogError::Chain`] and
    /// [`LogError::VoteLost`] when the disk has not kept what it was given; [`LogError::ForeignCluster`],
    /// [`LogError::Foreign`], [`LogError::FutureFormat`] when the folder is not this node's; [`LogError::Full`] when
    /// there is no space for the first segment.
    pub fn open(folder: &Path, options: LogOptions) -> Result<(Log, Recovery), LogError> {
        Log::open_on(Arc::new(SegmentDisk::writer(folder)?), options)
    }

    /// Opens the log on `disk`, or begins one.
    ///
    /// # Errors
    /// As [`Log::open`].
    #[tracing::instrument(name = "open_log", skip_all, fields(path = %disk.path("").display()))]
    pub fn open_on(disk: Arc<dyn LogDisk>, options: LogOptions) -> Result<(Log, Recovery), LogError> {
        let (writer, report) = recover(disk, options, false)?;
        let shared = writer.shared.clone();
        let thread = thread::Builder::new()
            .name("kifu-log".to_owned())
            .spawn(move || writer.run())
            .map_err(|error| LogError::io("start the writer of", &shared.disk.path(""), error))?;
        let handle = Handle { shared, thread: Mutex::new(Some(thread)) };
        Ok((Log { handle: Arc::new(handle) }, report))
    }

    /// Opens the log on `disk`, or begins one, without a thread of its own: it is written only while the
    /// [`LogDriver`] runs, at the pace that it is given. For simulations, which have one thread and a clock of their
    /// own. Nothing waits for space in the queue here: whoever drives the log bounds what is asked of it.
    ///
    /// # Errors
    /// As [`Log::open`].
    pub fn open_driven(disk: Arc<dyn LogDisk>, options: LogOptions) -> Result<(Log, Recovery, LogDriver), LogError> {
        let (writer, report) = recover(disk, options, true)?;
        let handle = Handle { shared: writer.shared.clone(), thread: Mutex::new(None) };
        Ok((Log { handle: Arc::new(handle) }, report, LogDriver(writer)))
    }

    /// Appends entries. They are readable when this returns, and durable when `done` is called with `Ok`.
    ///
    /// `done` runs on the writer's thread, in order of the appends; it must neither block nor call the log. It is not
    /// called when this returns an error. After [`LogError::Full`] part of the entries may be in the log (see
    /// [`Log::last`]); everything that was appended after them is taken back too, and told so. Waits while
    /// 64 MiB are queued.
    ///
    /// # Errors
    /// [`LogError::NotNext`] and [`LogError::Refused`] when the entries do not follow what is there;
    /// [`LogError::Poisoned`].
    pub fn append(
        &self,
        entries: Vec<NewEntry>,
        done: Box<dyn FnOnce(Result<(), LogError>) + Send>,
    ) -> Result<(), LogError> {
        for entry in &entries {
            check(entry)?;
        }
        self.shared().with_space()?.append(entries, done)?;
        self.shared().notify();
        Ok(())
    }

    /// Appends entries and answers when they are durable. As [`Log::append`].
    ///
    /// # Errors
    /// As [`Log::append`].
    pub fn append_durably(&self, entries: Vec<NewEntry>) -> Result<Pending, LogError> {
        let (pending, done) = Pending::new();
        self.append(entries, done)?;
        Ok(pending)
    }

    /// Removes all entries after `index` (all that the log holds for `None`). Reads and appends see it at once; it is durable when
    /// the answer comes. Removing nothing is fine.
    ///
    /// # Errors
    /// [`LogError::Poisoned`], or what went wrong when the last entry that stays was read.
    pub fn truncate_after(&self, index: Option<u64>) -> Result<Pending, LogError> {
        let (pending, done) = Pending::new();
        let base = self.shared().lock().base.next_index;
        let kept = match index {
            Some(index) if index.saturating_add(1) != base => self.read(index, index.saturating_add(1), 0)?.pop(),
            _ => None,
        };
        let index = index.filter(|index| index.saturating_add(1) != base);
        let mut state = self.shared().with_space()?;
        let tip = match (index, kept) {
            (None, _) => state.base,
            (Some(_), Some(entry)) => Tip::after(&entry),
            // The index is at or after the end.
            (Some(_), None) => state.tip,
        };
        state.truncate(tip, done);
        drop(state);
        self.shared().notify();
        Ok(pending)
    }

    /// The last entry that the log no longer holds; none when the log begins at index 0.
    pub fn base(&self) -> Option<LogPosition> {
        self.shared().lock().base.position()
    }

    /// Drops the segments that end before the entry at `index`; the one that is written to stays. Comes before appends that
    /// wait for space on a full disk: it may make that space. The caller answers
    /// for it that they are kept elsewhere.
    ///
    /// # Errors
    /// [`LogError::Poisoned`].
    pub fn trim_before(&self, index: u64) -> Result<Pending, LogError> {
        let (pending, done) = Pending::new();
        let mut state = self.shared().with_space()?;
        let index = index.min(state.tip.next_index);
        state.trim(index, done);
        drop(state);
        self.shared().notify();
        Ok(pending)
    }

    /// Begins anew after `position`, which lies beyond the end of this log: a snapshot stands for all up to it. The
    /// segments that were there are moved aside, not removed. Reads and appends see it at once; it is durable when
    /// the answer comes.
    ///
    /// # Errors
    /// [`LogError::Refused`] when the log reaches as far as `position`; [`LogError::Poisoned`].
    pub fn begin_after(&self, position: LogPosition) -> Result<Pending, LogError> {
        let (pending, done) = Pending::new();
        let mut state = self.shared().with_space()?;
        let tip = Tip::at(&position);
        if tip.next_index <= state.tip.next_index {
            let reason = format!("the log reaches as far as entry {} already", state.tip.next_index);
            return Err(LogError::Refused { index: position.index, reason });
        }
        state.rebase(tip, done);
        drop(state);
        self.shared().notify();
        Ok(pending)
    }

    /// Replaces the vote. Durable when the answer comes, after all that was asked for before.
    ///
    /// # Errors
    /// [`LogError::Poisoned`].
    pub fn save_vote(&self, vote: Vote) -> Result<Pending, LogError> {
        let (pending, done) = Pending::new();
        self.shared().with_space()?.save_vote(vote, done);
        self.shared().notify();
        Ok(pending)
    }

    /// The last durable vote.
    pub fn vote(&self) -> Option<Vote> {
        self.shared().lock().vote
    }

    /// Notes how far the log is committed. A hint: written beside the next append or at the end, without a sync of its
    /// own, because to wake the writer for it would cost as much as an append.
    ///
    /// # Errors
    /// [`LogError::Poisoned`].
    pub fn save_committed(&self, index: Option<u64>) -> Result<(), LogError> {
        self.shared().sound()?.save_committed(index.map_or(0, |index| index + 1));
        Ok(())
    }

    /// How far the log is known to be committed, never beyond its end.
    pub fn committed(&self) -> Option<u64> {
        let state = self.shared().lock();
        state.committed.min(state.tip.next_index).checked_sub(1)
    }

    /// The last entry that is committed and durable here: nothing ever replaces it.
    pub fn settled(&self) -> Option<u64> {
        let state = self.shared().lock();
        state.committed.min(state.written).checked_sub(1)
    }

    /// The last entry up to which all is durable here.
    pub fn durable(&self) -> Option<u64> {
        self.shared().lock().written.checked_sub(1)
    }

    /// How the log is kept.
    pub fn options(&self) -> LogOptions {
        self.shared().options
    }

    /// The position of the last entry, durable or not.
    pub fn last(&self) -> Option<LogPosition> {
        self.shared().lock().tip.position()
    }

    /// Whether requests wait for space on the disk. Nothing that was acknowledged is lost, and nothing new is acknowledged.
    pub fn is_full(&self) -> bool {
        self.shared().lock().full
    }

    /// From now on new segments leave so many bytes free on the disk, and wait as on a full one where they cannot: for whoever makes
    /// space.
    pub fn keep_free(&self, bytes: u64) {
        self.shared().keep_free.store(bytes, Ordering::Relaxed);
    }

    /// What waits for space on a full disk fails, now and from now on: for a node that stops, which would wait for it for ever.
    pub fn wait_no_more(&self) {
        self.shared().wait_no_more();
    }

    /// What the writer has done.
    pub fn stats(&self) -> LogStats {
        self.shared().lock().stats
    }

    pub(super) fn shared(&self) -> &Shared {
        &self.handle.shared
    }
}

fn recover(disk: Arc<dyn LogDisk>, options: LogOptions, driven: bool) -> Result<(Writer, Recovery), LogError> {
    let segment_bytes = options.segment_bytes.min(SEGMENT_BYTES_MAX);
    let options = LogOptions { segment_bytes, ..options };
    let recovered = recovery::recover(disk.as_ref(), &options)?;
    let report = recovered.report.clone();
    tracing::info!(segments = report.segments, entries = report.entries, records = report.records, "opened");
    let shared = Arc::new(Shared::new(disk, options, &recovered, driven));
    Ok((Writer::new(shared, recovered.active, recovered.tip), report))
}

/// Checks an entry before it gets its place.
pub(super) fn check(entry: &NewEntry) -> Result<(), LogError> {
    let bytes = entry.payload.content().len();
    let refused = |reason| Err(LogError::Refused { index: entry.index, reason });
    if bytes > ENTRY_BYTES_MAX {
        return refused(format!("it has {bytes} bytes, more than {ENTRY_BYTES_MAX}"));
    }
    entry.payload.check().or_else(|error| refused(error.to_string()))
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.shared.close();
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        // A callback may hold the last handle: the writer cannot wait for itself.
        if let Some(thread) = thread.filter(|thread| thread.thread().id() != thread::current().id())
            && thread.join().is_err()
        {
            tracing::error!("the log's writer panicked");
        }
    }
}
