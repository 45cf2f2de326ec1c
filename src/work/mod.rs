//! Floor 3: runs jobs. Claims them, starts and watches worker processes, takes in their results.
//!
//! [`protocol`] is how a node and a worker talk; a user's own program can be a worker. [`worker`] starts such programs and
//! holds them to it. [`manager`] runs what the log assigns to this node; [`intake`] stores what workers bring, and
//! [`verify`] replays recorded games. [`outbox`] holds what the node wants to tell the leader until the leader has it.

pub mod error;
pub mod inference;
pub mod intake;
pub mod manager;
pub mod outbox;
pub mod protocol;
pub mod verify;
#[cfg(test)]
mod verify_tests;
pub mod worker;

pub use error::WorkError;
pub use inference::InferenceUsage;
pub use manager::{Assigned, WorkManager, WorkParts, WorkTimes};
pub use outbox::{Outbox, OutboxError};
pub use worker::{WorkerError, WorkerLimits, WorkerPool, WorkerProgram};
