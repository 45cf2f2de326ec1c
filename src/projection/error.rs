//! Why rows could not be loaded or kept. Folding itself never fails.

use std::path::PathBuf;

/// A snapshot or a store of rows is not usable. None of this loses a fact: wipe what is broken and fold the log again.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ProjectionError {
    /// A snapshot is cut short, damaged, or not one.
    #[error("malformed snapshot at byte {offset}: {reason}")]
    Snapshot {
        /// Where reading stopped.
        offset: usize,
        /// What is wrong.
        reason: &'static str,
    },
    /// Rows were written by a build with other row types.
    #[error("rows of version {found}, but this build folds version {expected}: fold the log again")]
    Version {
        /// The version in the bytes.
        found: u32,
        /// The version of this build.
        expected: u32,
    },
    /// A row's bytes do not form a key and a value of its table.
    #[error("malformed row in {table}: {reason}")]
    Row {
        /// The table.
        table: &'static str,
        /// What the decoder said.
        reason: String,
    },
    /// Rows name a table that this build does not have, or lack one that it has.
    #[error("tables differ from this build's: {name}")]
    Tables {
        /// The first name that differs.
        name: String,
    },
    /// The rows of a table do not add up to its recorded digest.
    #[error("the rows of {table} do not match their digest: fold the log again")]
    Digest {
        /// The table.
        table: &'static str,
    },
    /// The store of rows failed.
    #[error("row store {path}: {reason}; remove the directory and fold the log again", path = path.display())]
    Store {
        /// The store's directory.
        path: PathBuf,
        /// What sled or the system said.
        reason: String,
    },
}
