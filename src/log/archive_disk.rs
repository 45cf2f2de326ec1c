//! Archived segments and the log that goes on where they end, as one log to be read.

use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use bytes::Bytes;

use super::base::{self, BASE, Base};
use super::disk::{LogDisk, LogFile};
use super::entry::LogPosition;
use super::error::LogError;
use super::frame::{Found, FrameReader};
use super::segment::{self, SEGMENT_HEADER_BYTES};
use super::segment_disk::SegmentDisk;
use super::store::Log;
use super::walk::{Step, Walk};
use crate::event::Seq;

/// A sealed segment, as far as it is in use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SealedPart {
    /// Its file.
    pub path: PathBuf,
    /// Bytes up to the end of its last frame; zeros may follow.
    pub bytes: u64,
    /// Its first entry.
    pub first_index: u64,
    /// Its first record, or the one that the next record has.
    pub first_seq: Seq,
    /// The chain before it.
    pub before: crate::event::Hash,
    /// Its last entry.
    pub last: LogPosition,
}

impl Log {
    /// The sealed segment that begins at `first`, read from the disk and checked as it is read. None when it is no sealed
    /// segment (any more) or holds no entry.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn sealed_part(&self, first: u64) -> Result<Option<SealedPart>, LogError> {
        let Some((_, after)) = self.ends_of(first).filter(|_| self.sealed().contains(&first)) else { return Ok(None) };
        let mut walk = Walk::open(self.shared().disk.as_ref(), first)?;
        loop {
            match walk.next()? {
                Step::Frame(_) => {}
                Step::Stop(Some(reason)) => return Err(walk.damaged_here(reason.to_owned())),
                Step::Stop(None) => break,
            }
        }
        if walk.tip != after {
            return Err(walk.damaged_here("it ends before the next segment begins".to_owned()));
        }
        let before = walk.header.before;
        let Some(last) = walk.tip.position().filter(|last| last.index >= first) else { return Ok(None) };
        let (path, bytes) = (walk.path().clone(), walk.offset());
        let part =
            SealedPart { path, bytes, first_index: first, first_seq: before.next_seq, before: before.chain, last };
        Ok(Some(part))
    }
}

/// A disk that is only read: the segments of an archive, then those of the live log.
pub struct ArchiveDisk {
    live: SegmentDisk,
    /// Where each archived segment lies, by its first entry.
    archived: BTreeMap<u64, Archived>,
    /// Where the archive begins, if that is later than at index 0.
    base: Option<Bytes>,
}

struct Archived {
    path: PathBuf,
    /// What lies behind it is in the live log.
    bytes: Option<u64>,
}

impl ArchiveDisk {
    /// The log in the folder `live`, and the files of archived segments by their first entries. Where both hold an entry,
    /// the live log counts.
    ///
    /// # Errors
    /// When an archived segment cannot be read where the live log begins, or says where it begins itself.
    pub fn open(live: &std::path::Path, files: BTreeMap<u64, PathBuf>) -> Result<ArchiveDisk, LogError> {
        let live = SegmentDisk::reader(live);
        let (begins, _) = base::begins(&live)?;
        let mut archived: BTreeMap<u64, Archived> = files
            .into_iter()
            .filter(|(first, _)| *first < begins)
            .map(|(first, path)| (first, Archived { path, bytes: None }))
            .collect();
        let mut disk = ArchiveDisk { live, archived: BTreeMap::new(), base: None };
        if let Some((last, archived)) = archived.iter_mut().next_back() {
            archived.bytes = end_before(&archived.path, *last, begins)?;
        }
        let first = archived.keys().next().copied();
        disk.archived = archived;
        if let Some(first) = first.filter(|first| *first > 0) {
            let header = Walk::open(&disk, first)?.header;
            let base = Base { cluster: header.cluster, tip: header.before, unsettled: false };
            disk.base = Some(Bytes::copy_from_slice(&base.encode()));
        }
        Ok(disk)
    }
}

