//! The sparse index: where to begin reading for an entry or a record.

use std::sync::Arc;

use super::disk::LogFile;
use super::entry::Tip;
use super::segment::SEGMENT_HEADER_BYTES;
use crate::event::Seq;

/// A mark is set about every so many bytes, so a look-up reads at most as many. One mark takes 24 bytes.
pub(super) const MARK_EVERY_BYTES: u64 = 64 << 10;

/// A frame whose place is remembered.
#[derive(Clone, Copy, Debug)]
struct Mark {
    index: u64,
    first_seq: Seq,
    offset: u64,
}

/// One segment with its marks.
#[derive(Clone)]
pub(super) struct Segment {
    pub name: String,
    pub file: Arc<dyn LogFile>,
    /// The end of the log before it.
    pub before: Tip,
    marks: Vec<Mark>,
}

/// All segments, in order; never empty in an open log.
#[derive(Clone, Default)]
pub(super) struct Index {
    segments: Vec<Segment>,
}

/// Where to begin reading.
pub(super) struct Start {
    pub file: Arc<dyn LogFile>,
    pub name: String,
    pub offset: u64,
}

impl Segment {
    pub(super) fn new(name: String, file: Arc<dyn LogFile>, before: Tip) -> Segment {
        Segment { name, file, before, marks: vec![] }
    }

    /// Remembers a frame, if it is far enough from the one remembered last.
    pub(super) fn note(&mut self, index: u64, first_seq: Seq, offset: u64) {
        let last = self.marks.last().map_or(SEGMENT_HEADER_BYTES as u64, |mark| mark.offset);
        if offset >= last + MARK_EVERY_BYTES {
            self.marks.push(Mark { index, first_seq, offset });
        }
    }

    fn start(&self, beyond: impl Fn(&Mark) -> bool) -> Start {
        let place = self.marks.partition_point(|mark| !beyond(mark));
        let offset = match place.checked_sub(1) {
            Some(place) => self.marks[place].offset,
            None => SEGMENT_HEADER_BYTES as u64,
        };
        Start { file: self.file.clone(), name: self.name.clone(), offset }
    }

    /// Where to begin reading for the entry at `index`.
    pub(super) fn start_of_index(&self, index: u64) -> Start {
        self.start(|mark| mark.index > index)
    }
}

impl Index {
    pub(super) fn push(&mut self, segment: Segment) {
        self.segments.push(segment);
    }

    /// Removes the first so many segments.
    pub(super) fn remove_first(&mut self, count: usize) {
        self.segments.drain(..count.min(self.segments.len()));
    }

    /// Removes all segments.
    pub(super) fn clear(&mut self) {
        self.segments.clear();
    }

    /// Removes the last segment.
    pub(super) fn pop(&mut self) {
        self.segments.pop();
    }

    pub(super) fn segments(&self) -> &[Segment] {
        &self.segments
    }

    /// Remembers a frame of the last segment, if it is far enough from the one remembered last.
    pub(super) fn note(&mut self, index: u64, first_seq: Seq, offset: u64) {
        if let Some(segment) = self.segments.last_mut() {
            segment.note(index, first_seq, offset);
        }
    }

    /// Puts a segment in the place of the one of the same name.
    pub(super) fn replace(&mut self, segment: Segment) {
        if let Some(found) = self.segments.iter_mut().find(|found| found.name == segment.name) {
            *found = segment;
        }
    }

    /// Puts `file` in the place of the last segment's, which ends at `next_index` now.
    pub(super) fn replace_last(&mut self, file: Arc<dyn LogFile>, next_index: u64) {
        if let Some(segment) = self.segments.last_mut() {
            segment.file = file;
            segment.marks.retain(|mark| mark.index < next_index);
        }
    }

    /// Where to begin reading for the entry at `index`.
    pub(super) fn start_of_index(&self, index: u64) -> Option<Start> {
        let place = self.segments.partition_point(|segment| segment.before.next_index <= index);
        let segment = self.segments.get(place.checked_sub(1)?)?;
        Some(segment.start_of_index(index))
    }

    /// The first record of a segment.
    pub(super) fn first_seq_of(&self, name: &str) -> Seq {
        self.segments.iter().find(|segment| segment.name == name).map_or(Seq(0), |segment| segment.before.next_seq)
    }

    /// Where to begin reading for the record at `seq`.
    pub(super) fn start_of_seq(&self, seq: Seq) -> Option<Start> {
        let place = self.segments.partition_point(|segment| segment.before.next_seq <= seq);
        let segment = self.segments.get(place.checked_sub(1)?)?;
        Some(segment.start(|mark| mark.first_seq > seq))
    }
}
