//! Floor 3: replication. Raft (openraft) over QUIC; the Raft log *is* the event log.
//!
//! [`Replica`] is the whole of it for the floors above: start it, append drafts when it leads, read the [`Fold`], watch
//! [`Leadership`]. Inside: [`types`] (what Raft carries), [`store`] (the log as Raft's log), [`machine`] (the fold as Raft's state
//! machine), [`wire`], [`client`] and [`server`] (Raft's messages as QUIC frames).
//!
//! Invariants: a Raft entry is a batch of records and is written once, by `log/`; every node stamps the same `seq`
//! because it counts the same records; what a snapshot skips is in the archive before any log lets go of it.

pub mod client;
pub mod contact;
pub mod error;
pub mod fold;
mod folding;
#[doc(hidden)]
pub mod fuzzing;
pub mod greeting;
mod handover;
pub mod history;
mod hold;
mod keeper;
pub mod leader;
mod lease;
pub mod machine;
pub mod membership;
pub mod peers;
mod pipeline;
pub mod propose;
pub mod read;
pub mod rebuild;
#[expect(clippy::module_inception, reason = "the room and its main noun share the name")]
pub mod replica;
mod retain;
pub mod server;
pub mod snapshots;
#[cfg(test)]
mod snapshots_tests;
pub mod store;
pub mod stream;
pub mod submit;
mod transfer;
pub mod types;
pub mod wire;

pub use contact::Contact;
pub use error::ReplicaError;
pub use fold::{Compared, Fold, UpgradeNeeded};
pub use membership::RaftMembers;
pub use peers::Peers;
pub use read::Consistency;
pub use replica::{Leadership, Replica, ReplicaOptions, Timing, VOTERS_MAX};
pub use types::{Applied, Batch, Member, TypeConfig};
