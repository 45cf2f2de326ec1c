//! The blobs of one node, as files:
//!
//! ```text
//! DIR/blobs/ab/abcdef…   a blob: the file's name is the hash of its bytes, its folder the first two digits
//! DIR/blobs/tmp/         files that are being written; emptied at start
//! DIR/blobs/damaged/     copies whose bytes turned out not to match their name; for people, never read again
//! ```

use std::collections::BTreeMap;
use std::fs::{self, File, Permissions};
use std::io::{self, Read};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, Weak};

use super::error::ArtifactError;
use super::incoming::Incoming;
use crate::event::Hash;

/// Bytes that are read, hashed and written at a time.
pub(super) const BUFFER_BYTES: usize = 256 * 1024;
/// Mode of a blob: nobody changes it, not even its owner.
const BLOB_MODE: u32 = 0o444;

/// What becomes of the file that is put into the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// It goes into the store, and is gone from where it was.
    Move,
    /// It stays.
    Copy,
}

/// The blobs of one node. Clones are handles to the same store. One process at a time may have a directory's store
/// open; the lock on the data directory sees to that.
#[derive(Clone, Debug)]
pub struct BlobStore {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    root: PathBuf,
    /// Who fetches what at the moment. As many entries as fetches under way.
    fetching: Mutex<BTreeMap<Hash, Weak<tokio::sync::Mutex<()>>>>,
}

impl BlobStore {
    /// Opens the store below the data directory `dir`, making it where there is none. Removes what unfinished writes left.
    pub fn open(dir: &Path) -> Result<Self, ArtifactError> {
        let root = dir.join("blobs");
        let inner = Inner { root, fetching: Mutex::default() };
        let store = Self { inner: Arc::new(inner) };
        for folder in [store.root().to_owned(), store.temporary(), store.damaged()] {
            fs::create_dir_all(&folder).map_err(|error| ArtifactError::file("create", &folder, error))?;
        }
        store.empty_temporary()?;
        sync_dir(store.root())?;
        sync_dir(dir)?;
        Ok(store)
    }

    fn empty_temporary(&self) -> Result<(), ArtifactError> {
        let folder = self.temporary();
        let failed = |error| ArtifactError::file("empty", &folder, error);
        for entry in fs::read_dir(&folder).map_err(failed)? {
            let path = entry.map_err(failed)?.path();
            tracing::info!(path = %path.display(), "removing an unfinished blob");
            fs::remove_file(&path).map_err(|error| ArtifactError::file("remove", &path, error))?;
        }
        Ok(())
    }

    /// Puts bytes into the store. When this returns they are durable.
    pub fn put_bytes(&self, bytes: &[u8]) -> Result<Hash, ArtifactError> {
        let mut incoming = Incoming::unnamed(self)?;
        incoming.append(bytes)?;
        incoming.keep(self)
    }

    /// Puts a file into the store. When this returns the copy here is durable; only then is a moved file gone from where it
    /// was. The file must not be written to meanwhile.
    pub fn put_file(&self, path: &Path, source: Source) -> Result<(Hash, u64), ArtifactError> {
        let (hash, bytes) = match source {
            Source::Copy => self.copy_in(path)?,
            Source::Move => self.move_in(path)?,
        };
        tracing::debug!(%hash, bytes, path = %path.display(), ?source, "blob put");
        Ok((hash, bytes))
    }

    fn copy_in(&self, path: &Path) -> Result<(Hash, u64), ArtifactError> {
        let mut incoming = Incoming::unnamed(self)?;
        for_each_chunk(path, |chunk| incoming.append(chunk))?;
        let bytes = incoming.bytes();
        Ok((incoming.keep(self)?, bytes))
    }

    fn move_in(&self, path: &Path) -> Result<(Hash, u64), ArtifactError> {
        let (hash, bytes) = hash_file(path)?;
        if !self.holds_good(&hash)? {
            let file = File::open(path).map_err(|error| ArtifactError::file("open", path, error))?;
            match self.adopt(&file, path, &hash) {
                Err(ArtifactError::File { source, .. }) if source.kind() == io::ErrorKind::CrossesDevices => {
                    self.copy_in(path)?;
                }
                outcome => return outcome.map(|()| (hash, bytes)),
            }
        }
        fs::remove_file(path).map_err(|error| ArtifactError::file("remove", path, error))?;
        Ok((hash, bytes))
    }

