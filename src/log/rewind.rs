//! Truncation on the disk.

use std::sync::Arc;

use super::disk::LogFile;
use super::entry::Tip;
use super::error::LogError;
use super::frame::{Found, FrameReader};
use super::index::Segment;
use super::pending::Done;
use super::queue::Work;
use super::recovery::{self, Active};
use super::segment::TEMPORARY;
use super::writer::Writer;

impl Writer {
    /// Removes all that follows `tip`.
    pub(super) fn rewind(&mut self, tip: Tip, done: Done) {
        let result = if tip.next_index < self.tip.next_index { self.rewind_to(&tip) } else { Ok(()) };
        let done = match &result {
            // On a full disk nothing has happened yet.
            Err(error) => match self.shared.put_back(Work::Rewind { tip, done }, error) {
                Some(Work::Rewind { done, .. }) => done,
                _ => return,
            },
            Ok(()) => done,
        };
        let failed = result.as_ref().err().map(|error| (self.fail(error), error.clone()));
        done(result);
        if let Some((failed, error)) = failed {
            self.shared.refuse(failed, &error);
        }
    }

    fn rewind_to(&mut self, tip: &Tip) -> Result<(), LogError> {
        tracing::info!(from = self.tip.next_index, to = tip.next_index, "truncating the log");
        let disk = self.shared.disk.clone();
        let segments = self.shared.lock().index.segments().to_vec();
        let keep = segments.iter().rposition(|segment| segment.before.next_index <= tip.next_index).unwrap_or(0);
        let segment = &segments[keep];
        let path = disk.path(&segment.name);
        let tail = self.offset_of(tip.next_index, segment)?;
        // The copy comes first: on a full disk nothing has happened yet.
        let mut head = vec![0; usize::try_from(tail).unwrap_or(usize::MAX)];
        let read = |error| LogError::io("read", &path, error);
        let capacity = segment.file.bytes().map_err(read)?;
        segment.file.read_at(&mut head, 0).map_err(read)?;
        let temporary = format!("{}{TEMPORARY}", segment.name);
        let file = recovery::prepare(disk.as_ref(), &temporary, capacity.max(tail), &head)?;
        for later in segments[keep + 1..].iter().rev() {
            let removed = disk.remove(&later.name).and_then(|()| disk.sync_dir());
            removed.map_err(|error| LogError::fatal("remove", &disk.path(&later.name), error))?;
        }
        recovery::publish(disk.as_ref(), &temporary, &segment.name)?;
        self.settle_rewind(tip, Active { file: file.clone(), path, tail, capacity }, segments.len() - keep - 1, file);
        Ok(())
    }

    fn settle_rewind(&mut self, tip: &Tip, active: Active, removed: usize, file: Arc<dyn LogFile>) {
        self.active = active;
        self.reset(*tip);
        let mut state = self.shared.lock();
        for _ in 0..removed {
            state.index.pop();
        }
        state.index.replace_last(file, tip.next_index);
    }

    /// Where the frame of entry `index` begins in the segment that holds it, or held the one before it.
    fn offset_of(&self, index: u64, segment: &Segment) -> Result<u64, LogError> {
        let offset = segment.start_of_index(index).offset;
        let mut frames = FrameReader::new(segment.file.clone(), offset);
        let path = self.shared.disk.path(&segment.name);
        loop {
            let offset = frames.offset();
            match frames.next().map_err(|error| LogError::io("read", &path, error))? {
                Found::Frame(frame) if frame.entry.index < index => {}
                Found::Frame(_) | Found::End => return Ok(offset),
                Found::Bad(reason) => {
                    let (reason, first_seq) = (reason.to_owned(), segment.before.next_seq);
                    return Err(LogError::Damaged { path, offset, index, first_seq, reason });
                }
            }
        }
    }
}
