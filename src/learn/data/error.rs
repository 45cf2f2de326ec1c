//! What can go wrong with datasets.

use crate::event::Hash;
use crate::learn::error::LearnError;

/// A dataset cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DataError {
    /// A blob of games cannot be learned from.
    #[error("batch {batch}: {source}")]
    Batch {
        /// The blob.
        batch: Hash,
        /// Why.
        source: LearnError,
    },
    /// The manifest and what it names differ.
    #[error("the dataset is not what its manifest says: {0}")]
    Manifest(String),
    /// The manifest is for something else.
    #[error("the dataset has {field} {found}, and this build needs {wanted}")]
    Mismatch {
        /// What differs.
        field: &'static str,
        /// What the manifest says.
        found: String,
        /// What is needed.
        wanted: String,
    },
    /// The file is no NPZ of ours, or a damaged one.
    #[error("not a usable NPZ file: {0}")]
    Npz(String),
    /// There is more than the format can hold.
    #[error("the samples have {bytes} bytes, and a file holds at most {max}: take fewer games")]
    TooLarge {
        /// Bytes of the arrays.
        bytes: u64,
        /// The most that fits.
        max: u64,
    },
}
