//! Segments: their names and headers, as in `docs/format.md`.

use std::path::Path;

use super::disk::LogDisk;
use super::entry::Tip;
use super::error::LogError;
use super::fields::Fields;
use crate::event::{Hash, NodeId, Seq, Term};

/// The version of the format that this build writes, and the highest that it reads.
pub const FORMAT_VERSION: u32 = 1;
/// Bytes before the first frame.
pub(super) const SEGMENT_HEADER_BYTES: usize = 128;
/// The largest segment that is written or read: a reader may hold one in memory.
pub(super) const SEGMENT_BYTES_MAX: u64 = 256 << 20;
const MAGIC: [u8; 8] = *b"KIFULOG\0";
const SUFFIX: &str = ".seg";
/// Ends the names of unfinished files.
pub(super) const TEMPORARY: &str = ".tmp";

/// The name of the segment whose first entry has this index.
pub(super) fn name_of(first_index: u64) -> String {
    format!("{first_index:020}{SUFFIX}")
}

/// The first index in a segment's name; none for the name of another file.
pub(super) fn index_of(name: &str) -> Option<u64> {
    let digits = name.strip_suffix(SUFFIX)?;
    (digits.len() == 20 && digits.bytes().all(|byte| byte.is_ascii_digit())).then(|| digits.parse().ok())?
}

/// The first indices of all segments, in order.
pub(super) fn list(disk: &dyn LogDisk) -> Result<Vec<u64>, LogError> {
    let names = disk.list().map_err(|error| LogError::io("list", &disk.path(""), error))?;
    let mut firsts: Vec<u64> = names.iter().filter_map(|name| index_of(name)).collect();
    firsts.sort_unstable();
    Ok(firsts)
}

/// What stands before the frames: the cluster, and the end of the log before this segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct SegmentHeader {
    pub cluster: Hash,
    pub before: Tip,
}

impl SegmentHeader {
    pub(super) fn encode(&self) -> [u8; SEGMENT_HEADER_BYTES] {
        let mut bytes = [0; SEGMENT_HEADER_BYTES];
        bytes[..8].copy_from_slice(&MAGIC);
        bytes[8..12].copy_from_slice(&FORMAT_VERSION.to_le_bytes());
        bytes[16..24].copy_from_slice(&self.before.next_index.to_le_bytes());
        bytes[24..32].copy_from_slice(&self.before.next_seq.0.to_le_bytes());
        bytes[32..40].copy_from_slice(&self.before.term.0.to_le_bytes());
        bytes[40..48].copy_from_slice(&self.before.leader.0.to_le_bytes());
        bytes[48..80].copy_from_slice(&self.cluster.0);
        bytes[80..112].copy_from_slice(&self.before.chain.0);
        let crc = crc32c::crc32c(&bytes[..124]);
        bytes[124..].copy_from_slice(&crc.to_le_bytes());
        bytes
    }

    /// Reads and checks the header of the segment with this first index.
    ///
    /// The magic and the version come before the checksum, so that a later format can change all the rest.
    pub(super) fn decode(bytes: &[u8], path: &Path, first_index: u64) -> Result<SegmentHeader, LogError> {
        let damaged = |offset, reason: &str| LogError::Damaged {
            path: path.to_owned(),
            offset,
            index: first_index,
            first_seq: bytes.get(24..).and_then(|bytes| Fields(bytes).u64()).map_or(Seq(0), Seq),
            reason: reason.to_owned(),
        };
        if bytes.len() < SEGMENT_HEADER_BYTES {
            return Err(damaged(bytes.len() as u64, "the segment's header is cut short"));
        }
        let crc_holds = crc32c::crc32c(&bytes[..124]) == Fields(&bytes[124..]).u32().unwrap_or(0);
        if bytes[..8] != MAGIC {
            // One wrong byte of a known magic is damage; anything else was never ours.
            let same = bytes.iter().zip(MAGIC).filter(|(found, magic)| **found == *magic).count();
            return Err(if same >= 7 {
                damaged(0, "the segment's magic is wrong")
            } else {
                LogError::Foreign { path: path.to_owned(), reason: "it does not begin like a segment".to_owned() }
            });
        }
        let mut fields = Fields(&bytes[8..]);
        let version = fields.u32().unwrap_or(0);
        if version > FORMAT_VERSION && crc_of_version_holds(bytes, version, crc_holds) {
            return Err(LogError::FutureFormat { path: path.to_owned(), found: version, supported: FORMAT_VERSION });
        }
        if !crc_holds {
            return Err(damaged(0, "the checksum of the segment's header is wrong"));
        }
        let header =
            SegmentHeader::fields(&mut fields).ok_or_else(|| damaged(0, "the segment's header is cut short"))?;
        if header.before.next_index != first_index {
            return Err(damaged(16, "the segment's header has another first index than its name"));
        }
        Ok(header)
    }

    pub(super) fn fields(fields: &mut Fields<'_>) -> Option<SegmentHeader> {
        fields.take::<4>()?;
        let next_index = fields.u64()?;
        // Seqs count from 1: what follows a log is never record 0.
        let next_seq = Seq(fields.u64().filter(|seq| *seq > 0)?);
        let term = Term(fields.u64()?);
        let leader = NodeId(fields.u64()?);
        let cluster = Hash(fields.take()?);
        let chain = Hash(fields.take()?);
        Some(SegmentHeader { cluster, before: Tip { next_index, next_seq, term, leader, chain } })
    }
}

/// Is a higher version real, or a flipped bit in a header of version 1? With the version put back, a flipped bit shows.
fn crc_of_version_holds(bytes: &[u8], version: u32, crc_holds: bool) -> bool {
    if crc_holds {
        return true;
    }
    let mut restored = bytes[..124].to_vec();
    restored[8..12].copy_from_slice(&FORMAT_VERSION.to_le_bytes());
    let flipped = crc32c::crc32c(&restored) == Fields(&bytes[124..]).u32().unwrap_or(0);
    version < 1 << 16 && !flipped
}
