//! The file `snapshot`: what follows from all entries up to one of them, as in `docs/format.md`.
//!
//! The log does not know what is in it: a note and a state, as bytes. It keeps one, and replaces it as a whole: a new one is
//! written and synced under another name first. A log whose beginning is gone has one, so that it can be started from.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;

use super::base;
use super::disk::{Beginning, LogDisk, LogFile, beginning};
use super::entry::{LogPosition, Tip};
use super::error::LogError;
use super::fields::Fields;
use super::recovery;
use super::segment::{FORMAT_VERSION, SEGMENT_HEADER_BYTES, SegmentHeader, TEMPORARY};
use crate::event::{Hash, Seq};

/// The file.
pub(super) const SNAPSHOT: &str = "snapshot";
/// Bytes before the note.
pub const SNAPSHOT_HEADER_BYTES: usize = 184;
/// The largest snapshot that is written, sent or received. A larger one is refused: the receiver holds it in memory for a
/// moment.
pub const SNAPSHOT_BYTES_MAX: u64 = 2 << 30;
/// The largest note.
const NOTE_BYTES_MAX: u64 = 1 << 20;
const MAGIC: [u8; 8] = *b"KIFUSNAP";
/// Where the hash of the content stands; everything before it is hashed too.
const HASH_AT: usize = 148;
const CRC_AT: usize = 180;

/// What a snapshot is of, and what it must hash to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SnapshotHeader {
    /// The cluster.
    pub cluster: Hash,
    /// The last entry that it covers.
    pub position: LogPosition,
    /// The version of the state's rows, so that one that cannot be read is refused before it is sent.
    pub rows_version: u32,
    /// Bytes of the note.
    pub note_bytes: u64,
    /// Bytes of the state.
    pub state_bytes: u64,
    /// BLAKE3 of the fields above, the note and the state.
    pub hash: Hash,
}

impl SnapshotHeader {
    fn unhashed(&self) -> [u8; HASH_AT] {
        let mut bytes = [0; HASH_AT];
        let place = SegmentHeader { cluster: self.cluster, before: Tip::at(&self.position) };
        bytes[..SEGMENT_HEADER_BYTES].copy_from_slice(&place.encode());
        bytes[..8].copy_from_slice(&MAGIC);
        // One checksum at the end covers all of the header.
        bytes[124..128].fill(0);
        bytes[128..132].copy_from_slice(&self.rows_version.to_le_bytes());
        bytes[132..140].copy_from_slice(&self.note_bytes.to_le_bytes());
        bytes[140..148].copy_from_slice(&self.state_bytes.to_le_bytes());
        bytes
    }

    /// The header as bytes.
    pub fn encode(&self) -> [u8; SNAPSHOT_HEADER_BYTES] {
        let mut bytes = [0; SNAPSHOT_HEADER_BYTES];
        bytes[..HASH_AT].copy_from_slice(&self.unhashed());
        bytes[HASH_AT..CRC_AT].copy_from_slice(&self.hash.0);
        let crc = crc32c::crc32c(&bytes[..CRC_AT]);
        bytes[CRC_AT..].copy_from_slice(&crc.to_le_bytes());
        bytes
    }

    /// Reads a header.
    ///
    /// # Errors
    /// In words, what is wrong with it: it may come from a file or from a peer.
    pub fn decode(bytes: &[u8]) -> Result<SnapshotHeader, String> {
        let bytes: &[u8; SNAPSHOT_HEADER_BYTES] =
            bytes.first_chunk().ok_or("the header of the snapshot is cut short")?;
        if bytes[..8] != MAGIC || crc32c::crc32c(&bytes[..CRC_AT]) != Fields(&bytes[CRC_AT..]).u32().unwrap_or(0) {
            return Err("it does not begin like a snapshot, or its header's checksum is wrong".to_owned());
        }
        let cut = || "the header of the snapshot makes no sense".to_owned();
        let mut fields = Fields(&bytes[8..]);
        let version = fields.u32().ok_or_else(cut)?;
        if version > FORMAT_VERSION {
            return Err(format!("upgrade needed: it has format version {version}, this build reads {FORMAT_VERSION}"));
        }
        let place = SegmentHeader::fields(&mut fields).ok_or_else(cut)?;
        let position = place.before.position().ok_or_else(cut)?;
        let mut rest = Fields(&bytes[128..]);
        let header = SnapshotHeader {
            cluster: place.cluster,
            position,
            rows_version: rest.u32().ok_or_else(cut)?,
            note_bytes: rest.u64().ok_or_else(cut)?,
            state_bytes: rest.u64().ok_or_else(cut)?,
            hash: Hash(rest.take().ok_or_else(cut)?),
        };
        let fits = header.note_bytes <= NOTE_BYTES_MAX && header.state_bytes <= SNAPSHOT_BYTES_MAX;
        if fits { Ok(header) } else { Err(format!("it claims {} bytes, which is too much", header.state_bytes)) }
    }

