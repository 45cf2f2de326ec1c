//! Which record was the last one at a time. Time in the log never falls, so a search by halves finds its segment.

use super::base;
use super::cursor::LogCursor;
use super::entry::Entry;
use super::error::LogError;
use super::reader::LogReader;
use super::walk::Walk;
use crate::event::{Millis, Seq};

impl LogReader {
    /// The last record that was recorded at `at` or before; 0 (or the last record before this log begins) when there is none.
    ///
    /// # Errors
    /// What is wrong with the segments that are looked at.
    pub fn seq_at(&self, at: Millis) -> Result<Seq, LogError> {
        let firsts = base::list(self.disk().as_ref())?;
        let (mut low, mut high) = (0, firsts.len());
        while low < high {
            let middle = low + (high - low) / 2;
            match self.first_time(firsts[middle])? {
                Some(time) if time <= at => low = middle + 1,
                _ => high = middle,
            }
        }
        // The last segment whose first record is not later; what lies before the first one is not here.
        let Some(start) = low.checked_sub(1) else { return Ok(self.base()?.map_or(Seq(0), |base| base.seq)) };
        let walk = Walk::open(self.disk().as_ref(), firsts[start])?;
        let mut last = Seq(walk.header.before.next_seq.0.saturating_sub(1));
        let mut cursor = LogCursor::new(self.disk().clone(), walk);
        while let Some(entry) = cursor.next_entry()? {
            for (seq, time) in times(&entry) {
                if time > at {
                    return Ok(last);
                }
                last = seq;
            }
        }
        Ok(last)
    }

    /// When the first record in or after a segment was recorded; none when there is no further record.
    fn first_time(&self, first_index: u64) -> Result<Option<Millis>, LogError> {
        let mut cursor = LogCursor::new(self.disk().clone(), Walk::open(self.disk().as_ref(), first_index)?);
        while let Some(entry) = cursor.next_entry()? {
            if let Some((_, time)) = times(&entry).next() {
                return Ok(Some(time));
            }
        }
        Ok(None)
    }
}

/// When each record of an entry was recorded. A malformed one ends it; whoever decodes it will say so.
fn times(entry: &Entry) -> impl Iterator<Item = (Seq, Millis)> {
    entry.records().map_while(Result::ok).map(|(seq, raw)| (seq, raw.recorded_at()))
}