    /// Gives a finished file its final name: its bytes first, then the name, then the folders.
    pub(super) fn adopt(&self, file: &File, path: &Path, hash: &Hash) -> Result<(), ArtifactError> {
        file.set_permissions(Permissions::from_mode(BLOB_MODE))
            .map_err(|error| ArtifactError::file("set the mode of", path, error))?;
        file.sync_all().map_err(|source| ArtifactError::Sync { path: path.to_owned(), source })?;
        let target = self.place(hash);
        let folder = target.parent().unwrap_or(self.root());
        let folder_is_new = !folder.exists();
        fs::create_dir_all(folder).map_err(|error| ArtifactError::file("create", folder, error))?;
        fs::rename(path, &target).map_err(|error| ArtifactError::file("rename into the store", path, error))?;
        sync_dir(folder)?;
        if folder_is_new { sync_dir(self.root()) } else { Ok(()) }
    }

    /// Where the blob lies; `None` when it is not here. Says nothing about its bytes: see [`BlobStore::verify`].
    pub fn path(&self, hash: &Hash) -> Option<PathBuf> {
        Some(self.place(hash)).filter(|path| path.is_file())
    }

    /// Whether the blob is here.
    pub fn contains(&self, hash: &Hash) -> bool {
        self.path(hash).is_some()
    }

    /// The blob's size; `None` when it is not here.
    pub fn bytes(&self, hash: &Hash) -> Option<u64> {
        fs::metadata(self.place(hash)).ok().filter(fs::Metadata::is_file).map(|metadata| metadata.len())
    }

    /// Removes the copy here. Call this only by authority of an event that names the blob and the verified copies that
    /// remain. Says whether there was one.
    pub fn remove(&self, hash: &Hash) -> Result<bool, ArtifactError> {
        let path = self.place(hash);
        match fs::remove_file(&path) {
            Ok(()) => {
                tracing::info!(%hash, "blob removed");
                sync_dir(path.parent().unwrap_or(self.root()))?;
                Ok(true)
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(ArtifactError::file("remove", &path, error)),
        }
    }

    pub(super) fn root(&self) -> &Path {
        &self.inner.root
    }

    pub(super) fn temporary(&self) -> PathBuf {
        self.inner.root.join("tmp")
    }

    pub(super) fn damaged(&self) -> PathBuf {
        self.inner.root.join("damaged")
    }

    /// Where the blob lies if it is here.
    pub(super) fn place(&self, hash: &Hash) -> PathBuf {
        place_in(&self.inner.root, hash)
    }

    /// What a fetch of this blob holds while it runs, so that there is one at a time.
    pub(super) fn fetch_turn(&self, hash: &Hash) -> Arc<tokio::sync::Mutex<()>> {
        let mut fetching = self.inner.fetching.lock().unwrap_or_else(PoisonError::into_inner);
        fetching.retain(|_, turn| turn.strong_count() > 0);
        if let Some(turn) = fetching.get(hash).and_then(Weak::upgrade) {
            return turn;
        }
        let turn = Arc::default();
        fetching.insert(*hash, Arc::downgrade(&turn));
        turn
    }
}

/// Where a blob lies in the folder `blobs` of a store.
pub(super) fn place_in(blobs: &Path, hash: &Hash) -> PathBuf {
    let name = hash.to_string();
    blobs.join(&name[..2]).join(name)
}

/// Makes the names in a directory durable.
pub(super) fn sync_dir(dir: &Path) -> Result<(), ArtifactError> {
    let file = File::open(dir).map_err(|error| ArtifactError::file("open", dir, error))?;
    file.sync_all().map_err(|source| ArtifactError::Sync { path: dir.to_owned(), source })
}

/// The hash and the size of a file.
pub(super) fn hash_file(path: &Path) -> Result<(Hash, u64), ArtifactError> {
    let mut hasher = blake3::Hasher::new();
    for_each_chunk(path, |chunk| {
        hasher.update(chunk);
        Ok(())
    })?;
    Ok((Hash(*hasher.finalize().as_bytes()), hasher.count()))
}

/// Reads a file in pieces.
pub(super) fn for_each_chunk(
    path: &Path,
    mut take: impl FnMut(&[u8]) -> Result<(), ArtifactError>,
) -> Result<(), ArtifactError> {
    let failed = |error| ArtifactError::file("read", path, error);
    let mut file = File::open(path).map_err(failed)?;
    let mut buffer = vec![0; BUFFER_BYTES];
    loop {
        match file.read(&mut buffer) {
            Ok(0) => return Ok(()),
            Ok(got) => take(&buffer[..got])?,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(failed(error)),
        }
    }
}
