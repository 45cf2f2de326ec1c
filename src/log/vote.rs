//! The two small files beside the segments: the vote, and the hint how far the log is committed.

use super::disk::{Beginning, LogDisk, beginning};
use super::error::LogError;
use super::fields::Fields;
use super::segment::TEMPORARY;
use crate::broken::{self, Defect};
use crate::event::{Hash, NodeId, Term};

/// The file of the vote.
pub(super) const VOTE: &str = "vote";
/// The file of the hint.
pub(super) const COMMITTED: &str = "committed";
const MAGIC: [u8; 8] = *b"KIFUVOTE";
const VERSION: u32 = 1;
const VOTE_BYTES: usize = 68;
const COMMITTED_BYTES: usize = 12;

/// Whom this node has voted for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Vote {
    /// The term.
    pub term: Term,
    /// The candidate.
    pub node: Option<NodeId>,
    /// True when the candidate is known to have won.
    pub committed: bool,
}

impl Vote {
    fn encode(&self, cluster: &Hash) -> [u8; VOTE_BYTES] {
        let mut bytes = [0; VOTE_BYTES];
        bytes[..8].copy_from_slice(&MAGIC);
        bytes[8..12].copy_from_slice(&VERSION.to_le_bytes());
        bytes[12] = u8::from(self.committed);
        bytes[13] = u8::from(self.node.is_some());
        bytes[16..24].copy_from_slice(&self.term.0.to_le_bytes());
        bytes[24..32].copy_from_slice(&self.node.unwrap_or_default().0.to_le_bytes());
        bytes[32..64].copy_from_slice(&cluster.0);
        let crc = crc32c::crc32c(&bytes[..64]);
        bytes[64..].copy_from_slice(&crc.to_le_bytes());
        bytes
    }

    fn decode(bytes: &[u8; VOTE_BYTES]) -> Option<(u32, Vote, Hash)> {
        let crc_holds = crc32c::crc32c(&bytes[..64]) == Fields(&bytes[64..]).u32()?;
        let mut fields = Fields(bytes);
        if !crc_holds || fields.take()? != MAGIC {
            return None;
        }
        let version = fields.u32()?;
        let committed = fields.u8()? == 1;
        let named = fields.u8()? == 1;
        fields.take::<2>()?;
        let term = Term(fields.u64()?);
        let node = NodeId(fields.u64()?);
        Some((version, Vote { term, node: named.then_some(node), committed }, Hash(fields.take()?)))
    }

    /// Replaces the vote as a whole and makes it durable.
    pub(super) fn save(&self, disk: &dyn LogDisk, cluster: &Hash) -> Result<(), LogError> {
        let temporary = format!("{VOTE}{TEMPORARY}");
        let write = || {
            let file = disk.create(&temporary, VOTE_BYTES as u64)?;
            file.write_at(&self.encode(cluster), 0)?;
            if !broken::has(Defect::VoteSync) {
                file.sync()?;
            }
            disk.rename(&temporary, VOTE)?;
            disk.sync_dir()
        };
        write().map_err(|error| LogError::io("save the vote in", &disk.path(VOTE), error))
    }

    /// Reads the vote, if one was ever saved.
    pub(super) fn load(disk: &dyn LogDisk, cluster: &Hash) -> Result<Option<Vote>, LogError> {
        let Some(Beginning { bytes, .. }) = beginning::<VOTE_BYTES>(disk, VOTE)? else { return Ok(None) };
        let path = disk.path(VOTE);
        let Some((version, vote, found)) = Vote::decode(&bytes) else {
            return Err(LogError::VoteLost { path });
        };
        if version > VERSION {
            return Err(LogError::FutureFormat { path, found: version, supported: VERSION });
        }
        if found != *cluster {
            return Err(LogError::ForeignCluster { path, expected: *cluster, found });
        }
        Ok(Some(vote))
    }
}

/// Overwrites the hint, without a sync. `next` is the committed index + 1.
pub(super) fn save_committed(disk: &dyn LogDisk, next: u64) -> Result<(), LogError> {
    let mut bytes = [0; COMMITTED_BYTES];
    bytes[..8].copy_from_slice(&next.to_le_bytes());
    let crc = crc32c::crc32c(&bytes[..8]);
    bytes[8..].copy_from_slice(&crc.to_le_bytes());
    let write = || match disk.open(COMMITTED) {
        Ok(file) => file.write_at(&bytes, 0),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            disk.create(COMMITTED, COMMITTED_BYTES as u64)?.write_at(&bytes, 0)
        }
        Err(error) => Err(error),
    };
    write().map_err(|error| LogError::io("save the committed index in", &disk.path(COMMITTED), error))
}

/// Reads the hint: the committed index + 1, or 0 where it is not known.
pub(super) fn load_committed(disk: &dyn LogDisk) -> u64 {
    let mut bytes = [0; COMMITTED_BYTES];
    let read = disk.open(COMMITTED).and_then(|file| file.read_at(&mut bytes, 0)).unwrap_or(0);
    let mut fields = Fields(&bytes);
    let next = fields.u64().unwrap_or(0);
    let crc_holds = crc32c::crc32c(&bytes[..8]) == fields.u32().unwrap_or(0);
    if read == COMMITTED_BYTES && crc_holds { next } else { 0 }
}
