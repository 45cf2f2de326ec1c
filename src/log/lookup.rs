//! How the log's own handle finds entries: recent ones in memory, older ones on the disk.

use super::entry::{Entry, LogPosition};
use super::error::LogError;
use super::frame::{Found, FrameReader};
use super::index::Start;
use super::store::Log;
use crate::event::Seq;

/// Entries that were found so far, and the bound on their bytes.
struct Batch {
    entries: Vec<Entry>,
    bytes: usize,
    bytes_max: usize,
}

impl Batch {
    fn new(bytes_max: usize) -> Batch {
        Batch { entries: vec![], bytes: 0, bytes_max }
    }

    fn wants_more(&self) -> bool {
        self.entries.is_empty() || self.bytes < self.bytes_max
    }

    fn push(&mut self, entry: Entry) {
        self.bytes += entry.payload.content().len();
        self.entries.push(entry);
    }
}

impl Log {
    /// The position of an entry, or of the last one before the log begins; none when there is no such entry.
    ///
    /// # Errors
    /// As [`Log::read`].
    pub fn position_of(&self, index: u64) -> Result<Option<LogPosition>, LogError> {
        if let Some(entry) = self.shared().sound()?.cache.get(index) {
            return Ok(Some(entry.position()));
        }
        if let Some(base) = self.base().filter(|base| base.index == index) {
            return Ok(Some(base));
        }
        Ok(self.read(index, index.saturating_add(1), 0)?.first().map(Entry::position))
    }

    /// Reads entries from `from` to before `to`, from memory or from the disk: all that exist, or the first of them
    /// up to `bytes_max` bytes of content, but at least one.
    ///
    /// # Errors
    /// [`LogError::BeforeStart`] when the log begins after `from`; [`LogError::Damaged`] where the disk no longer holds
    /// what was written; [`LogError::Io`]; [`LogError::Poisoned`].
    pub fn read(&self, from: u64, to: u64, bytes_max: usize) -> Result<Vec<Entry>, LogError> {
        let mut found = Batch::new(bytes_max);
        let mut next = from;
        loop {
            let (start, generation, disk_to) = {
                let state = self.shared().sound()?;
                let to = to.min(state.tip.next_index);
                if next < state.base.next_index && next < to {
                    let (index, seq) = (state.base.next_index, state.base.next_seq);
                    return Err(LogError::BeforeStart { what: "entry", asked: next, index, seq });
                }
                let first_cached = state.cache.first().unwrap_or(u64::MAX);
                while next >= first_cached && next < to && found.wants_more() {
                    let Some(entry) = state.cache.get(next) else { break };
                    found.push(entry.clone());
                    next += 1;
                }
                if next >= to || !found.wants_more() {
                    return Ok(found.entries);
                }
                let Some(start) = state.index.start_of_index(next) else { return Ok(found.entries) };
                (start, state.generation, to.min(first_cached))
            };
            let stop = self.read_segment(&start, &mut next, disk_to, &mut found)?;
            if let Some((offset, reason)) = stop
                && self.shared().lock().generation == generation
            {
                return Err(self.damaged(&start, offset, next, reason));
            }
        }
    }

    /// The entry that holds the record at `seq`; none when there is no such record.
    ///
    /// # Errors
    /// As [`Log::read`].
    pub fn entry_of_seq(&self, seq: Seq) -> Result<Option<Entry>, LogError> {
        let start = {
            let state = self.shared().sound()?;
            if seq != Seq(0) && seq < state.base.next_seq {
                let (index, first) = (state.base.next_index, state.base.next_seq);
                return Err(LogError::BeforeStart { what: "record", asked: seq.0, index, seq: first });
            }
            if seq == Seq(0) || seq >= state.tip.next_seq {
                return Ok(None);
            }
            if let Some(entry) = state.cache.entry_of_seq(seq) {
                return Ok(Some(entry.clone()));
            }
            state.index.start_of_seq(seq)
        };
        let Some(start) = start else { return Ok(None) };
        let mut frames = FrameReader::new(start.file.clone(), start.offset);
        loop {
            let offset = frames.offset();
            match frames.next().map_err(|error| self.io(&start, error))? {
                Found::Frame(frame) if frame.entry.next_seq() <= seq => {}
                Found::Frame(frame) if frame.entry.first_seq <= seq => return Ok(Some(frame.entry)),
                Found::Frame(_) | Found::End => return Ok(None),
                Found::Bad(reason) => return Err(self.damaged(&start, offset, 0, reason)),
            }
        }
    }

    /// Reads frames from `start` until the entry before `to`, the end of the segment, or the bound. Returns what is
    /// wrong when the entry at `next` should be there and is not.
    fn read_segment(
        &self,
        start: &Start,
        next: &mut u64,
        to: u64,
        found: &mut Batch,
    ) -> Result<Option<(u64, &'static str)>, LogError> {
        let mut frames = FrameReader::new(start.file.clone(), start.offset);
        let began = *next;
        while *next < to && found.wants_more() {
            let offset = frames.offset();
            match frames.next().map_err(|error| self.io(start, error))? {
                Found::Frame(frame) if frame.entry.index < *next => {}
                Found::Frame(frame) if frame.entry.index == *next => {
                    found.push(frame.entry);
                    *next += 1;
                }
                Found::Frame(_) => return Ok(Some((offset, "an entry is missing"))),
                Found::End if *next > began => return Ok(None),
                Found::End => return Ok(Some((offset, "an entry is missing"))),
                Found::Bad(reason) => return Ok(Some((offset, reason))),
            }
        }
        Ok(None)
    }

    fn io(&self, start: &Start, error: std::io::Error) -> LogError {
        LogError::io("read", &self.shared().disk.path(&start.name), error)
    }

    fn damaged(&self, start: &Start, offset: u64, index: u64, reason: &str) -> LogError {
        let path = self.shared().disk.path(&start.name);
        let first_seq = self.shared().lock().index.first_seq_of(&start.name);
        LogError::Damaged { path, offset, index, first_seq, reason: reason.to_owned() }
    }
}
