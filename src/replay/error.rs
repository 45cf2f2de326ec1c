//! Why a moment of the past cannot be shown.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::event::{EventError, Seq};
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
    /// Wraps what the system said.
    pub fn io(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> ReplayError {
        let path = path.to_owned();
        move |source| ReplayError::Io { action, path, source: Arc::new(source) }
    }
}
