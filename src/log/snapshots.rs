//! The log's snapshot, for whoever holds the log.

use std::sync::atomic::{AtomicU64, Ordering};

use super::entry::LogPosition;
use super::error::LogError;
use super::reader::LogReader;
use super::snapshot::{self, SnapshotFile, SnapshotHeader, SnapshotWriter};
use super::store::Log;

/// Bytes that are written between two syncs.
const PIECE_BYTES: usize = 1 << 20;
/// Numbers the files that are being written, in this process.
static NUMBER: AtomicU64 = AtomicU64::new(0);

impl Log {
    /// The log's snapshot; none when there is none. Its content is not looked at yet.
    ///
    /// # Errors
    /// [`LogError::Damaged`] when its header cannot be read; [`LogError::Io`].
    pub fn snapshot(&self) -> Result<Option<SnapshotFile>, LogError> {
        SnapshotFile::load(self.shared().disk.as_ref())
    }

    /// Begins to receive a snapshot. Until it is published, it changes nothing.
    ///
    /// # Errors
    /// [`LogError::Refused`] for a snapshot of another cluster; [`LogError::Full`]; [`LogError::Io`].
    pub fn receive_snapshot(&self, header: SnapshotHeader) -> Result<SnapshotWriter, LogError> {
        let expected = self.options().cluster;
        if header.cluster != expected {
            let reason = format!("the snapshot is of another cluster: {}", header.cluster);
            return Err(LogError::Refused { index: header.position.index, reason });
        }
        let at = (self.shared().disk.clone(), self.shared().snapshot_place.clone());
        SnapshotWriter::begin(at, header, NUMBER.fetch_add(1, Ordering::Relaxed))
    }

    /// Writes a snapshot of all entries up to `position` and makes it the log's, durably. As [`SnapshotWriter::publish`], it returns a later one
    /// that has come meanwhile.
    ///
    /// # Errors
    /// [`LogError::Refused`] when it is too large; what the disk says.
    pub fn write_snapshot(
        &self,
        position: LogPosition,
        rows_version: u32,
        note: &[u8],
        state: &[u8],
    ) -> Result<SnapshotFile, LogError> {
        let header = snapshot::header_of((self.options().cluster, position), rows_version, note, state)?;
        let mut writer = self.receive_snapshot(header)?;
        for piece in [note, state].into_iter().flat_map(|part| part.chunks(PIECE_BYTES)) {
            writer.append(piece)?;
        }
        writer.publish()
    }

    /// Moves a snapshot aside that turned out to be damaged: the one with this header, or one whose header cannot be read. It is kept for people,
    /// and never read again. One that has come meanwhile stays.
    ///
    /// # Errors
    /// What the disk says.
    pub fn reject_snapshot(&self, damaged: Option<&SnapshotHeader>) -> Result<(), LogError> {
        snapshot::put_aside(self.shared().disk.as_ref(), &self.shared().snapshot_place, damaged)
    }

    /// Whether this log is written by a task on the caller's runtime, as in simulations, which have no threads.
    pub fn is_driven(&self) -> bool {
        self.shared().is_driven()
    }
}

impl LogReader {
    /// The log's snapshot; none when there is none.
    ///
    /// # Errors
    /// As [`Log::snapshot`].
    pub fn snapshot(&self) -> Result<Option<SnapshotFile>, LogError> {
        SnapshotFile::load(self.disk().as_ref())
    }
}
