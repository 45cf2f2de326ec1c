//! Looks after sealed segments while the log is in use: checks one at a time, and puts a repaired one in its place.

use super::damage::{self, Damage};
use super::entry::LogPosition;
use super::error::LogError;
use super::index::Segment;
use super::repair::{Repair, Repaired};
use super::segment;
use super::store::Log;
use super::walk::Walk;

impl Log {
    /// The first index of every segment that is no longer written to and whose entries are all committed.
    pub fn sealed(&self) -> Vec<u64> {
        let settled = self.settled().map_or(0, |index| index + 1);
        let state = self.shared().lock();
        let segments = state.index.segments();
        let sealed = segments.windows(2).filter(|pair| pair[1].before.next_index <= settled);
        sealed.map(|pair| pair[0].before.next_index).collect()
    }

    /// The last entry of each sealed segment, by its first.
    pub fn sealed_ends(&self) -> Vec<(u64, LogPosition)> {
        let end = |first: u64| Some((first, self.ends_of(first)?.1.position()?));
        self.sealed().into_iter().filter_map(end).collect()
    }

    /// Reads the sealed segment that begins at `first` from the disk and checks it against what this log knows: each
    /// checksum, the chain, and the end. None when it is whole, or is not a sealed segment any more.
    ///
    /// # Errors
    /// When the disk cannot be read.
    pub fn check_sealed(&self, first: u64) -> Result<Option<Damage>, LogError> {
        let Some((before, after)) = self.ends_of(first) else { return Ok(None) };
        let disk = self.shared().disk.clone();
        let damaged = |reason: String| Ok(Some(Damage::sealed(before, after, reason)));
        let mut walk = match Walk::open(disk.as_ref(), first) {
            Ok(walk) => walk,
            Err(error) if error.is_damage() || is_missing(&error) => return damaged(error.to_string()),
            Err(error) => return Err(error),
        };
        if walk.header.before != before {
            return damaged("its header is not what this node wrote".to_owned());
        }
        match damage::read(&mut walk, false)? {
            Some(reason) => damaged(reason),
            None if walk.tip != after => damaged(format!("it ends at entry {}", walk.tip.next_index)),
            None => Ok(None),
        }
    }

    /// Puts a repaired segment in the place of the one on the disk.
    ///
    /// # Errors
    /// [`LogError::Refused`] when the segment is gone from the log meanwhile; what the disk says.
    pub fn install_repair(&self, repair: Repair) -> Result<Repaired, LogError> {
        let first = repair.first_index();
        let gone = || LogError::Refused { index: first, reason: "its segment is no longer part of the log".to_owned() };
        let (before, _) = self.ends_of(first).ok_or_else(gone)?;
        let (repaired, file) = repair.install_file(self.shared().disk.as_ref())?;
        let path = self.shared().disk.path(&repaired.segment);
        let places = Repair::places(file.as_ref(), &before).map_err(|error| LogError::io("read", &path, error))?;
        let mut segment = Segment::new(segment::name_of(first), file, before);
        places.into_iter().for_each(|(index, seq, offset)| segment.note(index, seq, offset));
        self.shared().lock().index.replace(segment);
        Ok(repaired)
    }

    /// The end of the log before and after the sealed segment that begins at `first`.
    pub(super) fn ends_of(&self, first: u64) -> Option<(super::entry::Tip, super::entry::Tip)> {
        let state = self.shared().lock();
        let mut pairs = state.index.segments().windows(2);
        pairs.find(|pair| pair[0].before.next_index == first).map(|pair| (pair[0].before, pair[1].before))
    }
}

fn is_missing(error: &LogError) -> bool {
    matches!(error, LogError::Io { source, .. } if source.kind() == std::io::ErrorKind::NotFound)
}
