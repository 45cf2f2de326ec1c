//! Floor 3: runs jobs. Claims them, starts and watches worker processes, takes in their results.
//!
//! [`protocol`] is how a node and a worker talk; a user's own program can be a worker. [`outbox`] holds what the node wants
//! to tell the leader until the leader has it.

pub mod outbox;
pub mod protocol;

pub use outbox::{Outbox, OutboxError};
