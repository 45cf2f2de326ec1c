//! A place in a log that is read from start to end, beside a writer or not.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use super::base;
use super::disk::LogDisk;
use super::entry::{Entry, LogPosition};
use super::error::LogError;
use super::frame::{Found, FrameReader};
use super::recovery;
use super::tail::Tail;
use super::walk::{self, Step, Walk};

/// Where an entry stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The segment.
    pub path: PathBuf,
    /// Where its frame begins.
    pub offset: u64,
}

/// Reads entries one after another and checks each against the one before. At the end it can be asked again, to
/// follow a writer.
pub struct LogCursor {
    disk: Arc<dyn LogDisk>,
    walk: Walk,
    /// Where the last entry stands that was returned from the current segment.
    last: Option<(u64, Entry)>,
    /// Set when the last read came to the end of the last segment: where, and what the tail looked like.
    end: Option<u64>,
    /// Bytes of the torn tail at that end.
    torn: Option<u64>,
}

impl LogCursor {
    pub(super) fn new(disk: Arc<dyn LogDisk>, walk: Walk) -> LogCursor {
        LogCursor { disk, walk, last: None, end: None, torn: None }
    }

    /// The next entry; none at the end of the log, where a later call may find more.
    ///
    /// A torn tail is the end. Entries beside a live writer may not be committed, or not even durable yet.
    ///
    /// # Errors
    /// [`LogError::Damaged`], [`LogError::Gap`], [`LogError::Chain`] at the place where the log cannot be read further;
    /// [`LogError::Truncated`] when the writer has replaced what was read; [`LogError::Io`].
    pub fn next_entry(&mut self) -> Result<Option<Entry>, LogError> {
        let result = self.advance();
        match result {
            // What looks like damage may be a truncation that happened meanwhile.
            Err(error) if error.is_damage() => Err(self.truncated()?.unwrap_or(error)),
            other => other,
        }
    }

    /// Where the last entry stands.
    pub fn place(&self) -> Option<Place> {
        let (offset, _) = self.last.as_ref()?;
        Some(Place { path: self.walk.path().clone(), offset: *offset })
    }

    /// The position of the last entry before the place where the cursor stands.
    pub fn position(&self) -> Option<LogPosition> {
        self.walk.tip.position()
    }

    /// Where the next entry stands or would stand.
    pub fn next_place(&self) -> Place {
        Place { path: self.walk.path().clone(), offset: self.walk.offset() }
    }

    /// After the end: the length of the torn tail there, if there is one. The next writer will cut it.
    pub fn torn_bytes(&self) -> Option<u64> {
        self.torn
    }

    fn advance(&mut self) -> Result<Option<Entry>, LogError> {
        if self.end.is_some() {
            self.look_again()?;
        }
        loop {
            let bad = match self.walk.next()? {
                Step::Frame(frame) => {
                    (self.end, self.torn) = (None, None);
                    self.last = Some((frame.offset, frame.entry.clone()));
                    return Ok(Some(frame.entry));
                }
                Step::Stop(bad) => bad,
            };
            if !self.cross(bad)? {
                return Ok(None);
            }
        }
    }

    /// Opens the segment again at its end: the writer may have replaced it, and what was read with it.
    fn look_again(&mut self) -> Result<(), LogError> {
        if let Some(truncated) = self.truncated()? {
            return Err(truncated);
        }
        let path = self.walk.path();
        let file = self.disk.open(&self.walk.name).map_err(|error| LogError::io("open", path, error))?;
        self.walk.resume(file);
        Ok(())
    }

    /// Goes on to the next segment. False when there is none: the end.
    fn cross(&mut self, bad: Option<&'static str>) -> Result<bool, LogError> {
        let current = self.walk.header.before.next_index;
        let mut later = base::list(self.disk.as_ref())?.into_iter().filter(|first| *first > current);
        let Some(next) = later.next() else {
            self.check_end(bad)?;
            return Ok(false);
        };
        let sealed = later.next().is_some();
        // The next segment may have come into being after the last look at this one.
        if let Step::Frame(_) = self.peek()? {
            return Ok(true);
        }
        if self.walk.judge(bad)? != Tail::Clean {
            let reason = format!("{}, but later segments show that more was durable", bad.unwrap_or("zeros"));
            return Err(self.walk.damaged_here(reason));
        }
        let mut walk = Walk::open(self.disk.as_ref(), next)?;
        if sealed {
            walk.map()?;
        }
        recovery::check_cluster(&walk, &self.walk.header.cluster)?;
        walk::check_joint(&self.walk.tip, &walk)?;
        self.walk = walk;
        self.last = None;
        Ok(true)
    }

    /// Looks at the next frame again without moving on.
    fn peek(&self) -> Result<Step, LogError> {
        let mut frames = FrameReader::new(self.walk.file().clone(), self.walk.offset());
        match frames.next().map_err(|error| LogError::io("read", self.walk.path(), error))? {
            Found::Frame(frame) => Ok(Step::Frame(frame)),
            Found::End => Ok(Step::Stop(None)),
            Found::Bad(reason) => Ok(Step::Stop(Some(reason))),
        }
    }

    /// Judges the end of the last segment, once for each place.
    fn check_end(&mut self, bad: Option<&'static str>) -> Result<(), LogError> {
        let offset = self.walk.offset();
        if self.end == Some(offset) && bad.is_none() {
            return Ok(());
        }
        self.torn = None;
        match self.walk.judge(bad)? {
            Tail::Clean => {}
            Tail::Torn { bytes } => self.torn = Some(bytes),
            // A writer may have been in the middle of it: what is durable stays as it is, so a second look decides.
            Tail::Damaged { .. } if matches!(self.peek()?, Step::Frame(_)) => return Ok(()),
            Tail::Damaged { reason } => return Err(self.walk.damaged_here(reason)),
        }
        self.end = Some(offset);
        Ok(())
    }

    /// Has the writer replaced what was read?
    fn truncated(&self) -> Result<Option<LogError>, LogError> {
        let header = &self.walk.header;
        let before = LogError::Truncated { index: header.before.next_index };
        let walk = match Walk::open(self.disk.as_ref(), header.before.next_index) {
            Ok(walk) => walk,
            Err(LogError::Io { source, .. }) if source.kind() == io::ErrorKind::NotFound => return Ok(Some(before)),
            Err(error) => return Err(error),
        };
        if walk.header != *header {
            return Ok(Some(before));
        }
        let Some((offset, entry)) = &self.last else { return Ok(None) };
        let found = FrameReader::new(walk.file().clone(), *offset).next();
        let same = matches!(&found, Ok(Found::Frame(frame)) if frame.entry.chain == entry.chain);
        Ok((!same).then_some(LogError::Truncated { index: entry.index }))
    }
}
