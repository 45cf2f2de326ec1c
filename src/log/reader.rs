//! Reads a log without writing, locking or owning it.

use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;

use super::base;
use super::cursor::{LogCursor, Place};
use super::disk::LogDisk;
use super::entry::{Entry, LogPosition, Payload};
use super::error::LogError;
use super::segment_disk::SegmentDisk;
use super::vote;
use super::walk::{self, Walk};
use crate::event::record::RawRecord;
use crate::event::{EventError, Hash, Record, Seq, Term};

/// A log that is only read: beside its writer, or a copy.
#[derive(Clone)]
pub struct LogReader {
    disk: Arc<dyn LogDisk>,
    cluster: Hash,
}

/// A record's bytes with its place in the history.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredRecord {
    /// The position in the log.
    pub seq: Seq,
    /// The term of the leader that admitted it.
    pub term: Term,
    /// The index of its entry.
    pub index: u64,
    bytes: Bytes,
}

/// Iterates over records. After its end it may be asked again, to follow a writer.
pub struct Records {
    cursor: LogCursor,
    entry: Option<Entry>,
    /// Where the next record begins in the entry.
    offset: usize,
    next: Seq,
    from: Seq,
    failed: bool,
}

impl LogReader {
    /// Opens the log in `folder`.
    ///
    /// # Errors
    /// [`LogError::Missing`] when there is none; what is wrong with its first segment otherwise.
    pub fn open(folder: &Path) -> Result<LogReader, LogError> {
        if !folder.is_dir() {
            return Err(LogError::Missing { path: folder.to_owned() });
        }
        LogReader::open_on(Arc::new(SegmentDisk::reader(folder)))
    }

    /// Opens the log on `disk`.
    ///
    /// # Errors
    /// As [`LogReader::open`].
    pub fn open_on(disk: Arc<dyn LogDisk>) -> Result<LogReader, LogError> {
        let (expected, base) = base::begins(disk.as_ref())?;
        let first = *base::list(disk.as_ref())?.first().ok_or_else(|| LogError::Missing { path: disk.path("") })?;
        let walk = Walk::open(disk.as_ref(), first)?;
        if first != expected {
            return Err(LogError::Gap { path: walk.path().clone(), expected, found: first });
        }
        if let Some(base) = base {
            walk::check_joint(&base.tip, &walk)?;
        }
        Ok(LogReader { cluster: walk.header.cluster, disk })
    }

    /// The disk that it reads.
    pub fn disk(&self) -> &Arc<dyn LogDisk> {
        &self.disk
    }

    /// The cluster that the log belongs to.
    pub fn cluster(&self) -> Hash {
        self.cluster
    }

    /// The last entry before the first one that this log holds; none when it begins at index 0.
    ///
    /// # Errors
    /// When the file that says so cannot be read.
    pub fn base(&self) -> Result<Option<LogPosition>, LogError> {
        Ok(base::begins(self.disk.as_ref())?.1.and_then(|base| base.tip.position()))
    }

    /// How far the log is known to be committed, as its writer noted last; none where that is not known.
    pub fn committed(&self) -> Option<u64> {
        vote::load_committed(self.disk.as_ref()).checked_sub(1)
    }

    /// Reads entries from the start of the segment that holds the one at `index`, or from the last segment.
    ///
    /// # Errors
    /// What is wrong with that segment's header.
    pub fn entries_near(&self, index: u64) -> Result<LogCursor, LogError> {
        self.open_segment(|walk| walk.header.before.next_index <= index)
    }

    /// Iterates over the records from `from` on. The first error ends it.
    ///
    /// # Errors
    /// [`LogError::BeforeStart`] when the log begins later; what is wrong with the header of the segment where it begins.
    pub fn records(&self, from: Seq) -> Result<Records, LogError> {
        let from = from.max(Seq(1));
        if let Some(base) = self.base()?.filter(|base| from <= base.seq) {
            let (asked, index, seq) = (from.0, base.index + 1, base.seq.next());
            return Err(LogError::BeforeStart { what: "record", asked, index, seq });
        }
        let cursor = self.open_segment(|walk| walk.header.before.next_seq <= from)?;
        Ok(Records { cursor, entry: None, offset: 0, next: Seq(0), from, failed: false })
    }

