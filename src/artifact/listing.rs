//! What is in the store, in order of the hashes.

use std::fs;
use std::path::Path;

use super::error::ArtifactError;
use super::store::BlobStore;
use crate::event::Hash;

impl BlobStore {
    /// Every blob here with its size, in order. Reads one of the 256 folders at a time. What comes or goes meanwhile may
    /// or may not be among them; files that are not blobs are left out with a warning.
    pub fn list(&self) -> impl Iterator<Item = Result<(Hash, u64), ArtifactError>> + use<> {
        let root = self.root().to_owned();
        (0..=u8::MAX).flat_map(move |first| {
            let folder = root.join(format!("{first:02x}"));
            let (entries, error) = match read_folder(&folder, first) {
                Ok(entries) => (entries, None),
                Err(error) => (Vec::new(), Some(Err(error))),
            };
            entries.into_iter().map(Ok).chain(error)
        })
    }
}

fn read_folder(folder: &Path, first: u8) -> Result<Vec<(Hash, u64)>, ArtifactError> {
    let failed = |error| ArtifactError::file("list", folder, error);
    let reader = match fs::read_dir(folder) {
        Ok(reader) => reader,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(failed(error)),
    };
    let mut entries = Vec::new();
    for entry in reader {
        let path = entry.map_err(failed)?.path();
        match blob(&path, first) {
            Some(entry) => entries.push(entry),
            None => tracing::warn!(path = %path.display(), "not a blob"),
        }
    }
    entries.sort_unstable();
    Ok(entries)
}

fn blob(path: &Path, first: u8) -> Option<(Hash, u64)> {
    let hash: Hash = path.file_name()?.to_str()?.parse().ok()?;
    let metadata = fs::symlink_metadata(path).ok()?;
    (metadata.is_file() && hash.0[0] == first).then_some((hash, metadata.len()))
}
