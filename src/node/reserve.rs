//! Space set aside for a full disk. Moving old history away takes space itself: a snapshot, a checkpoint, the copy where the archive lies on
//! the same disk. A disk that is full to the last byte would never make any.
//!
//! While there is space, a file holds the reserve, so that nobody else on the disk takes it. Once the disk is full the file goes. The
//! log gets one segment of it, so that Raft finds a leader again where one has just handed over: its vote waits behind what else is to be
//! written. It keeps the rest free, or its next writes would be all that the reserve serves.

use std::fs::{self, File};
use std::io;
use std::path::PathBuf;

use rustix::fs::{FallocateFlags, fallocate};

use crate::log::{Log, ROOM_BYTES_MIN, Space};

/// What a round of retention writes beside segments and snapshots: the outbox, the checkpoint, small files. With less free space
/// it cannot do its work.
const SMALL_FILES_BYTES: u64 = 8 << 20;
/// What others may write between the moment when the reserve goes and the log's next try.
const OTHERS_BYTES: u64 = 1 << 20;

/// A file that holds nothing.
#[derive(Clone)]
pub struct Reserve {
    path: PathBuf,
    /// The log's folder, whose disk it lies on.
    folder: PathBuf,
    log: Log,
}

impl Reserve {
    /// The reserve in the file `path`, for a log and its folder. A file that an earlier run left counts.
    pub fn new(path: PathBuf, folder: PathBuf, log: Log) -> Reserve {
        let reserve = Reserve { path, folder, log };
        if !reserve.path.exists() {
            reserve.log.keep_free(reserve.rest());
        }
        reserve
    }

    /// Keeps the reserve while there is space, or gives it away when there is none. True when the disk is low, so that whatever can
    /// make space should do so now.
    ///
    /// # Errors
    /// What the system says; then nothing has changed.
    pub fn tend(&self) -> io::Result<bool> {
        let (space, is_waiting) = (Space::of(&self.folder)?, self.log.is_full());
        let bytes = self.bytes();
        let is_kept = self.path.exists();
        if is_kept && (is_waiting || space.free_bytes < SMALL_FILES_BYTES) {
            self.log.keep_free(self.rest());
            fs::remove_file(&self.path)?;
            tracing::warn!(bytes, "the disk is full: the reserve is given away, so that old history can be archived");
        } else if !is_kept && is_waiting {
            if let Some(rest) = less_than(self.rest(), space.free_bytes, self.log.options().segment_bytes) {
                self.log.keep_free(rest);
            }
        } else if !is_kept && space.free_bytes / 2 >= bytes {
            self.make(bytes)?;
            self.log.keep_free(0);
        }
        Ok(is_waiting || space.is_low())
    }

    /// What it holds: the log's segment, what others take meanwhile, and the rest.
    fn bytes(&self) -> u64 {
        self.log.options().segment_bytes + OTHERS_BYTES + self.rest()
    }

    /// What the log is to leave: a copy of a segment, and the log's snapshot, which is written anew beside the old one.
    fn rest(&self) -> u64 {
        let snapshot = fs::metadata(self.folder.join("snapshot")).map_or(0, |found| found.len());
        self.log.options().segment_bytes + snapshot + SMALL_FILES_BYTES
    }

    fn make(&self, bytes: u64) -> io::Result<()> {
        let file = File::create(&self.path)?;
        let allocated = fallocate(&file, FallocateFlags::empty(), 0, bytes).map_err(io::Error::from);
        allocated.inspect_err(|_| drop(fs::remove_file(&self.path)))
    }
}

/// What a log that still waits shall leave free, in place of `rest`, so that it gets one more segment: somebody else took a part of its own, or
/// more stands before Raft's vote than fits into one. None where that would leave too little for the others.
fn less_than(rest: u64, free_bytes: u64, segment_bytes: u64) -> Option<u64> {
    let left = free_bytes.checked_sub(segment_bytes)?.min(rest);
    (left >= ROOM_BYTES_MIN).then_some(left)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::event::{Hash, NodeId, Term};
    use crate::log::{LogOptions, NewEntry, Payload, SimDisk};

    #[test]
    fn the_reserve_is_kept_while_there_is_space_and_given_away_once_the_log_waits() {
        let dir = tempfile::tempdir().expect("a folder");
        let path = dir.path().join("reserve");
        let disk = SimDisk::new();
        let options = LogOptions { segment_bytes: 1 << 20, waits_for_space: true, ..LogOptions::new(Hash::of(b"x")) };
        let (log, _) = Log::open_on(Arc::new(disk.clone()), options).expect("a log");
        let reserve = Reserve::new(path.clone(), dir.path().to_owned(), log.clone());
        fs::write(dir.path().join("snapshot"), [7; 1_000]).expect("written");
        reserve.tend().expect("looked at");
        let kept = fs::metadata(&path).expect("the test's disk has ten megabytes").len();
        assert_eq!(kept, 2 * (1 << 20) + OTHERS_BYTES + 1_000 + SMALL_FILES_BYTES);
        reserve.tend().expect("looked at");
        assert!(path.exists(), "it stays");
        // Nothing fits any more; then there is space, but the rest of the reserve is not the log's.
        disk.set_space(Some(0));
        let payload = Payload::Membership(vec![7; 1 << 20].into());
        let entry = NewEntry { index: 0, term: Term(1), leader: NodeId(1), payload };
        let waiting = log.append_durably(vec![entry]).expect("queued");
        while !log.is_full() {
            std::thread::yield_now();
        }
        assert!(reserve.tend().expect("looked at"), "somebody should make space");
        assert!(!path.exists());
        disk.set_space(Some(SMALL_FILES_BYTES));
        // Longer than the log waits between two tries.
        std::thread::sleep(std::time::Duration::from_millis(600));
        assert!(log.is_full());
        disk.set_space(None);
        waiting.wait().expect("written");
        reserve.tend().expect("looked at");
        assert!(path.exists(), "it is there again");
    }

    #[test]
    fn a_log_that_still_waits_gets_another_segment_as_long_as_others_have_what_they_need() {
        let (mib, rest) = (1 << 20, 9 << 20);
        assert_eq!(less_than(rest, 10 * mib - 8_192, mib), Some(9 * mib - 8_192), "a few bytes were missing");
        assert_eq!(less_than(rest, 90 * mib, mib), Some(rest), "there is enough for all");
        assert_eq!(less_than(rest, 5 * mib, mib), Some(4 * mib));
        assert_eq!(less_than(rest, 5 * mib - 1, mib), None);
        assert_eq!(less_than(rest, 0, mib), None);
    }
}
