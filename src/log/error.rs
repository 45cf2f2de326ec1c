//! What can go wrong with the log.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::event::{Hash, Seq};

/// The log could not be opened, read or written.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum LogError {
    /// The disk said no.
    #[error("cannot {action} {}: {source}", path.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// On which file.
        path: PathBuf,
        /// What the system said.
        source: Arc<io::Error>,
    },
    /// The disk is full. Nothing acknowledged is lost; the next append tries again.
    #[error("the disk is full: cannot write {}; free some space, the log then goes on", path.display())]
    Full {
        /// The file that did not fit.
        path: PathBuf,
    },
    /// Another process writes this log.
    #[error("{} is locked: another node runs on this directory", path.display())]
    Locked {
        /// The lock file.
        path: PathBuf,
    },
    /// There is no log in this folder.
    #[error("no log in {}: the folder is missing or holds no segment", path.display())]
    Missing {
        /// The folder.
        path: PathBuf,
    },
    /// The folder holds something that is not part of a log, or a file that is not what its name says.
    #[error("{} is not part of a log: {reason}", path.display())]
    Foreign {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The vote is unreadable. A voter that forgot its vote must not vote again.
    #[error("the vote in {} cannot be read: remove this node from the cluster and let it join anew", path.display())]
    VoteLost {
        /// The file.
        path: PathBuf,
    },
    /// The log belongs to another cluster.
    #[error("{} belongs to another cluster: it has {found}, this node has {expected}", path.display())]
    ForeignCluster {
        /// The file.
        path: PathBuf,
        /// This node's cluster.
        expected: Hash,
        /// The cluster in the file.
        found: Hash,
    },
    /// The file was written by a later version of the program.
    #[error("{} has format version {found}, this program reads up to {supported}: upgrade it", path.display())]
    FutureFormat {
        /// The file.
        path: PathBuf,
        /// Its version.
        found: u32,
        /// The highest version that this build reads.
        supported: u32,
    },
    /// Bytes that had been durable are no longer what was written.
    #[error(
        "{} is damaged at byte {offset} (entry {index}, from seq {first_seq}): {reason}; \
         restore the folder from another replica",
        path.display()
    )]
    Damaged {
        /// The file.
        path: PathBuf,
        /// Where the damage begins.
        offset: u64,
        /// The index of the entry that cannot be read.
        index: u64,
        /// The first record that cannot be read.
        first_seq: Seq,
        /// What was found.
        reason: String,
    },
    /// Entries are missing between two segments, or before the first.
    #[error("entries {expected} to {} are missing before {}; restore the segment from another replica", found.saturating_sub(1), path.display())]
    Gap {
        /// The segment after the gap.
        path: PathBuf,
        /// The index that should come first in it.
        expected: u64,
        /// The index that comes first in it.
        found: u64,
    },
    /// An entry does not follow from the one before it.
    #[error(
        "the hash chain breaks in {} at byte {offset} (entry {index}, from seq {first_seq}): \
         the entry does not follow from the one before it",
        path.display()
    )]
    Chain {
        /// The file.
        path: PathBuf,
        /// Where the entry begins.
        offset: u64,
        /// Its index.
        index: u64,
        /// Its first record.
        first_seq: Seq,
    },
    /// A write or a sync failed before: what is on the disk is unknown, and the node must stop.
    #[error("the log is poisoned, the node must stop: {reason}")]
    Poisoned {
        /// The failure that poisoned it.
        reason: String,
    },
    /// The entry does not come next.
    #[error("entry {found} cannot be appended: entry {expected} comes next")]
    NotNext {
        /// The index that comes next.
        expected: u64,
        /// The index that was given.
        found: u64,
    },
    /// An entry that breaks the rules of the log: its term falls, it is too large, or its records are malformed.
    #[error("entry {index} cannot be appended: {reason}")]
    Refused {
        /// Its index.
        index: u64,
        /// Which rule it breaks.
        reason: String,
    },
    /// What was asked for came before the first entry that this log still holds.
    #[error(
        "{what} {asked} is no longer in this log, which begins with entry {index} and seq {seq}: \
         earlier history lies in the archive (`kifu-replay --archive DIR`)"
    )]
    BeforeStart {
        /// `entry` or `record`.
        what: &'static str,
        /// Its index or seq.
        asked: u64,
        /// The first entry that is there, or that will be.
        index: u64,
        /// The first record that is there, or that will be.
        seq: Seq,
    },
    /// The tail that was being read has been replaced by the writer.
    #[error("the log was truncated below entry {index} while it was read: read again from an earlier position")]
    Truncated {
        /// The entry that is no longer what was read.
        index: u64,
    },
}

impl LogError {
    /// Wraps what the system said; a full disk becomes [`LogError::Full`].
    pub(super) fn io(action: &'static str, path: &Path, source: io::Error) -> LogError {
        match source.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => LogError::Full { path: path.to_owned() },
            _ => LogError::Io { action, path: path.to_owned(), source: Arc::new(source) },
        }
    }

    /// Wraps what the system said where the disk's state is unknown afterwards, whatever it said.
    pub(super) fn fatal(action: &'static str, path: &Path, source: io::Error) -> LogError {
        LogError::Io { action, path: path.to_owned(), source: Arc::new(source) }
    }

    /// True for damage of segments, which another replica can mend. A lost vote is none.
    pub fn is_repairable(&self) -> bool {
        matches!(self, LogError::Damaged { .. } | LogError::Gap { .. } | LogError::Chain { .. })
    }

    /// True when the bytes on the disk are at fault, not the disk or the caller.
    pub fn is_damage(&self) -> bool {
        matches!(
            self,
            LogError::Damaged { .. } | LogError::Gap { .. } | LogError::Chain { .. } | LogError::VoteLost { .. }
        )
    }
}

impl From<LogError> for io::Error {
    fn from(error: LogError) -> io::Error {
        let kind = match &error {
            LogError::Io { source, .. } => source.kind(),
            LogError::Full { .. } => io::ErrorKind::StorageFull,
            LogError::Missing { .. } => io::ErrorKind::NotFound,
            LogError::NotNext { .. } | LogError::Refused { .. } => io::ErrorKind::InvalidInput,
            LogError::Damaged { .. } | LogError::Gap { .. } | LogError::Chain { .. } => io::ErrorKind::InvalidData,
            _ => io::ErrorKind::Other,
        };
        io::Error::new(kind, error)
    }
}