    /// The position of the last entry; none in an empty log.
    ///
    /// # Errors
    /// As [`LogCursor::next_entry`].
    pub fn last(&self) -> Result<Option<LogPosition>, LogError> {
        let mut cursor = self.entries_near(u64::MAX)?;
        while cursor.next_entry()?.is_some() {}
        Ok(cursor.position())
    }

    /// The record at `seq`; none when there is no such record.
    ///
    /// # Errors
    /// As [`LogCursor::next_entry`].
    pub fn record(&self, seq: Seq) -> Result<Option<StoredRecord>, LogError> {
        self.records(seq)?.next().transpose().map(|found| found.filter(|record| record.seq == seq))
    }

    /// The last segment for which `fits` holds; it does for the first one. Looks again when segments went to the archive meanwhile.
    fn open_segment(&self, fits: impl Fn(&Walk) -> bool) -> Result<LogCursor, LogError> {
        loop {
            let (begins, _) = base::begins(self.disk.as_ref())?;
            match self.open_listed(&fits) {
                Err(_) if base::begins(self.disk.as_ref())?.0 != begins => {}
                opened => return opened,
            }
        }
    }

    fn open_listed(&self, fits: &impl Fn(&Walk) -> bool) -> Result<LogCursor, LogError> {
        let firsts = base::list(self.disk.as_ref())?;
        let mut low = 0;
        let mut high = firsts.len();
        let mut best = None;
        while low < high {
            let middle = low + (high - low) / 2;
            let walk = Walk::open(self.disk.as_ref(), firsts[middle])?;
            if middle == 0 || fits(&walk) {
                best = Some(walk);
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        let walk = match best {
            // `low` is the segment after it: when there is one, this one is sealed.
            Some(mut walk) if low < firsts.len() => {
                walk.map()?;
                walk
            }
            Some(walk) => walk,
            None => return Err(LogError::Missing { path: self.disk.path("") }),
        };
        Ok(LogCursor::new(self.disk.clone(), walk))
    }
}

impl StoredRecord {
    /// The record, its body not decoded.
    pub fn raw(&self) -> RawRecord<'_> {
        RawRecord::accepted(&self.bytes)
    }

    /// The record's bytes.
    pub fn bytes(&self) -> &Bytes {
        &self.bytes
    }

    /// The record with its body decoded.
    ///
    /// # Errors
    /// As [`RawRecord::decode`].
    pub fn decode(&self) -> Result<Record, EventError> {
        self.raw().decode(self.seq, self.term)
    }
}

impl Records {
    /// Where the entry of the last record stands.
    pub fn place(&self) -> Option<Place> {
        self.cursor.place()
    }

    fn advance(&mut self) -> Result<Option<StoredRecord>, LogError> {
        loop {
            if let Some(record) = self.next_in_entry()? {
                if record.seq >= self.from {
                    return Ok(Some(record));
                }
                continue;
            }
            let Some(entry) = self.cursor.next_entry()? else { return Ok(None) };
            self.next = entry.first_seq;
            self.offset = 0;
            // Entries before the first record that is wanted are not taken apart.
            self.entry = (entry.next_seq() > self.from).then_some(entry);
        }
    }

    fn next_in_entry(&mut self) -> Result<Option<StoredRecord>, LogError> {
        let Some(entry) = &self.entry else { return Ok(None) };
        let Payload::Records { bytes, .. } = &entry.payload else { return Ok(None) };
        if self.offset >= bytes.len() {
            self.entry = None;
            return Ok(None);
        }
        let (_, end) = RawRecord::read(bytes, self.offset).map_err(|error| self.damaged(entry, &error))?;
        let bytes = bytes.slice(self.offset..end);
        let record = StoredRecord { seq: self.next, term: entry.term, index: entry.index, bytes };
        self.offset = end;
        self.next = self.next.next();
        Ok(Some(record))
    }

    fn damaged(&self, entry: &Entry, error: &EventError) -> LogError {
        let Place { path, offset } = self.cursor.place().unwrap_or_else(|| self.cursor.next_place());
        let reason = error.to_string();
        LogError::Damaged { path, offset, index: entry.index, first_seq: self.next, reason }
    }
}

impl Iterator for Records {
    type Item = Result<StoredRecord, LogError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.failed {
            return None;
        }
        let result = self.advance();
        self.failed = result.is_err();
        result.transpose()
    }
}
