//! What makes a node stop working.

use std::path::PathBuf;

use super::outbox::OutboxError;
use crate::artifact::ArtifactError;

/// The node cannot go on running jobs. What is wrong with one job is told to the leader instead.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WorkError {
    /// Reports can no longer be kept.
    #[error(transparent)]
    Outbox(#[from] OutboxError),
    /// Blobs can no longer be kept.
    #[error(transparent)]
    Artifact(#[from] ArtifactError),
    /// The folder for jobs' files cannot be used.
    #[error("cannot prepare the scratch folder {path}: {reason}", path = .path.display())]
    Scratch {
        /// The folder.
        path: PathBuf,
        /// What the system said.
        reason: String,
    },
    /// It stopped for a reason that was reported before.
    #[error("{reason}")]
    Stopped {
        /// The reason.
        reason: String,
    },
}
