//! The outbox on disk: sled, made durable.
//!
//! sled's `flush` does not call fsync on Linux, so every commit ends with `fdatasync` on a descriptor of our own to the
//! same file, then with the [`super::mark`]. sled may panic on damaged files: whatever touches them here is caught and
//! becomes an error with a way out.

use std::fs::File;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::codec::{self, CodecError};
use super::error::OutboxError;
use super::mark::MarkFile;
use super::shelf::{Held, Shelf, ShelfReader};
use crate::event::{NodeId, Proposal};
use crate::log::Space;
use crate::projection::guard::{self, SledFault};

/// Memory that sled may use for its cache.
const CACHE_BYTES: u64 = 16 << 20;
const LAST_KEY: &[u8] = b"m/last";
const ACKED_KEY: &[u8] = b"m/acked";

/// Bounds of the outbox. At either of them `push` refuses with [`OutboxError::Full`] and stores nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Proposals that wait at most. A node makes a few a minute for each job, so this is days without a leader.
    pub entries_max: u64,
    /// Their bytes.
    pub bytes_max: u64,
    /// How long a lock is waited for that another process holds, or held until just now.
    pub lock_wait: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Limits { entries_max: 65_536, bytes_max: 256 << 20, lock_wait: guard::AT_A_START }
    }
}

/// What reads and what makes durable.
#[derive(Clone)]
pub(super) struct Disk {
    path: PathBuf,
    db: sled::Db,
    sync: std::sync::Arc<File>,
}

/// The disk with the right to write to it.
pub(super) struct DiskWriter {
    disk: Disk,
    mark: MarkFile,
}

impl DiskWriter {
    /// Opens or creates the outbox of `node`, reads all of it once, and forgets what the log holds (up to `floor`).
    pub(super) fn open(
        path: &Path,
        node: NodeId,
        floor: u64,
        lock_wait: Duration,
    ) -> Result<(DiskWriter, Held), OutboxError> {
        let io = |action| move |error: std::io::Error| io_error(action, path, &error);
        let sled_path = path.join("sled");
        std::fs::create_dir_all(&sled_path).map_err(io("create"))?;
        let config = sled::Config::new().path(&sled_path).cache_capacity(CACHE_BYTES).flush_every_ms(Some(500));
        let db = guard::open_patiently(&config, lock_wait).map_err(|fault| failed(path, fault))?;
        let sync = File::options().read(true).write(true).open(sled_path.join("db")).map_err(io("open"))?;
        let disk = Disk { path: path.to_owned(), db, sync: sync.into() };
        let mark = disk.open_mark(node)?;
        for folder in [Some(&*sled_path), Some(path), path.parent()].into_iter().flatten() {
            let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
            File::open(folder).and_then(|folder| folder.sync_all()).map_err(io("sync the folder of"))?;
        }
        let mut held = disk.survey()?;
        let missing = (held.last + 1, mark.mark().last);
        if missing.0 <= missing.1 {
            return Err(disk.damaged(&format!("proposals {} to {} were stored and are gone", missing.0, missing.1)));
        }
        let mut writer = DiskWriter { disk, mark };
        if floor > held.last {
            tracing::warn!(
                stored = held.last,
                floor,
                "the outbox is older than the log: numbers go on above the log's"
            );
            held.last = floor;
        }
        held = writer.commit(&[], floor, held)?;
        Ok((writer, held))
    }
}

impl Shelf for DiskWriter {
    fn reader(&self) -> Box<dyn ShelfReader> {
        Box::new(self.disk.clone())
    }

    fn room_for(&self, bytes: u64) -> Result<(), OutboxError> {
        match Space::of(&self.disk.path) {
            Ok(space) if !space.has_room_for(bytes) => {
                Err(OutboxError::DiskFull { path: self.disk.path.clone(), free_bytes: space.free_bytes })
            }
            // What the system does not say is seen when it is written.
            Ok(_) | Err(_) => Ok(()),
        }
    }

