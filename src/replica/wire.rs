//! Raft's messages as bytes. One frame holds one message; the first byte is its [`Tag`].
//!
//! Entries travel as they lie in the log: a fixed header and the records' bytes. All else is small and travels as JSON.

use bytes::{Buf, BufMut, Bytes, BytesMut};
use openraft::EntryPayload;
use openraft::raft::AppendEntriesRequest;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::error::ReplicaError;
use super::leader::Leader;
use super::types::{Batch, LogId, Membership, RaftEntry, TypeConfig, Vote};
use crate::event::NodeId;

/// The largest frame: more than a full `AppendEntries` ([`APPEND_BYTES_MAX`]) with one oversized entry.
pub const FRAME_BYTES_MAX: usize = 16 << 20;
/// Entries of one `AppendEntries` are cut off beyond this many bytes (but there is always one): what even a slow link takes
/// before a peer counts as silent.
pub const APPEND_BYTES_MAX: usize = 256 << 10;

/// The kind of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Tag {
    /// `AppendEntries`, the heartbeat included.
    Append = 1,
    /// `RequestVote`.
    Vote = 2,
    /// The pre-vote round (Ongaro 2014, §9.6).
    PreVote = 3,
    /// The leader hands over.
    Transfer = 4,
    /// Proposals for the leader.
    Propose = 5,
    /// A node that starts asks about itself.
    Greet = 6,
    /// Committed entries for a member whose copy is damaged.
    History = 7,
    /// A node asks the leader up to where a read must have folded.
    Read = 8,
    /// A part of a snapshot.
    Snapshot = 9,
}

impl Tag {
    /// The tag with this number.
    pub fn from_byte(byte: u8) -> Option<Tag> {
        use Tag::{Append, Greet, History, PreVote, Propose, Read, Snapshot, Transfer, Vote};
        [Append, Vote, PreVote, Transfer, Propose, Greet, History, Read, Snapshot]
            .into_iter()
            .find(|tag| *tag as u8 == byte)
    }
}

#[derive(Serialize, serde::Deserialize)]
struct AppendHeader {
    vote: Vote,
    prev: Option<LogId>,
    commit: Option<LogId>,
}

/// A message of `tag` with a JSON body.
pub fn json_frame(tag: Tag, body: &impl Serialize) -> Vec<u8> {
    let mut frame = vec![tag as u8];
    serde_json::to_writer(&mut frame, body).expect("messages are plain data");
    frame
}

/// Reads a JSON body.
///
/// # Errors
/// When the body is not a `T`.
pub fn from_json<T: DeserializeOwned>(body: &[u8]) -> Result<T, ReplicaError> {
    serde_json::from_slice(body).map_err(ReplicaError::wire)
}

/// Records of so many bytes are sent from where they lie; fewer are copied, because a part costs more than so many bytes.
const PART_BYTES_MIN: usize = 4 << 10;

/// An `AppendEntries` request as the parts of a frame.
pub fn append_frame(request: &AppendEntriesRequest<TypeConfig>) -> Vec<Bytes> {
    let header = AppendHeader { vote: request.vote, prev: request.prev_log_id, commit: request.leader_commit };
    let header = serde_json::to_vec(&header).expect("headers are plain data");
    let copied: usize = request.entries.iter().map(copied_bytes).sum();
    let mut frame = BytesMut::with_capacity(16 + header.len() + copied);
    let mut parts = vec![];
    frame.put_u8(Tag::Append as u8);
    frame.put_u32_le(header.len() as u32);
    frame.put_slice(&header);
    frame.put_u32_le(request.entries.len() as u32);
    for entry in &request.entries {
        match &entry.payload {
            EntryPayload::Normal(batch) if batch.records.len() >= PART_BYTES_MIN => {
                put_entry_header(&mut frame, entry.log_id, 1, batch.count, batch.records.len());
                parts.extend([frame.split().freeze(), batch.records.clone()]);
            }
            _ => put_entry(&mut frame, entry),
        }
    }
    parts.push(frame.freeze());
    parts
}

fn copied_bytes(entry: &RaftEntry) -> usize {
    let records = match &entry.payload {
        EntryPayload::Normal(batch) => batch.records.len(),
        _ => 0,
    };
    ENTRY_HEADER_BYTES + if records < PART_BYTES_MIN { records } else { 0 }
}

/// Reads the body (all after the tag) of an `AppendEntries` request.
///
/// # Errors
/// When it is cut short or its parts do not fit together.
pub fn read_append(mut body: Bytes) -> Result<AppendEntriesRequest<TypeConfig>, ReplicaError> {
    let length = take_u32(&mut body)? as usize;
    let header: AppendHeader = from_json(&take(&mut body, length)?)?;
    let count = take_u32(&mut body)? as usize;
    let mut entries = Vec::with_capacity(count.min(body.remaining() / ENTRY_HEADER_BYTES));
    for _ in 0..count {
        entries.push(take_entry(&mut body)?);
    }
    if body.has_remaining() {
        return Err(ReplicaError::wire("bytes after the last entry"));
    }
    Ok(AppendEntriesRequest { vote: header.vote, prev_log_id: header.prev, entries, leader_commit: header.commit })
}

