//! What peers say to each other about a blob, on one stream of [`Channel::Blobs`](crate::net::Channel::Blobs):
//!
//! ```text
//! request, a frame:  hash, 32 bytes | offset, u64 little endian
//! answer, a frame:   status, u8: 0 here it is, 1 not here, 2 offset beyond its end | size, u64 little endian
//! then, after 0:     the bytes from offset to the end, and the end of the stream
//! ```

use std::time::Duration;

use crate::event::Hash;
use crate::net::FrameLimits;

/// Bytes of a request.
pub(super) const REQUEST_BYTES: usize = 40;
/// Bytes of an answer.
pub(super) const ANSWER_BYTES: usize = 9;

/// Which blob, and from where on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Request {
    pub(super) hash: Hash,
    pub(super) offset: u64,
}

impl Request {
    pub(super) fn encode(&self) -> [u8; REQUEST_BYTES] {
        let mut bytes = [0; REQUEST_BYTES];
        bytes[..32].copy_from_slice(&self.hash.0);
        bytes[32..].copy_from_slice(&self.offset.to_le_bytes());
        bytes
    }

    pub(super) fn decode(bytes: &[u8]) -> Option<Self> {
        let (hash, offset) = bytes.split_first_chunk()?;
        Some(Self { hash: Hash(*hash), offset: u64::from_le_bytes(offset.try_into().ok()?) })
    }
}

/// What the peer has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    /// The blob; the bytes follow.
    Here {
        /// The size of the whole blob.
        bytes: u64,
    },
    /// Not the blob.
    NotHere,
    /// The blob, but it ends before the offset.
    BeyondEnd,
}

impl Answer {
    pub(super) fn encode(self) -> [u8; ANSWER_BYTES] {
        let (status, bytes) = match self {
            Answer::Here { bytes } => (0, bytes),
            Answer::NotHere => (1, 0),
            Answer::BeyondEnd => (2, 0),
        };
        let mut encoded = [status; ANSWER_BYTES];
        encoded[1..].copy_from_slice(&bytes.to_le_bytes());
        encoded
    }

    pub(super) fn decode(bytes: &[u8]) -> Option<Self> {
        let (status, bytes) = bytes.split_first()?;
        let bytes = u64::from_le_bytes(bytes.try_into().ok()?);
        match status {
            0 => Some(Answer::Here { bytes }),
            1 => Some(Answer::NotHere),
            2 => Some(Answer::BeyondEnd),
            _ => None,
        }
    }
}

/// Limits for a frame of `bytes_max`, where the peer has to act within `stall`.
pub(super) fn frames(bytes_max: usize, stall: Duration) -> FrameLimits {
    FrameLimits { bytes_max, idle: Some(stall), stall }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_and_answers_read_back_and_nothing_else_does() {
        let request = Request { hash: Hash::of(b"blob"), offset: 1 << 40 };
        assert_eq!(Request::decode(&request.encode()), Some(request));
        for answer in [Answer::Here { bytes: 7 }, Answer::NotHere, Answer::BeyondEnd] {
            assert_eq!(Answer::decode(&answer.encode()), Some(answer));
        }
        assert_eq!(Request::decode(&[0; REQUEST_BYTES - 1]), None);
        assert_eq!(Request::decode(&[0; REQUEST_BYTES + 1]), None);
        assert_eq!(Answer::decode(&[3; ANSWER_BYTES]), None);
        assert_eq!(Answer::decode(&[]), None);
    }
}
