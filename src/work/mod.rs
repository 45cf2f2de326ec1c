//! Floor 3: runs jobs. Claims them, starts and watches worker processes, takes in their results.
//!
//! [`protocol`] is how a node and a worker talk; a user's own program can be a worker.

pub mod protocol;
