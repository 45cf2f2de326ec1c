//! The real disk.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use rustix::fs::{FallocateFlags, fallocate};
use rustix::io::retry_on_intr;

use super::disk::{LogDisk, LogFile};
use super::error::LogError;
use super::space::Space;

/// The name of the lock file.
pub(super) const LOCK: &str = "lock";

/// A folder of the file system.
pub struct SegmentDisk {
    folder: PathBuf,
    /// Held by a writer for as long as the disk lives; the system lets it go when the process ends.
    _lock: Option<File>,
}

impl SegmentDisk {
    /// Opens a folder to write a log, creates it when it is missing, and locks out other writers.
    ///
    /// # Errors
    /// [`LogError::Locked`] when another writer holds it, [`LogError::Io`] for what the system says.
    pub fn writer(folder: &Path) -> Result<SegmentDisk, LogError> {
        if !folder.is_dir() {
            fs::create_dir_all(folder).map_err(|error| LogError::io("create the folder", folder, error))?;
            let parent = folder.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
            sync_folder(parent).map_err(|error| LogError::io("sync the folder", parent, error))?;
        }
        let path = folder.join(LOCK);
        let lock = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .open(&path)
            .map_err(|error| LogError::io("open", &path, error))?;
        match lock.try_lock() {
            Ok(()) => Ok(SegmentDisk { folder: folder.to_owned(), _lock: Some(lock) }),
            Err(TryLockError::WouldBlock) => Err(LogError::Locked { path }),
            Err(TryLockError::Error(error)) => Err(LogError::io("lock", &path, error)),
        }
    }

    /// Opens a folder to read a log. Takes no lock and writes nothing.
    pub fn reader(folder: &Path) -> SegmentDisk {
        SegmentDisk { folder: folder.to_owned(), _lock: None }
    }
}

fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

impl LogDisk for SegmentDisk {
    fn list(&self) -> io::Result<Vec<String>> {
        fs::read_dir(&self.folder)?.map(|file| Ok(file?.file_name().to_string_lossy().into_owned())).collect()
    }

    fn create(&self, name: &str, bytes: u64) -> io::Result<Arc<dyn LogFile>> {
        let path = self.folder.join(name);
        let file = OpenOptions::new().read(true).write(true).create(true).truncate(true).open(&path)?;
        let allocated = match retry_on_intr(|| fallocate(&file, FallocateFlags::empty(), 0, bytes)) {
            // A file system without preallocation: the size must do, and a write may find the disk full.
            Err(rustix::io::Errno::OPNOTSUPP | rustix::io::Errno::NOSYS) => file.set_len(bytes),
            other => other.map_err(io::Error::from),
        };
        if let Err(error) = allocated {
            drop(file);
            fs::remove_file(&path)?;
            return Err(error);
        }
        Ok(Arc::new(RealFile(file)))
    }

    fn open(&self, name: &str) -> io::Result<Arc<dyn LogFile>> {
        let mut options = OpenOptions::new();
        options.read(true).write(self._lock.is_some());
        Ok(Arc::new(RealFile(options.open(self.folder.join(name))?)))
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        fs::rename(self.folder.join(from), self.folder.join(to))
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        fs::remove_file(self.folder.join(name))
    }

    fn sync_dir(&self) -> io::Result<()> {
        sync_folder(&self.folder)
    }

    fn free_bytes(&self) -> Option<u64> {
        Space::of(&self.folder).ok().map(|space| space.free_bytes)
    }

    fn path(&self, name: &str) -> PathBuf {
        if name.is_empty() { self.folder.clone() } else { self.folder.join(name) }
    }
}

/// A file of the file system.
struct RealFile(File);

impl LogFile for RealFile {
    fn bytes(&self) -> io::Result<u64> {
        Ok(self.0.metadata()?.len())
    }

    fn read_at(&self, into: &mut [u8], offset: u64) -> io::Result<usize> {
        let mut read = 0;
        while read < into.len() {
            match self.0.read_at(&mut into[read..], offset + read as u64) {
                Ok(0) => break,
                Ok(more) => read += more,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(read)
    }

    fn map(&self) -> io::Result<Option<Bytes>> {
        #[expect(unsafe_code, reason = "the contract of LogFile::map: nobody changes the file any more")]
        let mapped = unsafe { memmap2::Mmap::map(&self.0) }?;
        mapped.advise(memmap2::Advice::Sequential).ok();
        Ok(Some(Bytes::from_owner(mapped)))
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        self.0.write_all_at(bytes, offset)
    }

    fn sync(&self) -> io::Result<()> {
        self.0.sync_data()
    }
}