const ENTRY_HEADER_BYTES: usize = 33;

pub(super) fn put_entry(frame: &mut impl BufMut, entry: &RaftEntry) {
    let (kind, count, content) = match &entry.payload {
        EntryPayload::Blank => (0, 0, Bytes::new()),
        EntryPayload::Normal(batch) => (1, batch.count, batch.records.clone()),
        EntryPayload::Membership(membership) => (2, 0, membership_bytes(membership)),
    };
    put_entry_header(frame, entry.log_id, kind, count, content.len());
    frame.put_slice(&content);
}

fn put_entry_header(frame: &mut impl BufMut, log_id: LogId, kind: u8, count: u32, bytes: usize) {
    frame.put_u8(kind);
    frame.put_u64_le(log_id.leader_id.term);
    frame.put_u64_le(log_id.leader_id.node_id.0);
    frame.put_u64_le(log_id.index);
    frame.put_u32_le(count);
    frame.put_u32_le(bytes as u32);
}

pub(super) fn take_entry(body: &mut Bytes) -> Result<RaftEntry, ReplicaError> {
    if body.remaining() < ENTRY_HEADER_BYTES {
        return Err(ReplicaError::wire("cut short in an entry's header"));
    }
    let kind = body.get_u8();
    let log_id = log_id(body.get_u64_le(), NodeId(body.get_u64_le()), body.get_u64_le());
    let count = body.get_u32_le();
    let length = body.get_u32_le() as usize;
    let content = take(body, length)?;
    let payload = match kind {
        0 => EntryPayload::Blank,
        1 => EntryPayload::Normal(Batch { count, records: content }),
        2 => EntryPayload::Membership(read_membership(&content)?),
        _ => return Err(ReplicaError::wire(format!("unknown entry kind {kind}"))),
    };
    Ok(RaftEntry { log_id, payload })
}

/// The log id with these parts.
pub fn log_id(term: u64, node: NodeId, index: u64) -> LogId {
    LogId::new(Leader { term, node_id: node }, index)
}

/// A membership as it lies in the log.
pub fn membership_bytes(membership: &Membership) -> Bytes {
    Bytes::from(serde_json::to_vec(membership).expect("memberships are plain data"))
}

/// Reads a membership from the log.
///
/// # Errors
/// When the bytes are no membership.
pub fn read_membership(bytes: &[u8]) -> Result<Membership, ReplicaError> {
    from_json(bytes)
}

fn take_u32(body: &mut Bytes) -> Result<u32, ReplicaError> {
    if body.remaining() < 4 {
        return Err(ReplicaError::wire("cut short in a length"));
    }
    Ok(body.get_u32_le())
}

fn take(body: &mut Bytes, length: usize) -> Result<Bytes, ReplicaError> {
    if body.remaining() < length {
        return Err(ReplicaError::wire("cut short in a content"));
    }
    Ok(body.split_to(length))
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use super::*;
    use crate::replica::types::Member;

    fn request() -> AppendEntriesRequest<TypeConfig> {
        let member = Member { name: "n1".into(), address: "127.0.0.1:1".into() };
        let membership = Membership::new(vec![BTreeSet::from([NodeId(1)])], BTreeMap::from([(NodeId(1), member)]))
            .expect("a valid membership");
        let entry = |index, payload| RaftEntry { log_id: log_id(3, NodeId(1), index), payload };
        AppendEntriesRequest {
            vote: Vote::new_committed(3, NodeId(1)),
            prev_log_id: Some(log_id(2, NodeId(9), 4)),
            entries: vec![
                entry(5, EntryPayload::Blank),
                entry(6, EntryPayload::Normal(Batch { count: 1, records: Bytes::from_static(b"records") })),
                entry(7, EntryPayload::Normal(Batch { count: 9, records: vec![7; PART_BYTES_MIN].into() })),
                entry(8, EntryPayload::Membership(membership)),
            ],
            leader_commit: None,
        }
    }

    fn frame_of(request: &AppendEntriesRequest<TypeConfig>) -> Vec<u8> {
        append_frame(request).concat()
    }

    #[test]
    fn append_requests_read_back_as_they_were_written() {
        let frame = frame_of(&request());
        assert_eq!(Tag::from_byte(frame[0]), Some(Tag::Append));
        let read = read_append(Bytes::from(frame).slice(1..)).expect("own bytes");
        assert_eq!(read.entries, request().entries);
        assert_eq!((read.vote, read.prev_log_id, read.leader_commit), (request().vote, request().prev_log_id, None));
    }

    #[test]
    fn a_cut_anywhere_is_an_error_and_no_panic() {
        let frame = Bytes::from(frame_of(&request())).slice(1..);
        for length in 0..frame.len() {
            assert!(read_append(frame.slice(..length)).is_err(), "cut at {length}");
        }
    }

    #[test]
    fn an_absurd_count_costs_no_memory() {
        let mut frame = frame_of(&AppendEntriesRequest { entries: vec![], ..request() });
        let at = frame.len() - 4;
        frame[at..].copy_from_slice(&u32::MAX.to_le_bytes());
        assert!(read_append(Bytes::from(frame).slice(1..)).is_err());
    }
}
