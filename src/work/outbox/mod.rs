//! The outbox: what this node wants to tell the leader and has not been told to forget.
//!
//! [`Outbox::push`] returns once the proposal is on disk under a number that is never given twice; from then on the
//! proposal survives a crash of the process or the machine. A sender reads [`Outbox::peek_batch`], sends until the
//! leader has committed, and [`Outbox::ack`]s. Repeats are harmless: the leader deduplicates by `(origin, origin_seq)`.
//!
//! It is the only sled database of the house that cannot be rebuilt from the log, hence the care in `disk`.
//! Where it keeps them lies behind [`Shelf`]; [`SimShelf`] is its twin in memory, for simulations.

mod codec;
mod disk;
mod error;
#[doc(hidden)]
pub mod fuzzing;
mod mark;
mod queue;
mod shelf;
mod sim_shelf;

pub use codec::PROPOSAL_BYTES_MAX;
pub use disk::Limits;
pub use error::OutboxError;
pub use queue::{Entry, Outbox, OutboxDriver, PEEK_BYTES_MAX};
pub use shelf::{Held, Shelf, ShelfReader};
pub use sim_shelf::SimShelf;
