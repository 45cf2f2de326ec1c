//! Whether copies are what their names say. A copy that is not goes into `damaged/`, where nothing finds it by mistake.

use std::fs;
use std::path::PathBuf;

use super::error::ArtifactError;
use super::store::{BlobStore, hash_file, sync_dir};
use crate::event::Hash;

impl BlobStore {
    /// Reads the whole copy and compares it with its name. Answers with its size. A damaged copy is moved aside, and the
    /// blob is then missing here until it is fetched again.
    pub fn verify(&self, hash: &Hash) -> Result<u64, ArtifactError> {
        let path = self.path(hash).ok_or(ArtifactError::Missing { hash: *hash })?;
        let (found, bytes) = hash_file(&path)?;
        if found == *hash {
            return Ok(bytes);
        }
        let moved_to = self.free_place_for_damaged(hash);
        fs::rename(&path, &moved_to).map_err(|error| ArtifactError::file("move aside", &path, error))?;
        sync_dir(&self.damaged())?;
        tracing::error!(%hash, %found, moved_to = %moved_to.display(), "damaged copy of a blob");
        Err(ArtifactError::Damaged { hash: *hash, found, moved_to })
    }

    /// Whether a good copy is here. A damaged one is moved aside on the way.
    pub(super) fn holds_good(&self, hash: &Hash) -> Result<bool, ArtifactError> {
        match self.verify(hash) {
            Ok(_) => Ok(true),
            Err(ArtifactError::Missing { .. } | ArtifactError::Damaged { .. }) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Verifies every copy, one with each step. Goes on after a damaged one.
    pub fn scrub(&self) -> impl Iterator<Item = Result<Hash, ArtifactError>> + use<> {
        let store = self.clone();
        self.list().map(move |entry| entry.and_then(|(hash, _)| store.verify(&hash).map(|_| hash)))
    }

    fn free_place_for_damaged(&self, hash: &Hash) -> PathBuf {
        let folder = self.damaged();
        (0_u64..)
            .map(|number| folder.join(if number == 0 { hash.to_string() } else { format!("{hash}.{number}") }))
            .find(|path| !path.exists())
            .expect("a directory holds fewer than 2^64 files")
    }
}
