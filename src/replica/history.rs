//! Committed entries for a member whose own copy of them is damaged.

use std::time::Duration;

use bytes::{Buf, BufMut, Bytes};
use serde::{Deserialize, Serialize};

use super::client::Client;
use super::error::ReplicaError;
use super::store::{from_raft, to_raft};
use super::wire::{APPEND_BYTES_MAX, Tag, from_json, json_frame, put_entry, take_entry};
use crate::log::{Log, NewEntry};

/// Entries of one answer at most.
const ENTRIES_MAX: u64 = 4_096;

/// Asks for the entries from `from` to before `to`. The answer holds the first of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HistoryRequest {
    /// The first index.
    pub from: u64,
    /// The index after the last one.
    pub to: u64,
}

/// Entries that no leader will ever replace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct History {
    /// In order, without gaps, from the one that was asked for.
    pub entries: Vec<NewEntry>,
    /// The last entry that is committed and durable at the member.
    pub settled: Option<u64>,
}

/// Answers from `log`: only what is committed and durable, at most [`APPEND_BYTES_MAX`] bytes (but at least one entry).
///
/// # Errors
/// When the log begins later, or cannot be read there.
pub(super) fn answer(log: &Log, body: &[u8]) -> Result<Vec<u8>, ReplicaError> {
    let HistoryRequest { from, to } = from_json(body)?;
    let settled = log.settled();
    let to = to.min(settled.map_or(0, |index| index + 1)).min(from.saturating_add(ENTRIES_MAX));
    let entries = if from < to { log.read(from, to, APPEND_BYTES_MAX)? } else { vec![] };
    let mut frame = vec![1];
    frame.put_u64_le(settled.map_or(0, |index| index + 1));
    frame.put_u32_le(entries.len() as u32);
    for entry in entries {
        put_entry(&mut frame, &to_raft(entry)?);
    }
    Ok(frame)
}

/// An error as the answer to a request.
pub(super) fn refusal(error: &ReplicaError) -> Vec<u8> {
    let mut frame = vec![0];
    frame.extend(error.to_string().into_bytes());
    frame
}

pub(super) fn read(mut answer: Bytes) -> Result<History, ReplicaError> {
    if answer.first() == Some(&0) {
        return Err(ReplicaError::wire(String::from_utf8_lossy(&answer[1..])));
    }
    if answer.len() < 13 {
        return Err(ReplicaError::wire("cut short in an answer's header"));
    }
    answer.advance(1);
    let settled = answer.get_u64_le().checked_sub(1);
    let count = answer.get_u32_le();
    let mut entries = vec![];
    for _ in 0..count {
        entries.push(from_raft(take_entry(&mut answer)?));
    }
    if answer.has_remaining() {
        return Err(ReplicaError::wire("bytes after the last entry"));
    }
    Ok(History { entries, settled })
}

impl Client {
    /// Asks the peer for committed entries.
    ///
    /// # Errors
    /// When its answer does not begin within `within` or breaks off, or when it no longer has them.
    pub async fn history(&mut self, request: HistoryRequest, within: Duration) -> Result<History, ReplicaError> {
        read(self.call_for_much(&json_frame(Tag::History, &request), within).await?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{Hash, NodeId, Term};
    use crate::log::{LogOptions, Payload, SimDisk};

    #[test]
    fn only_committed_entries_are_handed_out_and_they_read_back() {
        let disk = std::sync::Arc::new(SimDisk::new());
        let (log, _) = Log::open_on(disk, LogOptions::new(Hash::of(b"cluster"))).expect("a log");
        let blank = |index| NewEntry { index, term: Term(1), leader: NodeId(7), payload: Payload::Blank };
        log.append_durably((0..10).map(blank).collect()).expect("next").wait().expect("durable");
        log.save_committed(Some(6)).expect("noted");
        let ask = |from, to| {
            let body = serde_json::to_vec(&HistoryRequest { from, to }).expect("plain data");
            read(Bytes::from(answer(&log, &body).expect("readable"))).expect("own bytes")
        };
        assert_eq!(ask(2, 100), History { entries: (2..7).map(blank).collect(), settled: Some(6) });
        assert_eq!(ask(3, 5).entries.len(), 2);
        assert_eq!(ask(8, 100), History { entries: vec![], settled: Some(6) });
    }

    #[test]
    fn hostile_answers_are_errors_and_cost_no_memory() {
        assert!(read(Bytes::new()).is_err());
        let mut frame = vec![1; 9];
        frame.put_u32_le(u32::MAX);
        for length in 0..=frame.len() {
            assert!(read(Bytes::copy_from_slice(&frame[..length])).is_err());
        }
        let words = read(Bytes::from(refusal(&ReplicaError::wire("no")))).expect_err("a refusal").to_string();
        assert!(words.contains("no"));
    }
}
