//! What Raft carries: batches of records in, positions out.

use std::fmt;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::leader::Candidate;
use crate::event::{Draft, NodeId, Seq};

openraft::declare_raft_types!(
    /// The types of our Raft.
    pub TypeConfig:
        D = Batch,
        R = Applied,
        NodeId = NodeId,
        Node = Member,
        LeaderId = Candidate,
        AsyncRuntime = openraft::impls::TokioRuntime,
);

/// A Raft entry's content: encoded records that are committed together.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Batch {
    /// Number of records.
    pub count: u32,
    /// The records, one after the other.
    pub records: Bytes,
}

impl Batch {
    /// Encodes `drafts`.
    pub fn of(drafts: &[Draft]) -> Batch {
        let mut bytes = Vec::with_capacity(drafts.len() * 256);
        for draft in drafts {
            draft.encode_into(&mut bytes);
        }
        Batch { count: drafts.len() as u32, records: Bytes::from(bytes) }
    }
}

impl fmt::Display for Batch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} records, {} bytes", self.count, self.records.len())
    }
}

/// Where a batch came to lie.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Applied {
    /// The last record folded; equal to the batch's last record right after it was applied.
    pub last: Seq,
}

/// What Raft knows of a member besides its id.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Member {
    /// What people call it.
    pub name: String,
    /// Where it listens, as `host:port`.
    pub address: String,
}

/// A log id of our Raft.
pub type LogId = openraft::type_config::alias::LogIdOf<TypeConfig>;
/// A vote of our Raft.
pub type Vote = openraft::type_config::alias::VoteOf<TypeConfig>;
/// An entry of our Raft.
pub type RaftEntry = openraft::type_config::alias::EntryOf<TypeConfig>;
/// The committed membership as a state machine keeps it.
pub type StoredMembership = openraft::type_config::alias::StoredMembershipOf<TypeConfig>;
/// A membership of our Raft.
pub type Membership = openraft::Membership<NodeId, Member>;
