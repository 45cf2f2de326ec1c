//! Where an outbox keeps its proposals: on the disk, or in memory for simulations.

use super::error::OutboxError;
use crate::event::Proposal;

/// What a shelf holds, in numbers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Held {
    /// Proposals that wait.
    pub entries: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Numbers up to this one were acknowledged by the leader. Those after it, up to `last`, are all here.
    pub acked: u64,
    /// The highest number ever given.
    pub last: u64,
}

/// A shelf, with the right to change it. One writer.
pub trait Shelf: Send + 'static {
    /// Stores proposals, forgets those up to the number `ack`, and remembers `held.last`; durable when it returns.
    ///
    /// # Errors
    /// After an error nobody knows what is stored: the outbox stops.
    fn commit(&mut self, proposals: &[(u64, Vec<u8>)], ack: u64, held: Held) -> Result<Held, OutboxError>;

    /// Whether so many bytes can be stored now. Where they surely cannot, nothing is tried, and the outbox goes on.
    ///
    /// # Errors
    /// [`OutboxError::DiskFull`].
    fn room_for(&self, bytes: u64) -> Result<(), OutboxError> {
        let _ = bytes;
        Ok(())
    }

    /// A handle that only reads.
    fn reader(&self) -> Box<dyn ShelfReader>;
}

/// Reads a shelf, beside its writer.
pub trait ShelfReader: Send + Sync + 'static {
    /// The first proposals up to the number `last`: at most `max`, and no more once `bytes_max` bytes are read.
    ///
    /// # Errors
    /// When what is stored cannot be read.
    fn first(&self, last: u64, max: usize, bytes_max: usize) -> Result<Vec<Proposal>, OutboxError>;
}
