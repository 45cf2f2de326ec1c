//! Walks the frames of one segment and checks that each follows from the one before.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use super::disk::{LogDisk, LogFile};
use super::entry::{Mismatch, Tip};
use super::error::LogError;
use super::frame::{Found, Frame, FrameReader};
use super::segment::{self, SEGMENT_BYTES_MAX, SEGMENT_HEADER_BYTES, SegmentHeader};
use super::tail::{self, Tail};
use crate::event::Seq;

/// What comes next in a segment.
pub(super) enum Step {
    Frame(Frame),
    /// No good frame: what is wrong with the bytes, or none where they are zeros.
    Stop(Option<&'static str>),
}

/// A place in a segment.
pub(super) struct Walk {
    pub header: SegmentHeader,
    /// The end of the log up to here.
    pub tip: Tip,
    pub name: String,
    path: PathBuf,
    frames: FrameReader,
}

impl Walk {
    /// Opens the segment with this first index and checks its header.
    pub(super) fn open(disk: &dyn LogDisk, first_index: u64) -> Result<Walk, LogError> {
        let name = segment::name_of(first_index);
        let path = disk.path(&name);
        let file = disk.open(&name).map_err(|error| LogError::io("open", &path, error))?;
        let size = file.bytes().map_err(|error| LogError::io("read", &path, error))?;
        if size > SEGMENT_BYTES_MAX {
            let reason = format!("it has {size} bytes, more than any segment ({SEGMENT_BYTES_MAX})");
            return Err(LogError::Foreign { path, reason });
        }
        let mut bytes = [0; SEGMENT_HEADER_BYTES];
        let read = file.read_at(&mut bytes, 0).map_err(|error| match is_lost(&error) {
            true => LogError::Damaged {
                path: path.clone(),
                offset: 0,
                index: first_index,
                first_seq: Seq(0),
                reason: error.to_string(),
            },
            false => LogError::io("read", &path, error),
        })?;
        let header = SegmentHeader::decode(&bytes[..read], &path, first_index)?;
        let frames = FrameReader::new(file, SEGMENT_HEADER_BYTES as u64);
        Ok(Walk { header, tip: header.before, name, path, frames })
    }

    /// Reads the segment from mapped memory: it is sealed, a later one exists.
    pub(super) fn map(&mut self) -> Result<(), LogError> {
        self.frames.map().map_err(|error| LogError::io("map", &self.path, error))
    }

    /// Reads on in `file`, which has taken the place of the one that was read so far.
    pub(super) fn resume(&mut self, file: Arc<dyn LogFile>) {
        self.frames = FrameReader::new(file, self.frames.offset());
    }

    /// The next frame, if it follows from the one before it.
    pub(super) fn next(&mut self) -> Result<Step, LogError> {
        let frame = match self.frames.next().map_err(|error| self.io(error))? {
            Found::Frame(frame) => frame,
            Found::End => return Ok(Step::Stop(None)),
            Found::Bad(reason) => return Ok(Step::Stop(Some(reason))),
        };
        let at = self.tip;
        match self.tip.accept(&frame.entry) {
            Ok(()) => Ok(Step::Frame(frame)),
            Err(Mismatch::Field(reason)) => Err(self.damaged(frame.offset, &at, reason)),
            Err(Mismatch::Chain) => Err(LogError::Chain {
                path: self.path.clone(),
                offset: frame.offset,
                index: at.next_index,
                first_seq: at.next_seq,
            }),
        }
    }

    /// Judges the place where [`Walk::next`] stopped, in the last segment.
    pub(super) fn judge(&self, bad: Option<&'static str>) -> Result<Tail, LogError> {
        tail::judge(self.file().as_ref(), self.offset(), self.tip.next_index, bad).map_err(|error| self.io(error))
    }

    /// Damage at the current place.
    pub(super) fn damaged_here(&self, reason: String) -> LogError {
        self.damaged(self.offset(), &self.tip, reason)
    }

    /// The offset of the next frame.
    pub(super) fn offset(&self) -> u64 {
        self.frames.offset()
    }

    pub(super) fn file(&self) -> &Arc<dyn LogFile> {
        self.frames.file()
    }

    pub(super) fn path(&self) -> &PathBuf {
        &self.path
    }

    fn damaged(&self, offset: u64, at: &Tip, reason: String) -> LogError {
        LogError::Damaged { path: self.path.clone(), offset, index: at.next_index, first_seq: at.next_seq, reason }
    }

    fn io(&self, error: io::Error) -> LogError {
        match is_lost(&error) {
            true => self.damaged_here(error.to_string()),
            false => LogError::io("read", &self.path, error),
        }
    }
}

/// Whether the disk has lost the bytes that were to be read: bad sectors, or rot that the file system noticed.
pub(super) fn is_lost(error: &io::Error) -> bool {
    error.raw_os_error() == Some(rustix::io::Errno::IO.raw_os_error())
}

/// Checks that the segment of `next` continues the log at `tip`.
pub(super) fn check_joint(tip: &Tip, next: &Walk) -> Result<(), LogError> {
    let before = &next.header.before;
    if before.next_index > tip.next_index {
        let (expected, found) = (tip.next_index, before.next_index);
        return Err(LogError::Gap { path: next.path.clone(), expected, found });
    }
    if before.next_index < tip.next_index || before.next_seq != tip.next_seq || before.term != tip.term {
        return Err(LogError::Damaged {
            path: next.path.clone(),
            offset: 16,
            index: before.next_index,
            first_seq: before.next_seq,
            reason: format!("the segment does not continue the log, which goes on at entry {}", tip.next_index),
        });
    }
    if before.chain != tip.chain {
        let (index, first_seq) = (before.next_index, before.next_seq);
        return Err(LogError::Chain { path: next.path.clone(), offset: 80, index, first_seq });
    }
    Ok(())
}