    /// Bytes after the header.
    pub fn content_bytes(&self) -> u64 {
        self.note_bytes + self.state_bytes
    }

    /// Bytes of the whole file.
    pub fn file_bytes(&self) -> u64 {
        SNAPSHOT_HEADER_BYTES as u64 + self.content_bytes()
    }
}

/// A snapshot on the disk. It stays readable when a later one takes its name.
#[derive(Clone)]
pub struct SnapshotFile {
    header: SnapshotHeader,
    file: Arc<dyn LogFile>,
    path: PathBuf,
}

impl std::fmt::Debug for SnapshotFile {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SnapshotFile").field("header", &self.header).field("path", &self.path).finish()
    }
}

impl SnapshotFile {
    /// Opens the snapshot on `disk`; none when there is none.
    ///
    /// # Errors
    /// [`LogError::Damaged`] when its header cannot be read, [`LogError::Io`].
    pub fn load(disk: &dyn LogDisk) -> Result<Option<SnapshotFile>, LogError> {
        let Some(Beginning { file, bytes }) = beginning::<SNAPSHOT_HEADER_BYTES>(disk, SNAPSHOT)? else {
            return Ok(None);
        };
        let path = disk.path(SNAPSHOT);
        let damaged = |reason| LogError::Damaged { path: path.clone(), offset: 0, index: 0, first_seq: Seq(0), reason };
        let header = SnapshotHeader::decode(&bytes).map_err(damaged)?;
        let bytes = file.bytes().map_err(|error| LogError::io("measure", &path, error))?;
        if bytes < header.file_bytes() {
            // Found before memory is set aside for what is not there.
            return Err(damaged(format!("it has {bytes} bytes of {}", header.file_bytes())));
        }
        Ok(Some(SnapshotFile { header, file, path }))
    }

    /// What it is of.
    pub fn header(&self) -> &SnapshotHeader {
        &self.header
    }

    /// At most `bytes_max` bytes of the content from `offset` on.
    ///
    /// # Errors
    /// [`LogError::Io`].
    pub fn content(&self, offset: u64, bytes_max: usize) -> Result<Bytes, LogError> {
        let left = self.header.content_bytes().saturating_sub(offset).min(bytes_max as u64);
        let mut bytes = vec![0; left as usize];
        let read = self
            .file
            .read_at(&mut bytes, SNAPSHOT_HEADER_BYTES as u64 + offset)
            .map_err(|error| LogError::io("read", &self.path, error))?;
        if read < bytes.len() {
            return Err(self.damaged(offset + read as u64, "cut short"));
        }
        Ok(Bytes::from(bytes))
    }

    /// The note and the state, when they hash to what they must.
    ///
    /// # Errors
    /// [`LogError::Damaged`] when they do not; [`LogError::Io`].
    pub fn read(&self) -> Result<(Bytes, Bytes), LogError> {
        let mut all = self.content(0, usize::MAX)?;
        if hash_of(&self.header, &all) != self.header.hash {
            return Err(self.damaged(SNAPSHOT_HEADER_BYTES as u64, "it does not hash to what its header says"));
        }
        let note = all.split_to(self.header.note_bytes as usize);
        Ok((note, all))
    }

    fn damaged(&self, offset: u64, reason: &str) -> LogError {
        let LogPosition { index, seq, .. } = self.header.position;
        LogError::Damaged { path: self.path.clone(), offset, index, first_seq: seq, reason: reason.to_owned() }
    }
}

fn hash_of(header: &SnapshotHeader, content: &[u8]) -> Hash {
    let mut hasher = blake3::Hasher::new();
    hasher.update(&header.unhashed());
    hasher.update(content);
    Hash(*hasher.finalize().as_bytes())
}

/// The place of the log's snapshot: held while one takes another's place, or is moved aside, and no longer.
pub(super) type Place = Arc<Mutex<()>>;

/// A snapshot that is being written, under a name that no start looks at. Removed when it is given up.
pub struct SnapshotWriter {
    disk: Arc<dyn LogDisk>,
    place: Place,
    name: String,
    file: Arc<dyn LogFile>,
    header: SnapshotHeader,
    hasher: blake3::Hasher,
    written: u64,
    /// It has another name now.
    kept: bool,
}

impl SnapshotWriter {
    /// Begins a file that no other writer uses: `number` must not be in use.
    pub(super) fn begin(
        (disk, place): (Arc<dyn LogDisk>, Place),
        header: SnapshotHeader,
        number: u64,
    ) -> Result<Self, LogError> {
        let name = format!("{SNAPSHOT}.{number}{TEMPORARY}");
        let path = disk.path(&name);
        let file = disk.create(&name, header.file_bytes()).map_err(|error| LogError::io("create", &path, error))?;
        let mut hasher = blake3::Hasher::new();
        hasher.update(&header.unhashed());
        let writer = SnapshotWriter { disk, place, name, file, header, hasher, written: 0, kept: false };
        writer.file.write_at(&header.encode(), 0).map_err(|error| LogError::io("write", &path, error))?;
        Ok(writer)
    }

