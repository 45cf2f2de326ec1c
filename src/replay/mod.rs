//! Floor 2: the past. What the cluster was at any moment of its log, quickly.
//!
//! [`Retained`] keeps snapshots of the state as files beside the log, at bounded distances and in bounded number; each can be
//! thrown away and made again. [`History`] answers "the state as of this record or this time": the nearest retained snapshot
//! before it, and a fold of the records from there. [`Moment`] says what people may ask for.
//! [`Feed`] reads on through a [`Filter`] while the log grows.

pub mod error;
pub mod feed;
pub mod filter;
pub mod history;
pub mod moment;
pub mod retained;

pub use error::ReplayError;
pub use feed::Feed;
pub use filter::{Filter, Sieve};
pub use history::{History, Reconstructed};
pub use moment::Moment;
pub use retained::{Retained, RetainedLimits};
