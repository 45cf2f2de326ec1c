//! What can go wrong in replication.

use std::io;

use crate::event::{EventError, NodeId};

/// Replication failed, or cannot serve now.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReplicaError {
    /// A projection that decisions are made from has stopped.
    #[error("this node may not decide: {halt}")]
    Halted {
        /// Why and where.
        halt: Box<crate::projection::Halt>,
    },
    /// This node does not lead (any more). What was proposed may or may not have been committed.
    #[error("this node does not lead; the leader is {}", leader.map_or("unknown".to_owned(), |id| id.to_string()))]
    NotLeader {
        /// Who leads, as far as this node knows.
        leader: Option<NodeId>,
    },
    /// The disk under the log is full. The node goes on by itself when there is space again.
    #[error("the disk under the log is full: free some space, the node then goes on by itself")]
    DiskFull,
    /// A membership change was refused.
    #[error("the membership cannot change now: {reason}")]
    Membership {
        /// What Raft said.
        reason: String,
    },
    /// Nobody could vouch for a read.
    #[error("the read cannot be answered at this consistency: {reason}; ask again, or with consistency local")]
    Unreadable {
        /// Why.
        reason: String,
    },
    /// A peer sent bytes that are no message of ours.
    #[error("malformed message from a peer: {reason}")]
    Wire {
        /// What is wrong with it.
        reason: String,
    },
    /// A snapshot cannot be taken over.
    #[error("the snapshot at seq {seq} cannot be used: {reason}")]
    Snapshot {
        /// The last record that it covers.
        seq: crate::event::Seq,
        /// Why.
        reason: String,
    },
    /// A member does not take a snapshot over.
    #[error("the member refuses the snapshot: {reason}")]
    SnapshotRefused {
        /// What it said.
        reason: String,
    },
    /// A committed record cannot be read.
    #[error("record cannot be read at raft index {index}: {source}")]
    Record {
        /// The Raft entry that holds it.
        index: u64,
        /// What is wrong with it.
        source: EventError,
    },
    /// The Raft core has stopped; the node must stop too.
    #[error("replication has stopped: {reason}")]
    Stopped {
        /// What Raft said.
        reason: String,
    },
    /// The network room failed.
    #[error(transparent)]
    Net(#[from] crate::net::NetError),
    /// The log failed.
    #[error(transparent)]
    Log(#[from] crate::log::LogError),
    /// The projections' store failed.
    #[error(transparent)]
    Projection(#[from] crate::projection::ProjectionError),
    /// The past cannot be read or kept.
    #[error(transparent)]
    Replay(#[from] crate::replay::ReplayError),
}

impl ReplicaError {
    /// A malformed message.
    pub(crate) fn wire(reason: impl std::fmt::Display) -> ReplicaError {
        ReplicaError::Wire { reason: reason.to_string() }
    }
}

impl From<ReplicaError> for io::Error {
    fn from(error: ReplicaError) -> io::Error {
        io::Error::other(error)
    }
}