    fn commit(&mut self, proposals: &[(u64, Vec<u8>)], ack: u64, mut held: Held) -> Result<Held, OutboxError> {
        let disk = &self.disk;
        let mut batch = sled::Batch::default();
        if ack > held.acked {
            let (entries, bytes) = disk.remove_up_to(ack, &mut batch)?;
            held = Held { entries: held.entries - entries, bytes: held.bytes - bytes, acked: ack, ..held };
        }
        for (seq, bytes) in proposals {
            for (key, value) in codec::chunks(*seq, bytes) {
                batch.insert(&key, value);
            }
        }
        for (key, number) in [(LAST_KEY, held.last), (ACKED_KEY, held.acked)] {
            batch.insert(key, checked(key, number));
        }
        guarded(&disk.path, || disk.db.apply_batch(batch))?;
        guarded(&disk.path, || disk.db.flush())?;
        disk.check_file()?;
        let synced = disk.sync.sync_data().and_then(|()| self.mark.advance(held.last));
        synced.map_err(|error| io_error("sync", &disk.path, &error))?;
        Ok(held)
    }
}

impl Disk {
    /// Adds the removal of all proposals up to `seq` to `batch`; returns how many and how many bytes.
    fn remove_up_to(&self, seq: u64, batch: &mut sled::Batch) -> Result<(u64, u64), OutboxError> {
        let (mut entries, mut bytes) = (0, 0);
        let mut range = self.db.range(codec::key(0, 0)..=codec::key(seq, u16::MAX));
        while let Some((key, value)) = guarded(&self.path, || range.next().transpose())? {
            entries += u64::from(key.ends_with(&[0, 0]));
            bytes += value.len().saturating_sub(codec::HEAD_BYTES) as u64;
            batch.remove(key);
        }
        Ok((entries, bytes))
    }

    /// Reads every proposal up to the number `last` in order until `visit` says false.
    fn walk(
        &self,
        last: u64,
        mut visit: impl FnMut(u64, &[u8]) -> Result<bool, CodecError>,
    ) -> Result<(), OutboxError> {
        let mut range = self.db.range(codec::key(0, 0)..=codec::key(last, u16::MAX));
        let mut joined: Vec<u8> = vec![];
        let mut expected = 0;
        while let Some((key, value)) = guarded(&self.path, || range.next().transpose())? {
            let fail = |error| self.codec_error(error);
            let damaged = |what: &str| fail(CodecError::Damaged(format!("entry {key:02x?} {what}")));
            let (seq, chunk) = codec::parse_key(&key).ok_or_else(|| damaged("has no valid key"))?;
            let (chunks, payload) = codec::open_value(&key, &value).map_err(fail)?;
            if chunk != expected || chunk >= chunks {
                return Err(damaged("is out of order"));
            }
            joined.extend_from_slice(payload);
            expected = (chunk + 1) % chunks;
            if expected == 0 {
                if !visit(seq, &joined).map_err(fail)? {
                    return Ok(());
                }
                joined.clear();
            }
        }
        if expected == 0 { Ok(()) } else { Err(self.damaged("the last entry is cut short")) }
    }

    /// Reads everything. The proposals must be exactly those after `acked` up to `last`.
    fn survey(&self) -> Result<Held, OutboxError> {
        let number = |key| self.number(key).map(Option::unwrap_or_default);
        let mut held = Held { last: number(LAST_KEY)?, acked: number(ACKED_KEY)?, ..Held::default() };
        let mut next = held.acked + 1;
        self.walk(u64::MAX, |seq, bytes| {
            codec::decode(seq, bytes)?;
            if seq != next {
                return Err(CodecError::Damaged(format!("it holds proposal {seq} where {next} should be")));
            }
            next += 1;
            held.entries += 1;
            held.bytes += bytes.len() as u64;
            Ok(true)
        })?;
        if next == held.last + 1 {
            return Ok(held);
        }
        Err(self.damaged(&format!("it ends before proposal {next}, but {} were stored", held.last)))
    }

