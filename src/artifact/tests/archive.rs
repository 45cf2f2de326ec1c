//! What goes into an archive, and what does not.

use std::path::Path;

use crate::artifact::{Archive, ArtifactError};
use crate::event::cluster::HostOnline;
use crate::event::{Draft, Hash, Millis, NodeId, Term};
use crate::log::{Log, LogOptions, NewEntry, Payload, SealedPart};

const NODE: NodeId = NodeId(7);

fn cluster() -> Hash {
    Hash::of(b"cluster")
}

/// The sealed segments of a log of 200 entries, and the log, whose files they are.
fn sealed(folder: &Path, segment_bytes: u64) -> (Log, Vec<SealedPart>) {
    let options = LogOptions { segment_bytes, ..LogOptions::new(cluster()) };
    let (log, _) = Log::open(folder, options).expect("a new log");
    let entry = |index: u64| {
        let event = HostOnline { host: NODE, incarnation: index, slots: 1 }.into();
        let (recorded_at, observed_at) = (Millis(index), Millis(index));
        let mut bytes = vec![];
        Draft { recorded_at, observed_at, origin: NODE, origin_seq: 0, caused_by: vec![], event }
            .encode_into(&mut bytes);
        NewEntry { index, term: Term(1), leader: NODE, payload: Payload::Records { count: 1, bytes: bytes.into() } }
    };
    log.append_durably((0..200).map(entry).collect()).expect("next").wait().expect("durable");
    log.save_committed(Some(199)).expect("noted");
    let part = |(first, _): (u64, _)| log.sealed_part(first).expect("whole").expect("sealed");
    let parts: Vec<SealedPart> = log.sealed_ends().into_iter().map(part).collect();
    assert!(parts.len() > 1, "{parts:?}");
    (log, parts)
}

#[test]
fn a_blob_that_was_lost_or_damaged_is_archived_again() {
    let folder = tempfile::tempdir().expect("a folder");
    let (_log, parts) = sealed(&folder.path().join("log"), 8 << 10);
    let root = folder.path().join("cold");
    let mut archive = Archive::open(&root, cluster()).expect("new");
    let put = archive.put(&parts[0]).expect("put");
    let name = put.blob.to_string();
    let blob = root.join("blobs").join(&name[..2]).join(&name);
    let good = std::fs::read(&blob).expect("there");
    for harm in [|path: &Path| std::fs::remove_file(path), |path: &Path| std::fs::write(path, b"noise")] {
        harm(&blob).expect("harmed");
        assert_eq!(archive.put(&parts[0]).expect("put again"), put);
        assert_eq!(std::fs::read(&blob).expect("there again"), good);
        assert_eq!(archive.segments(), std::slice::from_ref(&put));
    }
}

#[test]
fn an_archive_of_a_log_with_other_segments_is_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let (_one, of_one) = sealed(&folder.path().join("one"), 8 << 10);
    let (_two, of_two) = sealed(&folder.path().join("two"), 4 << 10);
    let mut archive = Archive::open(&folder.path().join("cold"), cluster()).expect("new");
    archive.put(&of_one[0]).expect("put");
    // It begins with the same entry and ends with another: taking it for archived would lose the difference.
    let refused = archive.put(&of_two[0]).expect_err("another end");
    assert!(matches!(refused, ArtifactError::Archive { .. }), "{refused}");
    archive.put(&of_one[1]).expect("it goes on");
}
