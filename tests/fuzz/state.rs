//! Snapshots of the state, and the rows in them.

use kifu::event::{Hash, Record, Seq, Term};
use kifu::projection::State;

use crate::events::drafts;
use crate::harness::Target;

const HASH_BYTES: usize = 32;

/// Makes the hash at the end right.
fn mend(bytes: &mut [u8]) {
    if bytes.len() >= HASH_BYTES {
        let body = bytes.len() - HASH_BYTES;
        let hash = Hash::of(&bytes[..body]);
        bytes[body..].copy_from_slice(&hash.0);
    }
}

#[test]
fn snapshots() {
    let records: Vec<Record> =
        drafts().into_iter().zip(1..).map(|(draft, seq)| Record { seq: Seq(seq), term: Term(1), draft }).collect();
    let samples = [0, 5, records.len()].map(|length| State::fold(&records[..length]).snapshot()).to_vec();
    Target::new("snapshots", samples, |bytes| State::restore(bytes).ok().map(|state| state.snapshot()))
        .mended(mend)
        .run();
}
