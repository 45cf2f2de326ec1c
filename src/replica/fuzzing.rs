//! Doors for the fuzz suite and the golden files: decode, and encode again what was decoded.

use super::server::{proposals_frame, read_proposals};
use crate::event::Proposal;

/// The body of a message with proposals.
pub fn proposals(body: &[u8]) -> Option<Vec<u8>> {
    read_proposals(body).ok().map(|proposals| body_of(&proposals))
}

/// The bytes that [`proposals`] reads.
pub fn body_of(proposals: &Vec<Proposal>) -> Vec<u8> {
    proposals_frame(proposals).split_off(1)
}