/// Where the entry at `index` begins in an archived segment, if it is in there.
fn end_before(path: &std::path::Path, first: u64, index: u64) -> Result<Option<u64>, LogError> {
    let failed = |error| LogError::io("read", path, error);
    let (folder, name) = (path.parent().unwrap_or(path), path.file_name().unwrap_or_default());
    let file = SegmentDisk::reader(folder).open(&name.to_string_lossy()).map_err(failed)?;
    let mut frames = FrameReader::new(file, SEGMENT_HEADER_BYTES as u64);
    loop {
        let offset = frames.offset();
        match frames.next().map_err(failed)? {
            Found::Frame(frame) if frame.entry.index >= index => return Ok(Some(offset)),
            Found::Frame(_) => {}
            Found::End => return Ok(None),
            Found::Bad(reason) => {
                let reason = reason.to_owned();
                return Err(LogError::Damaged {
                    path: path.to_owned(),
                    offset,
                    index: first,
                    first_seq: Seq(0),
                    reason,
                });
            }
        }
    }
}

fn read_only<T>() -> io::Result<T> {
    Err(io::Error::new(io::ErrorKind::PermissionDenied, "an archive is only read"))
}

impl LogDisk for ArchiveDisk {
    fn list(&self) -> io::Result<Vec<String>> {
        let mut names: Vec<String> = self.archived.keys().map(|first| segment::name_of(*first)).collect();
        let is_live = |name: &String| name != BASE || self.archived.is_empty();
        let live = self.live.list()?.into_iter().filter(is_live);
        let live: Vec<String> = live.filter(|name| !names.contains(name)).collect();
        names.extend(live);
        Ok(names)
    }

    fn create(&self, _: &str, _: u64) -> io::Result<Arc<dyn LogFile>> {
        read_only()
    }

    fn open(&self, name: &str) -> io::Result<Arc<dyn LogFile>> {
        if name == BASE && !self.archived.is_empty() {
            let base = self.base.clone().ok_or(io::ErrorKind::NotFound)?;
            return Ok(Arc::new(Memory(base)));
        }
        let Some(archived) = segment::index_of(name).and_then(|first| self.archived.get(&first)) else {
            return self.live.open(name);
        };
        let (folder, blob) = (archived.path.parent(), archived.path.file_name().unwrap_or_default());
        let file = SegmentDisk::reader(folder.unwrap_or(&archived.path)).open(&blob.to_string_lossy())?;
        Ok(match archived.bytes {
            None => file,
            Some(bytes) => Arc::new(Beginning { file, bytes }),
        })
    }

    fn rename(&self, _: &str, _: &str) -> io::Result<()> {
        read_only()
    }

    fn remove(&self, _: &str) -> io::Result<()> {
        read_only()
    }

    fn sync_dir(&self) -> io::Result<()> {
        read_only()
    }

    fn path(&self, name: &str) -> PathBuf {
        let archived = segment::index_of(name).and_then(|first| self.archived.get(&first));
        archived.map_or_else(|| self.live.path(name), |archived| archived.path.clone())
    }
}

/// The first bytes of a file.
struct Beginning {
    file: Arc<dyn LogFile>,
    bytes: u64,
}

impl LogFile for Beginning {
    fn bytes(&self) -> io::Result<u64> {
        Ok(self.file.bytes()?.min(self.bytes))
    }

    fn read_at(&self, into: &mut [u8], offset: u64) -> io::Result<usize> {
        let left = usize::try_from(self.bytes.saturating_sub(offset)).unwrap_or(usize::MAX).min(into.len());
        self.file.read_at(&mut into[..left], offset)
    }

    fn write_at(&self, _: &[u8], _: u64) -> io::Result<()> {
        read_only()
    }

    fn sync(&self) -> io::Result<()> {
        read_only()
    }
}

/// A small file that lies nowhere.
struct Memory(Bytes);

impl LogFile for Memory {
    fn bytes(&self) -> io::Result<u64> {
        Ok(self.0.len() as u64)
    }

    fn read_at(&self, into: &mut [u8], offset: u64) -> io::Result<usize> {
        let rest = usize::try_from(offset).ok().and_then(|offset| self.0.get(offset..)).unwrap_or(&[]);
        let read = rest.len().min(into.len());
        into[..read].copy_from_slice(&rest[..read]);
        Ok(read)
    }

    fn write_at(&self, _: &[u8], _: u64) -> io::Result<()> {
        read_only()
    }

    fn sync(&self) -> io::Result<()> {
        read_only()
    }
}
