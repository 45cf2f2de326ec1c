//! `verify` folds the log and compares with what the leader recorded.

use bytes::Bytes;
use kifu::event::cluster::{HostOnline, LeaderElected, NodeJoined, StateDigested};
use kifu::event::*;
use kifu::log::{Log, LogOptions, NewEntry, Payload};
use kifu::projection::State;
use kifu::replay::{Retained, RetainedLimits};

use crate::support::*;

const NODE: NodeId = NodeId(7);

fn record(seq: u64, event: Event) -> Record {
    let at = Millis(1_767_323_045_000 + seq);
    let draft = Draft { recorded_at: at, observed_at: at, origin: NODE, origin_seq: seq, caused_by: vec![], event };
    Record { seq: Seq(seq), term: Term(1), draft }
}

/// A log whose fourth record is a digest of the three before; `spoil` may change it.
fn log_with_digest(spoil: impl FnOnce(&mut StateDigested)) -> tempfile::TempDir {
    let joined = NodeJoined {
        node: NODE,
        name: "n1".to_owned(),
        address: "127.0.0.1:1".to_owned(),
        fingerprint: Hash::of(b"key"),
        token: None,
    };
    let mut records = vec![
        record(1, LeaderElected { leader: NODE, term: Term(1), previous: None }.into()),
        record(2, joined.into()),
        record(3, HostOnline { host: NODE, incarnation: 1, slots: 1 }.into()),
    ];
    let mut digested = StateDigested { position: Seq(3), digests: State::fold(&records).digests() };
    spoil(&mut digested);
    records.push(record(4, digested.into()));
    let folder = tempfile::tempdir().expect("a folder");
    let (log, _) = Log::open(folder.path(), LogOptions::new(Hash::of(b"x"))).expect("new");
    let entries = (0..).zip(&records).map(|(index, record)| {
        let mut bytes = vec![];
        record.draft.encode_into(&mut bytes);
        let payload = Payload::Records { count: 1, bytes: Bytes::from(bytes) };
        NewEntry { index, term: Term(1), leader: NODE, payload }
    });
    log.append_durably(entries.collect()).expect("next").wait().expect("durable");
    folder
}

#[test]
fn a_right_digest_is_fine() {
    let run = on(log_with_digest(|_| {}).path(), &["verify", "-o", "json"]);
    assert_eq!(run.code, 0, "{}", run.stdout);
    let report: serde_json::Value = serde_json::from_str(&run.stdout).expect("JSON");
    assert_eq!((report["ok"].as_bool(), report["digests_compared"].as_u64()), (Some(true), Some(1)));
}

#[test]
fn a_wrong_digest_ends_with_7_and_names_projection_and_place() {
    let log = log_with_digest(|digested| {
        let hosts = digested.digests.iter_mut().find(|digest| digest.projection == "hosts").expect("a projection");
        hosts.digest = Hash::of(b"wrong");
    });
    let run = on(log.path(), &["verify"]);
    assert_eq!(run.code, 7, "{}", run.stdout);
    assert!(run.stdout.contains("projection hosts after 3"), "{}", run.stdout);
    assert!(run.stderr.contains("1 problems; the first: seq 4: projection hosts after 3"), "{}", run.stderr);
    assert_eq!(on(log.path(), &["verify", "--no-fold"]).code, 0, "the log itself is whole");
}

#[test]
fn a_moment_is_made_from_the_nearest_snapshot_and_a_damaged_one_is_ignored() {
    let log = log_with_digest(|_| {});
    let data = tempfile::tempdir().expect("a folder");
    std::fs::rename(log.path(), data.path().join("log")).expect("moved");
    let plain = on(data.path(), &["state", "--at", "3", "-o", "json"]);
    assert_eq!(plain.code, 0, "{}", plain.stderr);
    let mut state = State::new();
    let records = [
        record(1, LeaderElected { leader: NODE, term: Term(1), previous: None }.into()),
        record(2, HostOnline { host: NODE, incarnation: 9, slots: 9 }.into()),
    ];
    records.iter().for_each(|record| state.apply(record));
    // Not what this log says, but at the right place and time: the answer shows that it was used.
    let retained = Retained::owned(data.path().join("checkpoints"), RetainedLimits::default()).expect("a folder");
    retained.keep(&state).expect("written");
    let used = on(data.path(), &["state", "--at", "3", "-o", "json"]);
    assert_eq!(used.code, 0, "{}", used.stderr);
    assert_ne!(used.stdout, plain.stdout);
    let snapshot =
        std::fs::read_dir(retained.folder()).expect("a folder").next().expect("one").expect("readable").path();
    let mut bytes = std::fs::read(&snapshot).expect("a snapshot");
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&snapshot, bytes).expect("written");
    let refolded = on(data.path(), &["state", "--at", "3", "-o", "json"]);
    assert_eq!((refolded.code, &refolded.stdout), (0, &plain.stdout));
    assert!(refolded.stderr.contains("a retained snapshot is ignored"), "{}", refolded.stderr);
    assert!(snapshot.exists(), "this program removes nothing");
}

#[test]
fn rebuild_refuses_beside_a_running_node_and_makes_what_the_log_says() {
    let log = log_with_digest(|_| {});
    let data = tempfile::tempdir().expect("a folder");
    std::fs::rename(log.path(), data.path().join("log")).expect("moved");
    {
        let (log, _) = Log::open(&data.path().join("log"), LogOptions::new(Hash::of(b"x"))).expect("a log");
        log.save_committed(Some(3)).expect("noted");
    }
    let path = data.path().to_str().expect("text");
    let node = kifu::node::Layout::new(data.path()).lock().expect("free");
    let refused = run(&["rebuild", path]);
    assert_eq!(refused.code, 5, "{}", refused.stderr);
    drop(node);
    let state = on(data.path(), &["state", "-o", "json"]);
    let state: serde_json::Value = serde_json::from_str(&state.stdout).expect("JSON");
    for _ in 0..2 {
        let rebuilt = run(&["rebuild", path, "-o", "json"]);
        assert_eq!(rebuilt.code, 0, "{}", rebuilt.stderr);
        let rebuilt: serde_json::Value = serde_json::from_str(&rebuilt.stdout).expect("JSON");
        assert_eq!((&rebuilt["seq"], &rebuilt["digest"]), (&state["seq"], &state["digest"]));
        std::fs::remove_dir_all(data.path().join("state")).expect("it was there");
    }
    assert_eq!(on(log.path(), &["rebuild"]).code, 3, "nothing to rebuild");
}
