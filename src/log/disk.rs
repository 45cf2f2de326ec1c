//! The disk under the log, as small as it can be.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use bytes::Bytes;

use super::error::LogError;

/// A folder of files. One [`super::Log`] writes it; any number of readers may look on.
pub trait LogDisk: Send + Sync + 'static {
    /// The names of all files, in any order.
    ///
    /// # Errors
    /// What the system says.
    fn list(&self) -> io::Result<Vec<String>>;

    /// Creates or replaces a file of `bytes` zeros, with the space for them set aside.
    ///
    /// # Errors
    /// [`io::ErrorKind::StorageFull`] when there is no space; no file is left then.
    fn create(&self, name: &str, bytes: u64) -> io::Result<Arc<dyn LogFile>>;

    /// Opens a file.
    ///
    /// # Errors
    /// [`io::ErrorKind::NotFound`] when there is none.
    fn open(&self, name: &str) -> io::Result<Arc<dyn LogFile>>;

    /// Renames a file, over another if there is one.
    ///
    /// # Errors
    /// What the system says.
    fn rename(&self, from: &str, to: &str) -> io::Result<()>;

    /// Removes a file.
    ///
    /// # Errors
    /// What the system says.
    fn remove(&self, name: &str) -> io::Result<()>;

    /// Makes creations, renames and removals durable.
    ///
    /// # Errors
    /// After an error the state of the disk is unknown.
    fn sync_dir(&self) -> io::Result<()>;

    /// Bytes that may still be written, where that is known.
    fn free_bytes(&self) -> Option<u64> {
        None
    }

    /// The path of a file for messages; of the folder for an empty name.
    fn path(&self, name: &str) -> PathBuf;
}

/// An open file.
pub trait LogFile: Send + Sync {
    /// Its size.
    ///
    /// # Errors
    /// What the system says.
    fn bytes(&self) -> io::Result<u64>;

    /// Reads at `offset` until `into` is full or the file ends. Returns the number of bytes read.
    ///
    /// # Errors
    /// What the system says.
    fn read_at(&self, into: &mut [u8], offset: u64) -> io::Result<usize>;

    /// The whole file as memory, or none when this disk cannot do that. Only for files that change no more.
    ///
    /// # Errors
    /// What the system says.
    fn map(&self) -> io::Result<Option<Bytes>> {
        Ok(None)
    }

    /// Writes all of `bytes` at `offset`.
    ///
    /// # Errors
    /// Some of the bytes may have been written.
    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()>;

    /// Makes everything written durable.
    ///
    /// # Errors
    /// After an error the state of the disk is unknown; another try would prove nothing.
    fn sync(&self) -> io::Result<()>;
}

/// An open file and how it begins. What lies behind its end reads as zeros.
pub(super) struct Beginning<const BYTES: usize> {
    pub file: Arc<dyn LogFile>,
    pub bytes: [u8; BYTES],
}

/// Opens a file and reads how it begins; none when there is no such file.
pub(super) fn beginning<const BYTES: usize>(
    disk: &dyn LogDisk,
    name: &str,
) -> Result<Option<Beginning<BYTES>>, LogError> {
    let path = disk.path(name);
    let file = match disk.open(name) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(LogError::io("open", &path, error)),
    };
    let mut bytes = [0; BYTES];
    file.read_at(&mut bytes, 0).map_err(|error| LogError::io("read", &path, error))?;
    Ok(Some(Beginning { file, bytes }))
}