    fn open_mark(&self, node: NodeId) -> Result<MarkFile, OutboxError> {
        let path = self.path.join("mark");
        match MarkFile::open(&path) {
            Ok(Some(mark)) if mark.mark().owner == node.0 => Ok(mark),
            Ok(Some(mark)) => {
                let owner = NodeId(mark.mark().owner);
                Err(OutboxError::Foreign { path: self.path.clone(), owner, node })
            }
            Ok(None) if guarded(&self.path, || Ok(self.db.is_empty()))? => {
                MarkFile::create(&path, node.0).map_err(|error| io_error("create the mark of", &self.path, &error))
            }
            Ok(None) => Err(self.damaged("its mark is missing")),
            Err(error) if error.kind() == std::io::ErrorKind::InvalidData => Err(self.damaged(&error.to_string())),
            Err(error) => Err(io_error("read the mark of", &self.path, &error)),
        }
    }

    fn number(&self, key: &[u8]) -> Result<Option<u64>, OutboxError> {
        let Some(value) = guarded(&self.path, || self.db.get(key))? else { return Ok(None) };
        let number = value.first_chunk::<8>().map(|bytes| u64::from_le_bytes(*bytes)).unwrap_or_default();
        if *value != checked(key, number)[..] {
            return Err(self.damaged(&format!("the value of {} fails its checksum", String::from_utf8_lossy(key))));
        }
        Ok(Some(number))
    }

    /// The descriptor must be the file that sled writes to, or syncing it would mean nothing.
    fn check_file(&self) -> Result<(), OutboxError> {
        let fail = |error: std::io::Error| io_error("check", &self.path, &error);
        let ours = self.sync.metadata().map_err(fail)?;
        let named = std::fs::metadata(self.path.join("sled/db")).map_err(fail)?;
        if (ours.dev(), ours.ino()) == (named.dev(), named.ino()) {
            return Ok(());
        }
        Err(self.damaged("its file was replaced while the node ran"))
    }

    fn codec_error(&self, error: CodecError) -> OutboxError {
        match error {
            CodecError::Version(version) => OutboxError::TooNew { path: self.path.clone(), version },
            CodecError::Damaged(reason) => self.damaged(&reason),
        }
    }

    fn damaged(&self, reason: &str) -> OutboxError {
        OutboxError::Damaged { path: self.path.clone(), reason: reason.to_owned() }
    }
}

impl ShelfReader for Disk {
    fn first(&self, last: u64, max: usize, bytes_max: usize) -> Result<Vec<Proposal>, OutboxError> {
        let mut proposals = vec![];
        let mut read = 0;
        self.walk(last, |seq, bytes| {
            read += bytes.len();
            proposals.push(codec::decode(seq, bytes)?);
            Ok(proposals.len() < max && read < bytes_max)
        })?;
        Ok(proposals)
    }
}

/// A number followed by a checksum over its key and itself.
fn checked(key: &[u8], number: u64) -> Vec<u8> {
    let mut value = number.to_le_bytes().to_vec();
    let crc = crc32c::crc32c_append(crc32c::crc32c(key), &value);
    value.extend_from_slice(&crc.to_le_bytes());
    value
}

/// Runs something that touches sled and turns its errors and panics into ours.
fn guarded<T>(path: &Path, work: impl FnOnce() -> sled::Result<T>) -> Result<T, OutboxError> {
    guard::guarded(work).map_err(|fault| failed(path, fault))
}

fn failed(path: &Path, fault: SledFault) -> OutboxError {
    match fault {
        SledFault::InUse => OutboxError::InUse { path: path.to_owned() },
        SledFault::Io(error) => io_error("access", path, &error),
        SledFault::Damaged(reason) => OutboxError::Damaged { path: path.to_owned(), reason },
    }
}

fn io_error(action: &'static str, path: &Path, error: &std::io::Error) -> OutboxError {
    OutboxError::Io { action, path: path.to_owned(), reason: error.to_string() }
}
