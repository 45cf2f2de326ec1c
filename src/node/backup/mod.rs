//! Backups: a copy of the history up to a committed record, with every blob that it refers to, and the way back into a new
//! cluster. See `docs/operations.md` for how to use them and decision 5 for what a restored log is.
//!
//! ```text
//! OUT/manifest.json   what the backup holds; written last, so that an interrupted backup leaves the one before
//! OUT/log/            segments, each cut after its last committed entry; a log that `kifu-replay` reads
//! OUT/blobs/          blobs by hash
//! ```

pub mod blobs;
pub mod manifest;
pub mod restore;
pub mod rewrite;
pub mod segments;
pub mod take;

pub use manifest::Manifest;
pub use restore::{RestoreOptions, Restored, restore};
pub use take::{Taken, take};
