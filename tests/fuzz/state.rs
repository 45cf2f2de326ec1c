//! Snapshots of the state, and the rows in them.

use kifu::event::{Hash, Record, Seq, Term};
use kifu::projection::State;

use kifu::event::{ClusterId, Millis};
use kifu::node::backup::Manifest;
use kifu::node::backup::manifest::SegmentCopy;
use kifu::node::standing::Standing;
use serde::Serialize;
use serde::de::DeserializeOwned;

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

/// A file of JSON.
fn json<T: Serialize + DeserializeOwned + 'static>(name: &'static str, samples: &[T]) -> Target {
    let samples = samples.iter().map(|sample| serde_json::to_vec_pretty(sample).unwrap()).collect();
    Target::new(name, samples, |bytes| {
        let value: T = serde_json::from_slice(bytes).ok()?;
        Some(serde_json::to_vec_pretty(&value).unwrap())
    })
}

#[test]
fn standings() {
    json(
        "standings",
        &[Standing::default(), Standing { incarnation: 7, settled: Some(u64::MAX), lease_ms: Some(280) }],
    )
    .run();
}

#[test]
fn backup_manifests() {
    let segment = SegmentCopy {
        name: "00000000000000000000.seg".into(),
        bytes: 300,
        hash: Hash::of(b"bytes"),
        last_index: 9,
        chain: Hash::of(b"chain"),
        sealed: true,
    };
    let manifest = Manifest {
        version: 1,
        cluster: ClusterId::new("9b1c22aa77e0d1f3"),
        name: "demo".into(),
        genesis: Hash::of(b"ca"),
        seq: Seq(7),
        term: Term(2),
        recorded_at: Millis(1_000),
        chain: Hash::of(b"chain"),
        state: Hash::of(b"state"),
        rows_version: 1,
        segments: vec![segment],
        blobs: 2,
        blob_bytes: 300,
        missing: vec![Hash::of(b"missing")],
    };
    json("backup_manifests", &[manifest]).run();
}
