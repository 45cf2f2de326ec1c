//! What a backup holds.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::event::{ClusterId, Hash, Millis, Seq, Term};
use crate::node::NodeError;

/// The version of the backup's layout that this build writes, and the highest that it reads.
pub const BACKUP_VERSION: u32 = 1;

/// `manifest.json`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// The version of the layout.
    pub version: u32,
    /// The cluster.
    pub cluster: ClusterId,
    /// What people call it.
    pub name: String,
    /// Where the log's chain begins: hash of the cluster CA's public key.
    pub genesis: Hash,
    /// The last record.
    pub seq: Seq,
    /// The term of its entry.
    pub term: Term,
    /// When it was recorded.
    pub recorded_at: Millis,
    /// The chain up to its entry.
    pub chain: Hash,
    /// The digest of the state after it.
    pub state: Hash,
    /// The version of the rows that the digest is about.
    pub rows_version: u32,
    /// The segments, in order.
    pub segments: Vec<SegmentCopy>,
    /// Blobs that the state refers to and that are here.
    pub blobs: u64,
    /// Their bytes.
    pub blob_bytes: u64,
    /// Blobs that the state refers to and that nobody had.
    pub missing: Vec<Hash>,
}

/// A segment in the backup.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SegmentCopy {
    /// The name of its file.
    pub name: String,
    /// Its bytes, up to the end of its last entry.
    pub bytes: u64,
    /// The hash of these bytes.
    pub hash: Hash,
    /// Its last entry.
    pub last_index: u64,
    /// The chain up to that.
    pub chain: Hash,
    /// Whether a later segment follows in the log: this one will never change.
    pub sealed: bool,
}

impl Manifest {
    /// Where it lies in a backup.
    pub fn path(backup: &Path) -> PathBuf {
        backup.join("manifest.json")
    }

    /// Reads the manifest of a backup; none when the folder holds none.
    ///
    /// # Errors
    /// When it cannot be read, or was written by a later version of the program.
    pub fn load(backup: &Path) -> Result<Option<Manifest>, NodeError> {
        let path = Manifest::path(backup);
        let bytes = match std::fs::read(&path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(source) => return Err(NodeError::Io { path, source }),
        };
        let broken = |reason: String| NodeError::Backup { path: path.clone(), reason };
        let manifest: Manifest = serde_json::from_slice(&bytes).map_err(|error| broken(error.to_string()))?;
        if manifest.version > BACKUP_VERSION {
            let found = manifest.version;
            return Err(broken(format!(
                "it has version {found}, this program reads up to {BACKUP_VERSION}: upgrade it"
            )));
        }
        Ok(Some(manifest))
    }
}
