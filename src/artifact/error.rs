//! What can go wrong with a blob.

use std::io;
use std::path::{Path, PathBuf};

use crate::event::{Hash, NodeId};
use crate::net::NetError;

/// A blob could not be kept, found, verified or fetched.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ArtifactError {
    /// The file system refused.
    #[error("cannot {action} {}: {source}", path.display())]
    File {
        /// What was tried.
        action: &'static str,
        /// On which file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The disk, or the quota, is full. Nothing was kept; it can be tried again when there is room.
    #[error("no space left for {}: free some, nothing of this blob was kept", path.display())]
    DiskFull {
        /// What was being written.
        path: PathBuf,
    },
    /// The system could not make bytes durable. It may have dropped them: the node must stop, and not try again.
    #[error("cannot make {} durable: {source}: stop this node and check the disk", path.display())]
    Sync {
        /// The file or directory.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The blob is not here.
    #[error("blob {hash} is not in this store")]
    Missing {
        /// The blob.
        hash: Hash,
    },
    /// The copy here has other bytes than its name says. It was moved aside.
    #[error("the copy of blob {hash} is damaged (its bytes hash to {found}); it was moved to {}", moved_to.display())]
    Damaged {
        /// The blob.
        hash: Hash,
        /// What the bytes hash to.
        found: Hash,
        /// Where the copy lies now.
        moved_to: PathBuf,
    },
    /// The peer has no copy.
    #[error("{peer} has no copy of blob {hash}")]
    NotThere {
        /// The peer.
        peer: NodeId,
        /// The blob.
        hash: Hash,
    },
    /// The peer sent something else than the blob. Nothing of it was kept.
    #[error("{peer} sent a wrong copy of blob {hash}: {reason}")]
    WrongCopy {
        /// The peer.
        peer: NodeId,
        /// The blob.
        hash: Hash,
        /// What is wrong with it.
        reason: String,
    },
    /// The blob is larger than the caller allows.
    #[error("blob {hash} at {peer} has {bytes} bytes, at most {bytes_max} are allowed here")]
    TooLarge {
        /// The peer.
        peer: NodeId,
        /// The blob.
        hash: Hash,
        /// Its size, as the peer says.
        bytes: u64,
        /// What is allowed.
        bytes_max: u64,
    },
    /// The transfer broke. What had arrived is kept, and the next attempt goes on from there.
    #[error("transfer of blob {hash} with {peer} broke: {source}")]
    Transfer {
        /// The peer.
        peer: NodeId,
        /// The blob.
        hash: Hash,
        /// Why.
        source: NetError,
    },
    /// The peer broke the protocol.
    #[error("{peer} does not speak the protocol for blobs: {reason}")]
    Protocol {
        /// The peer.
        peer: NodeId,
        /// What it did.
        reason: &'static str,
    },
    /// A connection could not be made, or ended.
    #[error(transparent)]
    Net(#[from] NetError),
    /// None of the peers that should have a copy gave one.
    #[error("no source gave blob {hash}: {}", if tried.is_empty() { "none is known".to_owned() } else { tried.join("; ") })]
    NoSource {
        /// The blob.
        hash: Hash,
        /// What happened with each.
        tried: Vec<String>,
    },
    /// An archive of history cannot be used.
    #[error("the archive {}: {reason}", path.display())]
    Archive {
        /// Its manifest.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// The log that an archive belongs to cannot be read.
    #[error(transparent)]
    Log(#[from] crate::log::LogError),
    /// A task that works on files was cut off: the program is shutting down.
    #[error("interrupted by shutdown")]
    Interrupted,
}

impl ArtifactError {
    /// What `source` means for `path`: a full disk is told apart from the rest.
    pub(super) fn file(action: &'static str, path: &Path, source: io::Error) -> Self {
        match source.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Self::DiskFull { path: path.to_owned() },
            _ => Self::File { action, path: path.to_owned(), source },
        }
    }

    /// Whether the node must stop: see [`ArtifactError::Sync`].
    pub fn is_fatal(&self) -> bool {
        matches!(self, Self::Sync { .. })
    }

    /// Whether the trouble is on this side, so that another source would not help.
    pub(crate) fn is_local(&self) -> bool {
        matches!(self, Self::File { .. } | Self::DiskFull { .. } | Self::Sync { .. } | Self::Interrupted)
    }
}
