//! Moves the beginning of the log, on the disk.

use super::base::{self, Base};
use super::entry::Tip;
use super::error::LogError;
use super::index::Segment;
use super::pending::Done;
use super::queue::Work;
use super::recovery::{self, Active};
use super::segment::{self, SEGMENT_HEADER_BYTES, SegmentHeader, TEMPORARY};
use super::writer::Writer;

impl Writer {
    /// Drops whole segments before `index`, as far as entries are written yet. Says nothing of the disk when there were none: then
    /// it was not touched.
    pub(super) fn trim(&mut self, index: u64, mut done: Done) {
        let result = self.trim_to(index);
        match &result {
            Ok(true) => self.shared.has_space(),
            Ok(false) => {}
            Err(error) => match self.shared.put_back(Work::Trim { index, done }, error) {
                Some(Work::Trim { done: given_back, .. }) => done = given_back,
                _ => return,
            },
        }
        self.finish(result.map(drop), done);
    }

    /// Begins anew at `tip`, beyond the end of the log.
    pub(super) fn rebase(&mut self, tip: Tip, mut done: Done) {
        let result = self.begin_at(&tip);
        match &result {
            Ok(()) => self.shared.has_space(),
            Err(error) => match self.shared.put_back(Work::Rebase { tip, done }, error) {
                Some(Work::Rebase { done: given_back, .. }) => done = given_back,
                _ => return,
            },
        }
        self.finish(result, done);
    }

    /// Answers. Each step may be done again, so a log that waits for space on a full disk repeats them all; any other failure ends
    /// the log.
    fn finish(&self, result: Result<(), LogError>, done: Done) {
        let failed = result.as_ref().err().map(|error| (self.shared.poison(&error.to_string()), error.clone()));
        done(result);
        if let Some((failed, error)) = failed {
            self.shared.refuse(failed, &error);
        }
    }

    /// Removes the segments that end before `index`. The segment that is written to stays. Returns whether there were any.
    fn trim_to(&mut self, index: u64) -> Result<bool, LogError> {
        let disk = self.shared.disk.clone();
        let segments = self.shared.lock().index.segments().to_vec();
        let keep = segments.iter().rposition(|segment| segment.before.next_index <= index).unwrap_or(0);
        if keep == 0 {
            return Ok(false);
        }
        let tip = segments[keep].before;
        tracing::info!(segments = keep, begins = tip.next_index, seq = %tip.next_seq, "the log begins later now");
        // Once this stands, the segments below are no longer part of the log, whatever happens.
        Base { cluster: self.shared.options.cluster, tip, unsettled: false }.save(disk.as_ref())?;
        let mut state = self.shared.lock();
        state.base = tip;
        state.index.remove_first(keep);
        drop(state);
        base::remove_below(disk.as_ref(), tip.next_index).map(|_| true)
    }

    /// Moves all segments aside and begins a log without entries at `tip`.
    fn begin_at(&mut self, tip: &Tip) -> Result<(), LogError> {
        tracing::info!(from = self.tip.next_index, to = tip.next_index, seq = %tip.next_seq, "the log begins anew");
        let disk = self.shared.disk.clone();
        let header = SegmentHeader { cluster: self.shared.options.cluster, before: *tip };
        let (name, capacity) = (segment::name_of(tip.next_index), self.shared.options.segment_bytes);
        let temporary = format!("{name}{TEMPORARY}");
        let file = recovery::prepare(disk.as_ref(), &temporary, capacity, &header.encode())?;
        let mut base = Base { cluster: header.cluster, tip: *tip, unsettled: true };
        base.save(disk.as_ref())?;
        for first in segment::list(disk.as_ref())? {
            base::put_aside(disk.as_ref(), &segment::name_of(first))?;
        }
        recovery::publish(disk.as_ref(), &temporary, &name)?;
        base.unsettled = false;
        base.save(disk.as_ref())?;
        let path = disk.path(&name);
        self.active = Active { file: file.clone(), path, tail: SEGMENT_HEADER_BYTES as u64, capacity };
        self.reset(*tip);
        let mut state = self.shared.lock();
        state.index.clear();
        state.index.push(Segment::new(name, file, *tip));
        Ok(())
    }
}
