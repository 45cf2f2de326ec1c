//! A blob on its way in: a file in `tmp/` that is hashed as it grows.

use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};

use tokio::sync::OwnedMutexGuard;

use super::error::ArtifactError;
use super::store::{BlobStore, for_each_chunk};
use crate::event::Hash;

/// A file that is being written. Dropped unfinished, an unnamed one is removed; a named one stays, to be resumed.
#[derive(Debug)]
pub(super) struct Incoming {
    file: File,
    path: PathBuf,
    hasher: blake3::Hasher,
    resumable: bool,
    /// A named file has one writer at a time. A fetch that is cut off may leave one last write running; the next may not
    /// begin before that has ended.
    _turn: Option<OwnedMutexGuard<()>>,
}

impl Incoming {
    /// A file for bytes whose hash is not known yet.
    pub(super) fn unnamed(store: &BlobStore) -> Result<Self, ArtifactError> {
        let folder = store.temporary();
        let temporary = tempfile::NamedTempFile::with_prefix_in("put-", &folder)
            .map_err(|error| ArtifactError::file("create a file in", &folder, error))?;
        let (file, path) =
            temporary.keep().map_err(|error| ArtifactError::file("create a file in", &folder, error.error))?;
        Ok(Self { file, path, hasher: blake3::Hasher::new(), resumable: false, _turn: None })
    }

    /// The file for a blob that is being fetched, with what an earlier, broken transfer left in it.
    /// `turn` is the blob's [`BlobStore::fetch_turn`].
    pub(super) fn resume(store: &BlobStore, hash: &Hash, turn: OwnedMutexGuard<()>) -> Result<Self, ArtifactError> {
        Self::at(&store.temporary().join(format!("{hash}.part")), Some(turn))
    }

    fn at(path: &Path, turn: Option<OwnedMutexGuard<()>>) -> Result<Self, ArtifactError> {
        let file = OpenOptions::new()
            .create(true)
            .append(true)
            .open(path)
            .map_err(|error| ArtifactError::file("open", path, error))?;
        let mut hasher = blake3::Hasher::new();
        // Only what was written as a regular file can be read back.
        if file.metadata().is_ok_and(|metadata| metadata.is_file() && metadata.len() > 0) {
            for_each_chunk(path, |chunk| {
                hasher.update(chunk);
                Ok(())
            })?;
        }
        Ok(Self { file, path: path.to_owned(), hasher, resumable: true, _turn: turn })
    }

    /// Bytes that are here.
    pub(super) fn bytes(&self) -> u64 {
        self.hasher.count()
    }

    /// The hash of the bytes that are here.
    pub(super) fn hash(&self) -> Hash {
        Hash(*self.hasher.finalize().as_bytes())
    }

    /// Adds bytes. After an error the file is of no more use.
    pub(super) fn append(&mut self, bytes: &[u8]) -> Result<(), ArtifactError> {
        if let Err(error) = self.file.write_all(bytes) {
            // It is unknown how much was written, and a full disk needs the room.
            self.resumable = false;
            return Err(ArtifactError::file("write", &self.path, error));
        }
        self.hasher.update(bytes);
        Ok(())
    }

    /// Forgets the bytes that are here.
    pub(super) fn restart(&mut self) -> Result<(), ArtifactError> {
        self.file.set_len(0).map_err(|error| ArtifactError::file("truncate", &self.path, error))?;
        self.hasher.reset();
        Ok(())
    }

    /// Forgets the file.
    pub(super) fn discard(mut self) {
        self.resumable = false;
    }

    /// Makes it a blob of the store, unless a good copy is there already.
    pub(super) fn keep(self, store: &BlobStore) -> Result<Hash, ArtifactError> {
        let hash = self.hash();
        if store.holds_good(&hash)? {
            self.discard();
            return Ok(hash);
        }
        let length = self.file.metadata().map_err(|error| ArtifactError::file("read", &self.path, error))?.len();
        assert_eq!(length, self.bytes(), "a file of tmp/ has one writer");
        store.adopt(&self.file, &self.path, &hash)?;
        Ok(hash)
    }
}

impl Drop for Incoming {
    fn drop(&mut self) {
        // After `keep` there is no file of this name any more.
        if !self.resumable {
            let _ = fs::remove_file(&self.path);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_disk_is_told_apart_from_other_trouble() {
        // The kernel's own full disk: every write to it fails with ENOSPC.
        let mut incoming = Incoming::at(Path::new("/dev/full"), None).expect("linux has it");
        let error = incoming.append(b"bytes").expect_err("it is full");
        assert!(matches!(error, ArtifactError::DiskFull { .. }), "{error}");
        assert!(error.to_string().contains("no space left for /dev/full"), "{error}");
        incoming.resumable = true; // Or its drop would try to remove the device.
    }
}
