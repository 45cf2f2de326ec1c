//! The keys and values of the outbox.
//!
//! ```text
//! key    "p" ‖ origin_seq u64 BE ‖ chunk u16 BE
//! value  version u8 ‖ chunks u16 LE ‖ CRC32C u32 LE of (key ‖ version ‖ chunks ‖ payload) ‖ payload
//! ```
//! A proposal's rkyv bytes are cut into chunks, because sled writes large pages to files that it never syncs.

use crate::event::Proposal;
use crate::event::registry::bytes_of;

/// The longest proposal. Larger content belongs into blobs; a record of the log has the same bound.
pub const PROPOSAL_BYTES_MAX: usize = crate::event::record::RECORD_BYTES_MAX;
/// Raised whenever the bytes of a [`Proposal`] change their meaning.
pub(super) const VERSION: u8 = 1;
/// Bytes of a proposal in one value. sled writes a page of more than 128 KiB to a file of its own, and a page holds up to twenty values.
const CHUNK_BYTES: usize = 4 << 10;
/// Bytes of a value before its payload.
pub(super) const HEAD_BYTES: usize = 7;

/// Why stored bytes are no proposal.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum CodecError {
    /// Another format.
    Version(u8),
    /// Damage.
    Damaged(String),
}

/// The bytes of a proposal, before they are cut.
pub(super) fn encode(proposal: &Proposal) -> Vec<u8> {
    bytes_of(proposal)
}

/// The keys and values that hold a proposal's bytes.
pub(super) fn chunks(seq: u64, bytes: &[u8]) -> Vec<([u8; 11], Vec<u8>)> {
    let count = bytes.len().div_ceil(CHUNK_BYTES) as u16;
    let cut = bytes.chunks(CHUNK_BYTES).enumerate();
    cut.map(|(index, payload)| {
        let entry = value(seq, index as u16, count, payload);
        let (key, value) = entry.split_first_chunk().expect("an entry begins with its key");
        (*key, value.to_vec())
    })
    .collect()
}

/// A key and its value, one after the other.
pub(super) fn value(seq: u64, chunk: u16, count: u16, payload: &[u8]) -> Vec<u8> {
    let key = key(seq, chunk);
    let mut entry = key.to_vec();
    entry.push(VERSION);
    entry.extend_from_slice(&count.to_le_bytes());
    entry.extend_from_slice(&checksum(&key, VERSION, count, payload).to_le_bytes());
    entry.extend_from_slice(payload);
    entry
}

/// The key of a chunk.
pub(super) fn key(seq: u64, chunk: u16) -> [u8; 11] {
    let mut key = [b'p'; 11];
    key[1..9].copy_from_slice(&seq.to_be_bytes());
    key[9..].copy_from_slice(&chunk.to_be_bytes());
    key
}

/// The number and the chunk that a key names.
pub(super) fn parse_key(key: &[u8]) -> Option<(u64, u16)> {
    let rest = key.strip_prefix(b"p")?;
    let (seq, chunk) = (rest.first_chunk::<8>()?, rest.get(8..)?.try_into().ok()?);
    Some((u64::from_be_bytes(*seq), u16::from_be_bytes(chunk)))
}

/// The number of chunks and the payload of a value whose checksum holds.
pub(super) fn open_value<'a>(key: &[u8], value: &'a [u8]) -> Result<(u16, &'a [u8]), CodecError> {
    let damaged = |what: &str| CodecError::Damaged(format!("entry {key:02x?} {what}"));
    let Some((head, payload)) = value.split_first_chunk::<HEAD_BYTES>() else {
        return Err(damaged("is cut short"));
    };
    let [version, count_low, count_high, crc @ ..] = *head;
    if version != VERSION {
        return Err(CodecError::Version(version));
    }
    let count = u16::from_le_bytes([count_low, count_high]);
    if checksum(key, version, count, payload) != u32::from_le_bytes(crc) {
        return Err(damaged("fails its checksum"));
    }
    Ok((count, payload))
}

/// A proposal from its bytes.
pub(super) fn decode(seq: u64, bytes: &[u8]) -> Result<Proposal, CodecError> {
    let damaged = |error: rkyv::rancor::Error| CodecError::Damaged(format!("proposal {seq} is malformed: {error}"));
    let archived = rkyv::access::<rkyv::Archived<Proposal>, rkyv::rancor::Error>(bytes).map_err(damaged)?;
    let proposal = rkyv::deserialize::<Proposal, rkyv::rancor::Error>(archived).map_err(damaged)?;
    if proposal.origin_seq != seq {
        let stored = proposal.origin_seq;
        return Err(CodecError::Damaged(format!("proposal {stored} is stored under the number {seq}")));
    }
    Ok(proposal)
}

pub(super) fn checksum(key: &[u8], version: u8, count: u16, payload: &[u8]) -> u32 {
    let mut crc = crc32c::crc32c(key);
    crc = crc32c::crc32c_append(crc, &[version]);
    crc = crc32c::crc32c_append(crc, &count.to_le_bytes());
    crc32c::crc32c_append(crc, payload)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::command::{Command, FailJob, LeaseHolder};
    use crate::event::{JobId, Millis, NodeId, Seq};

    fn proposal(seq: u64, error: String) -> Proposal {
        let lease = LeaseHolder { job: JobId::new("a"), host: NodeId(7), token: Seq(5) };
        Proposal {
            origin: NodeId(7),
            origin_seq: seq,
            observed_at: Millis(1),
            caused_by: vec![Seq(5)],
            command: Command::FailJob(FailJob { lease, error, retry: true }),
        }
    }

    #[test]
    fn no_flipped_bit_goes_unnoticed() {
        let bytes = encode(&proposal(3, "why".to_owned()));
        let [(key, value)] = &chunks(3, &bytes)[..] else { panic!("one chunk") };
        assert_eq!(open_value(key, value), Ok((1, &bytes[..])));
        for bit in 0..value.len() * 8 {
            let mut flipped = value.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert!(open_value(key, &flipped).is_err(), "bit {bit}");
        }
        assert!(open_value(&super::key(4, 0), value).is_err(), "a value under another key");
    }

    #[test]
    fn long_proposals_are_cut_and_keys_sort_by_number() {
        let bytes = encode(&proposal(9, "x".repeat(CHUNK_BYTES * 2)));
        let cut = chunks(9, &bytes);
        assert_eq!(cut.len(), 3);
        assert!(cut.iter().all(|(_, value)| value.len() <= CHUNK_BYTES + HEAD_BYTES));
        assert!(cut.is_sorted_by(|a, b| a.0 < b.0));
        assert_eq!(parse_key(&cut[2].0), Some((9, 2)));
        assert!(key(9, u16::MAX) < key(10, 0));
        assert_eq!(decode(9, &bytes).expect("own bytes").origin_seq, 9);
        assert!(decode(8, &bytes).is_err(), "another number");
    }
}
