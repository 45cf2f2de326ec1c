//! Floor 3: content-addressed blobs. A blob is named by the BLAKE3 hash of its bytes, so it never changes, any copy is as
//! good as any other, and a copy proves itself.
//!
//! [`BlobStore`] keeps the copies of one node; [`serve_blobs`] gives them to peers; [`fetch`](fn@fetch) and [`fetch_from_any`]
//! get them from peers.
//!
//! Invariants: a file under its final name is whole and durable; bytes that do not match their name are never kept under
//! it, wherever they come from; nothing is overwritten; memory does not grow with the size of a blob.
//!
//! Absent on purpose: an index. The directory is the truth about what this node holds, one `stat` answers "is it here?",
//! and the log knows what the others hold; a second list could only disagree.

pub mod archive;
pub mod error;
mod fetch;
#[doc(hidden)]
pub mod fuzzing;
mod incoming;
mod listing;
mod protocol;
mod serve;
pub mod store;
mod verify;

#[cfg(test)]
mod tests;

pub use archive::{Archive, ArchivedSegment, whole_log};
pub use error::ArtifactError;
pub use fetch::{BLOB_BYTES_MAX, FetchLimits, fetch, fetch_from_any};
pub use serve::{TRANSFERS_MAX, serve_blobs};
pub use store::{BlobStore, Source};
