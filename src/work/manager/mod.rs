//! What a node does with the jobs that the log assigns to it.
//!
//! [`WorkManager`] is told, after every change, what is assigned to this node ([`Assigned`]). It starts what is new,
//! stops what is gone, and reports through the outbox. It decides nothing: who runs what is the leader's business.

mod job;
mod jobs;
mod parts;
mod report;
mod unfinished;
mod work_manager;

pub use jobs::Assigned;
pub use parts::{Clock, Fetch, FetchFuture, WorkParts, WorkTimes};
pub use work_manager::WorkManager;
