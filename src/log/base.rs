//! Where the log begins, when that is later than at index 0: the file `base`, as in `docs/format.md`.
//!
//! Without this file a missing first segment could not be told from history that was handed to the archive.

use super::disk::{Beginning, LogDisk, beginning};
use super::entry::Tip;
use super::error::LogError;
use super::fields::Fields;
use super::recovery;
use super::segment::{self, FORMAT_VERSION, SEGMENT_HEADER_BYTES, SegmentHeader, TEMPORARY};
use super::segment_disk::SegmentDisk;
use crate::event::{Hash, Seq};

/// The file.
pub(super) const BASE: &str = "base";
/// Ends the names of segments that were moved aside: never read again, and never removed by the log.
pub(super) const ASIDE: &str = ".aside";
const MAGIC: [u8; 8] = *b"KIFUBASE";
/// Where the flag stands: 1 while older segments are being moved aside.
const UNSETTLED_AT: usize = 12;

/// The end of the history that this log no longer holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Base {
    pub cluster: Hash,
    pub tip: Tip,
    /// True until the segments that stood there before are moved aside and the first one of the new log stands.
    pub unsettled: bool,
}

impl Base {
    pub(super) fn encode(&self) -> [u8; SEGMENT_HEADER_BYTES] {
        let mut bytes = SegmentHeader { cluster: self.cluster, before: self.tip }.encode();
        bytes[..8].copy_from_slice(&MAGIC);
        bytes[UNSETTLED_AT] = u8::from(self.unsettled);
        let crc = crc32c::crc32c(&bytes[..124]);
        bytes[124..].copy_from_slice(&crc.to_le_bytes());
        bytes
    }

    fn decode(bytes: &[u8]) -> Option<(u32, Base)> {
        let crc = Fields(bytes.get(124..)?).u32()?;
        if crc32c::crc32c(&bytes[..124]) != crc || bytes[..8] != MAGIC {
            return None;
        }
        let unsettled = bytes[UNSETTLED_AT] == 1;
        let mut fields = Fields(&bytes[8..]);
        let version = fields.u32()?;
        let SegmentHeader { cluster, before: tip } = SegmentHeader::fields(&mut fields)?;
        Some((version, Base { cluster, tip, unsettled }))
    }

    /// Reads the file; none in a log that begins at index 0.
    pub(super) fn load(disk: &dyn LogDisk) -> Result<Option<Base>, LogError> {
        let Some(Beginning { bytes, .. }) = beginning::<SEGMENT_HEADER_BYTES>(disk, BASE)? else { return Ok(None) };
        let path = disk.path(BASE);
        match Base::decode(&bytes) {
            Some((version, _)) if version > FORMAT_VERSION => {
                Err(LogError::FutureFormat { path, found: version, supported: FORMAT_VERSION })
            }
            Some((_, base)) => Ok(Some(base)),
            None => {
                let reason = "the file that says where the log begins cannot be read".to_owned();
                Err(LogError::Damaged { path, offset: 0, index: 0, first_seq: Seq(0), reason })
            }
        }
    }

    /// Replaces the file as a whole and makes it durable.
    pub(super) fn save(&self, disk: &dyn LogDisk) -> Result<(), LogError> {
        let temporary = format!("{BASE}{TEMPORARY}");
        recovery::prepare(disk, &temporary, SEGMENT_HEADER_BYTES as u64, &self.encode())?;
        recovery::publish(disk, &temporary, BASE)
    }

    /// Completes what a crash interrupted: everything that stood there before goes aside, and the first segment stands.
    pub(super) fn settle(&mut self, disk: &dyn LogDisk, segment_bytes: u64) -> Result<(), LogError> {
        let header = SegmentHeader { cluster: self.cluster, before: self.tip };
        let mut stands = false;
        for first in segment::list(disk)? {
            let name = segment::name_of(first);
            if first == self.tip.next_index && read_header(disk, first).is_ok_and(|found| found == header) {
                stands = true;
            } else {
                put_aside(disk, &name)?;
            }
        }
        if !stands {
            recovery::create_segment(disk, &header, segment_bytes)?;
        }
        self.unsettled = false;
        self.save(disk)
    }
}

fn read_header(disk: &dyn LogDisk, first: u64) -> Result<SegmentHeader, LogError> {
    super::walk::Walk::open(disk, first).map(|walk| walk.header)
}

/// The index of the first entry that the log in `folder` holds, whether it is there yet or not. Whoever reads that log and its archive, and
/// fails, reads again when this has moved meanwhile: what was to be read lies in the archive now.
///
/// # Errors
/// When the file that says so cannot be read.
pub fn first_index(folder: &std::path::Path) -> Result<u64, LogError> {
    begins(&SegmentDisk::reader(folder)).map(|(first, _)| first)
}

/// The first index of the log, and the end of what came before it; none where it begins at index 0.
pub(super) fn begins(disk: &dyn LogDisk) -> Result<(u64, Option<Base>), LogError> {
    let base = Base::load(disk)?;
    Ok((base.map_or(0, |base| base.tip.next_index), base))
}

/// The first indices of the log's segments, in order, without those that are on their way out.
pub(super) fn list(disk: &dyn LogDisk) -> Result<Vec<u64>, LogError> {
    let (first, _) = begins(disk)?;
    let mut firsts = segment::list(disk)?;
    firsts.retain(|index| *index >= first);
    Ok(firsts)
}

/// Removes segments that end before the log begins: a crash came between the file `base` and their removal.
pub(super) fn remove_below(disk: &dyn LogDisk, first: u64) -> Result<Vec<String>, LogError> {
    let mut removed = vec![];
    for index in segment::list(disk)?.into_iter().filter(|index| *index < first) {
        let name = segment::name_of(index);
        disk.remove(&name).map_err(|error| LogError::io("remove", &disk.path(&name), error))?;
        removed.push(name);
    }
    if !removed.is_empty() {
        disk.sync_dir().map_err(|error| LogError::fatal("sync", &disk.path(""), error))?;
    }
    Ok(removed)
}

/// Gives a segment a name under which it is kept and never read again. Returns that name.
pub(super) fn put_aside(disk: &dyn LogDisk, name: &str) -> Result<String, LogError> {
    let names = disk.list().map_err(|error| LogError::io("list", &disk.path(""), error))?;
    let free = (0..=names.len()).map(|number| format!("{name}.{number}{ASIDE}")).find(|name| !names.contains(name));
    let aside = free.expect("one name more than there are files");
    disk.rename(name, &aside)
        .and_then(|()| disk.sync_dir())
        .map_err(|error| LogError::fatal("move aside", &disk.path(name), error))?;
    tracing::warn!(from = name, to = aside, "moved a segment aside");
    Ok(aside)
}
