//! Doors for the fuzz suite and the golden files: decode, and encode again what was decoded.

use super::protocol::{Answer, Request};
use crate::event::Hash;

/// A request for a blob.
pub fn request(bytes: &[u8]) -> Option<Vec<u8>> {
    Request::decode(bytes).map(|request| request.encode().to_vec())
}

/// An answer to one.
pub fn answer(bytes: &[u8]) -> Option<Vec<u8>> {
    Answer::decode(bytes).map(|answer| answer.encode().to_vec())
}

/// One message of each kind: a request, and the three answers.
pub fn samples() -> [Vec<u8>; 4] {
    let request = Request { hash: Hash::of(b"blob"), offset: 1 << 20 };
    let answer = |answer: Answer| answer.encode().to_vec();
    [
        request.encode().to_vec(),
        answer(Answer::Here { bytes: 1 << 30 }),
        answer(Answer::NotHere),
        answer(Answer::BeyondEnd),
    ]
}
