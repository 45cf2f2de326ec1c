//! What can go wrong with the outbox.

use std::path::PathBuf;

use crate::event::NodeId;

/// The outbox could not do it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum OutboxError {
    /// Another process has the folder open.
    #[error("the outbox {path} is in use by another process: stop the node that runs on this data directory", path = .path.display())]
    InUse {
        /// The folder.
        path: PathBuf,
    },
    /// The folder belongs to another node.
    #[error("the outbox {path} belongs to node {owner}, not to {node}: this data directory was put together from two nodes", path = .path.display())]
    Foreign {
        /// The folder.
        path: PathBuf,
        /// Whose it is.
        owner: NodeId,
        /// Who opened it.
        node: NodeId,
    },
    /// What is stored cannot be read.
    #[error(
        "the outbox {path} is damaged: {reason}. Move the folder away and start the node again: \
         reports that were not sent yet are lost, and their jobs run again when their leases expire",
        path = .path.display()
    )]
    Damaged {
        /// The folder.
        path: PathBuf,
        /// What was found.
        reason: String,
    },
    /// It was written by a newer build.
    #[error("the outbox {path} holds entries of format {version}, which this build does not know: upgrade this program", path = .path.display())]
    TooNew {
        /// The folder.
        path: PathBuf,
        /// The format.
        version: u8,
    },
    /// The folder cannot be made, opened or synced.
    #[error("cannot {action} the outbox {path}: {reason}", path = .path.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// The folder.
        path: PathBuf,
        /// What the system said.
        reason: String,
    },
    /// A bound is reached. Nothing was stored; try again when the leader has taken some.
    #[error("the outbox is full: {entries} proposals, {bytes} bytes wait for a leader")]
    Full {
        /// Proposals that wait.
        entries: u64,
        /// Their bytes.
        bytes: u64,
    },
    /// The disk is full. Nothing was stored; try again when there is space.
    #[error("the disk of the outbox {path} is full: {free_bytes} bytes are left", path = .path.display())]
    DiskFull {
        /// The folder.
        path: PathBuf,
        /// What is left.
        free_bytes: u64,
    },
    /// The proposal is longer than [`super::PROPOSAL_BYTES_MAX`]. Trying again cannot help.
    #[error("a proposal of {bytes} bytes is too large: at most {max} are allowed")]
    TooLarge {
        /// Its size.
        bytes: usize,
        /// The bound.
        max: usize,
    },
    /// A write failed earlier. What is on disk is unknown, so the node must stop.
    #[error("the outbox stopped after a failed write: {reason}. Restart the node once the disk is well")]
    Poisoned {
        /// The first failure.
        reason: String,
    },
}