    /// What it will be of.
    pub fn header(&self) -> &SnapshotHeader {
        &self.header
    }

    /// Bytes of the content that are still missing.
    pub fn missing(&self) -> u64 {
        self.header.content_bytes() - self.written
    }

    /// Writes the next bytes of the content, and waits for the disk, so that the end does not wait for all of them.
    ///
    /// # Errors
    /// [`LogError::Refused`] for more than there should be; what the disk says.
    pub fn append(&mut self, bytes: &[u8]) -> Result<(), LogError> {
        if bytes.len() as u64 > self.missing() {
            return Err(self.refused("more bytes than its header says".to_owned()));
        }
        let path = self.disk.path(&self.name);
        self.hasher.update(bytes);
        self.file
            .write_at(bytes, SNAPSHOT_HEADER_BYTES as u64 + self.written)
            .map_err(|error| LogError::io("write", &path, error))?;
        self.file.sync().map_err(|error| LogError::fatal("sync", &path, error))?;
        self.written += bytes.len() as u64;
        Ok(())
    }

    /// The note and the state that were written, when they are complete and hash to what they must. They are durable, but the
    /// snapshot does not count before [`SnapshotWriter::publish`].
    ///
    /// # Errors
    /// [`LogError::Refused`] when they do not; what the disk says.
    pub fn verify(&self) -> Result<(Bytes, Bytes), LogError> {
        if self.missing() > 0 {
            return Err(self.refused(format!("{} bytes are missing", self.missing())));
        }
        if Hash(*self.hasher.finalize().as_bytes()) != self.header.hash {
            return Err(self.refused("it does not hash to what its header says".to_owned()));
        }
        let path = self.disk.path(&self.name);
        SnapshotFile { header: self.header, file: self.file.clone(), path }.read()
    }

    /// Makes it the log's snapshot, durably, in place of the one before. Returns the one that is there now: a later one stays, because the log may
    /// begin behind what this one covers by now.
    ///
    /// # Errors
    /// What the disk says; the state of the disk is unknown then.
    pub fn publish(mut self) -> Result<SnapshotFile, LogError> {
        let place = self.place.clone();
        let _held = place.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(later) = self.later()? {
            return Ok(later);
        }
        recovery::publish(self.disk.as_ref(), &self.name, SNAPSHOT)?;
        self.kept = true;
        Ok(SnapshotFile { header: self.header, file: self.file.clone(), path: self.disk.path(SNAPSHOT) })
    }

    /// The snapshot that is there, if it is later, and of use to whoever can use this one.
    fn later(&self) -> Result<Option<SnapshotFile>, LogError> {
        let is_later = |header: &SnapshotHeader| {
            header.position.index > self.header.position.index && header.rows_version == self.header.rows_version
        };
        match SnapshotFile::load(self.disk.as_ref()) {
            Ok(found) => Ok(found.filter(|file| is_later(&file.header))),
            Err(LogError::Damaged { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn refused(&self, reason: String) -> LogError {
        LogError::Refused { index: self.header.position.index, reason: format!("the snapshot is wrong: {reason}") }
    }
}

impl Drop for SnapshotWriter {
    fn drop(&mut self) {
        if !self.kept {
            // What stays is removed by the next start.
            self.disk.remove(&self.name).ok();
        }
    }
}

/// The header of a snapshot with this content.
pub(super) fn header_of(
    (cluster, position): (Hash, LogPosition),
    rows_version: u32,
    note: &[u8],
    state: &[u8],
) -> Result<SnapshotHeader, LogError> {
    let (note_bytes, state_bytes) = (note.len() as u64, state.len() as u64);
    if note_bytes > NOTE_BYTES_MAX || state_bytes > SNAPSHOT_BYTES_MAX {
        let reason = format!("a snapshot of {state_bytes} bytes is larger than {SNAPSHOT_BYTES_MAX}");
        return Err(LogError::Refused { index: position.index, reason });
    }
    let mut header = SnapshotHeader { cluster, position, rows_version, note_bytes, state_bytes, hash: Hash::default() };
    let mut hasher = blake3::Hasher::new();
    hasher.update(&header.unhashed());
    hasher.update(note);
    hasher.update(state);
    header.hash = Hash(*hasher.finalize().as_bytes());
    Ok(header)
}

/// Moves a snapshot aside that cannot be used: the one with this header, or one whose header cannot be read.
pub(super) fn put_aside(disk: &dyn LogDisk, place: &Place, damaged: Option<&SnapshotHeader>) -> Result<(), LogError> {
    let _held = place.lock().unwrap_or_else(PoisonError::into_inner);
    match SnapshotFile::load(disk) {
        Ok(Some(found)) if Some(found.header()) != damaged => Ok(()),
        Ok(None) => Ok(()),
        Ok(Some(_)) | Err(LogError::Damaged { .. }) => base::put_aside(disk, SNAPSHOT).map(drop),
        Err(error) => Err(error),
    }
}
