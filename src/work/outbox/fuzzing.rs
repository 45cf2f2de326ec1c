//! Doors for the fuzz suite and the golden files: decode, and encode again what was decoded.

use super::{codec, mark};
use crate::event::Proposal;

/// The bytes of one database entry for each chunk of a proposal: its key and its value, one after the other.
pub fn entries(proposal: &Proposal) -> Vec<Vec<u8>> {
    let chunks = codec::chunks(proposal.origin_seq, &codec::encode(proposal));
    chunks.into_iter().map(|(key, value)| [&key[..], &value].concat()).collect()
}

/// An entry: its key and its value, one after the other.
pub fn entry(bytes: &[u8]) -> Option<Vec<u8>> {
    let (key, value) = bytes.split_at_checked(codec::key(0, 0).len())?;
    let (seq, chunk) = codec::parse_key(key)?;
    let (count, payload) = codec::open_value(key, value).ok()?;
    Some(codec::value(seq, chunk, count, payload))
}

/// A proposal behind its number.
pub fn proposal(bytes: &[u8]) -> Option<Vec<u8>> {
    let (seq, body) = bytes.split_first_chunk::<8>()?;
    let proposal = codec::decode(u64::from_le_bytes(*seq), body).ok()?;
    Some(numbered(&proposal))
}

/// The bytes that [`proposal`] reads.
pub fn numbered(proposal: &Proposal) -> Vec<u8> {
    [&proposal.origin_seq.to_le_bytes()[..], &codec::encode(proposal)].concat()
}

/// Makes the checksum of an entry right.
pub fn mend(bytes: &mut [u8]) {
    let key_bytes = codec::key(0, 0).len();
    let Some((key, value)) = bytes.split_at_mut_checked(key_bytes) else { return };
    let Some((head, payload)) = value.split_first_chunk_mut::<{ codec::HEAD_BYTES }>() else { return };
    let (version, count) = (head[0], u16::from_le_bytes([head[1], head[2]]));
    head[3..].copy_from_slice(&codec::checksum(key, version, count, payload).to_le_bytes());
}

/// The file of a mark at `path`: the slot that holds.
pub fn mark_at(path: &std::path::Path) -> Option<Vec<u8>> {
    mark::reread(path)
}

/// The bytes of such a file.
pub fn mark_sample() -> Vec<u8> {
    mark::sample()
}
