//! Doors for the fuzz suite and the golden files: decode, and encode again what was decoded.

use super::history;
use super::server::{proposals_frame, read_proposals};
use super::transfer;
use crate::event::Proposal;
use crate::log::Log;

/// The body of a message with proposals.
pub fn proposals(body: &[u8]) -> Option<Vec<u8>> {
    read_proposals(body).ok().map(|proposals| body_of(&proposals))
}

/// The bytes that [`proposals`] reads.
pub fn body_of(proposals: &Vec<Proposal>) -> Vec<u8> {
    proposals_frame(proposals).split_off(1)
}

/// The answer of a member with this log to a request for entries of its history.
pub fn history_of(log: &Log, from: u64, to: u64) -> Option<Vec<u8>> {
    let request = serde_json::to_vec(&history::HistoryRequest { from, to }).ok()?;
    history::answer(log, &request).ok()
}

/// Such an answer. It comes back as it was: what was decoded is entries for the log, which has its own door.
pub fn history(answer: &[u8]) -> Option<Vec<u8>> {
    history::read(bytes::Bytes::copy_from_slice(answer)).ok().map(|_| answer.to_vec())
}

/// A part of a snapshot on its way.
pub fn snapshot_part(body: &[u8]) -> Option<Vec<u8>> {
    transfer::reread(body)
}

/// What the receiver of a snapshot says to a part.
pub fn snapshot_answer(body: &[u8]) -> Option<Vec<u8>> {
    transfer::reread_answer(body)
}

/// What [`snapshot_part`] and [`snapshot_answer`] read, about a snapshot with this header.
pub fn snapshot_samples(header: &[u8]) -> (Vec<Vec<u8>>, Vec<Vec<u8>>) {
    transfer::samples(header)
}
