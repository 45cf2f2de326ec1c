//! Why a moment of the past cannot be shown.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::event::{EventError, Millis, Seq};
use crate::log::LogError;
use crate::projection::{Halt, ProjectionError};

/// The past cannot be read, or a snapshot of it not be kept.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum ReplayError {
    /// The log cannot be read.
    #[error(transparent)]
    Log(#[from] LogError),
    /// A record is of a kind or version that this build does not know, or malformed.
    #[error("record {seq} cannot be read: {source}")]
    Record {
        /// The record.
        seq: Seq,
        /// What is wrong with it.
        source: EventError,
    },
    /// The moment has not come yet.
    #[error("there is no record {at} yet: the last one is {last}")]
    Future {
        /// The record that was asked for.
        at: Seq,
        /// The last one.
        last: Seq,
    },
    /// The log begins after the moment, and no retained snapshot lies between.
    #[error(
        "the log here begins after record {base}, and nothing that is kept reaches back to record {at}: read it from the archive \
         (`kifu-replay --archive DIR`), ask a node that holds the whole history, or read a backup"
    )]
    Forgotten {
        /// The record that was asked for.
        at: Seq,
        /// The last record that the log no longer holds.
        base: Seq,
    },
    /// The log begins later than the time: what was there then nobody can tell here.
    #[error(
        "what is kept here begins after record {base}, and nothing of it is as old as {at}: read it from the archive \
         (`kifu-replay --archive DIR`), ask a node that holds the whole history, or read a backup"
    )]
    TimeForgotten {
        /// The time that was asked for.
        at: Millis,
        /// The last record that the log no longer holds.
        base: Seq,
    },
    /// A projection cannot fold the records up to there.
    #[error(transparent)]
    Halted(#[from] Box<Halt>),
    /// A snapshot is not usable.
    #[error("snapshot {}: {source}", path.display())]
    Snapshot {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: ProjectionError,
    },
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
}

impl ReplayError {
    /// Whether nothing failed: the moment has not come yet, or the log begins after it.
    pub fn is_not_here(&self) -> bool {
        matches!(
            self,
            ReplayError::Future { .. }
                | ReplayError::Forgotten { .. }
                | ReplayError::TimeForgotten { .. }
                | ReplayError::Log(LogError::BeforeStart { .. })
        )
    }

    /// Wraps what the system said.
    pub fn io(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> ReplayError {
        let path = path.to_owned();
        move |source| ReplayError::Io { action, path, source: Arc::new(source) }
    }
}
