//! A log whose beginning is in an archive.

use std::path::Path;

use kifu::artifact::Archive;
use kifu::event::cluster::{HostOnline, LeaderElected};
use kifu::event::{Draft, Event, Hash, Millis, NodeId, Seq, Term};
use kifu::log::{Log, LogOptions, LogReader, NewEntry, Payload};

use crate::support::{Run, on};

const NODE: NodeId = NodeId(7);

fn draft(number: u64) -> Draft {
    let event: Event = match number {
        0 => LeaderElected { leader: NODE, term: Term(1), previous: None }.into(),
        _ => HostOnline { host: NODE, incarnation: number, slots: 1 }.into(),
    };
    let (recorded_at, observed_at) = (Millis(number), Millis(number));
    // The last one goes back to one of the log and to one of the archive.
    let caused_by = if number == 399 { vec![Seq(6), Seq(399)] } else { vec![] };
    Draft { recorded_at, observed_at, origin: NODE, origin_seq: 0, caused_by, event }
}

/// A node's directory with 400 records, of which the older segments are only in `archive`.
fn make(data: &Path, archive: &Path) {
    let options = LogOptions { segment_bytes: 8 << 10, ..LogOptions::new(Hash::of(b"cluster")) };
    let (log, _) = Log::open(&data.join("log"), options).expect("a new log");
    let entry = |index| {
        let mut bytes = vec![];
        draft(index).encode_into(&mut bytes);
        let payload = Payload::Records { count: 1, bytes: bytes.into() };
        NewEntry { index, term: Term(1), leader: NODE, payload }
    };
    log.append_durably((0..400).map(entry).collect()).expect("next").wait().expect("durable");
    log.save_committed(Some(399)).expect("noted");
    let mut kept = Archive::open(archive, options.cluster).expect("a new archive");
    let ends = log.sealed_ends();
    let (gone, _) = ends.split_at(ends.len() - 1);
    for (first, _) in gone {
        let part = log.sealed_part(*first).expect("whole").expect("sealed");
        kept.put(&part).expect("kept");
        kept.put(&part).expect("it is there already");
    }
    let last = gone.last().expect("several segments").1;
    log.trim_before(last.index + 1).expect("asked").wait().expect("durable");
    assert_eq!(log.base(), Some(last));
}

fn with(data: &Path, archive: &Path, verb: &[&str]) -> Run {
    on(data, &[&["--archive", archive.to_str().expect("text")], verb].concat())
}

#[test]
fn the_archive_and_the_log_are_one_history() {
    let folder = tempfile::tempdir().expect("a folder");
    let (data, archive) = (folder.path().join("n1"), folder.path().join("cold"));
    std::fs::create_dir_all(&data).expect("a folder");
    make(&data, &archive);
    let run = with(&data, &archive, &["verify"]);
    assert_eq!(run.code, 0, "{}{}", run.stdout, run.stderr);
    assert!(run.stdout.contains("400 records"), "{}", run.stdout);
    let run = with(&data, &archive, &["dump", "-o", "jsonl"]);
    assert_eq!((run.code, run.stdout.lines().count()), (0, 400), "{}", run.stderr);
    assert!(run.stdout.lines().next().is_some_and(|line| line.contains("LEADER_ELECTED")));
    let run = with(&data, &archive, &["state", "--at", "5", "-o", "json"]);
    assert_eq!(run.code, 0, "{}", run.stderr);
    std::fs::rename(&archive, data.join("archive")).expect("moved");
    assert_eq!(on(&data, &["verify"]).code, 0, "the archive in the node's directory is found");
}

#[test]
fn what_is_missing_is_said_with_the_way_to_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let (data, archive) = (folder.path().join("n1"), folder.path().join("cold"));
    std::fs::create_dir_all(&data).expect("a folder");
    make(&data, &archive);
    let run = on(&data, &["state", "--at", "5"]);
    assert_eq!(run.code, 3, "{}", run.stderr);
    assert!(run.stderr.contains("--archive"), "{}", run.stderr);
    assert_eq!(with(&data, folder.path(), &["verify"]).code, 3, "no archive there");
    let blobs = Archive::load(&archive).expect("readable").expect("there").segments().to_vec();
    let name = blobs[1].blob.to_string();
    let path = archive.join("blobs").join(&name[..2]).join(&name);
    let good = std::fs::read(&path).expect("readable");
    std::fs::remove_file(&path).expect("removed");
    let run = with(&data, &archive, &["verify"]);
    assert!(run.code == 6 && run.stderr.contains(&name), "{}: {}", run.code, run.stderr);
    let mut bad = good;
    bad[300] ^= 1;
    std::fs::write(&path, bad).expect("written");
    assert_eq!(with(&data, &archive, &["verify"]).code, 6, "a flipped bit in the archive is found");
    std::fs::remove_file(&path).expect("removed");
    std::fs::rename(&archive, data.join("archive")).expect("moved");
    let run = on(&data, &["verify", "--no-fold"]);
    assert!(run.code == 6 && run.stderr.contains(&name), "nor is the node's own passed over: {}", run.stderr);
}

#[test]
fn without_the_archive_what_the_log_holds_is_shown_and_what_it_does_not_hold_is_not_found() {
    let folder = tempfile::tempdir().expect("a folder");
    let (data, archive) = (folder.path().join("n1"), folder.path().join("cold"));
    std::fs::create_dir_all(&data).expect("a folder");
    make(&data, &archive);
    let reader = LogReader::open(&data.join("log")).expect("a log");
    let held = 400 - reader.base().expect("readable").expect("it begins later").seq.0;
    for verb in [&["dump"][..], &["stats"]] {
        let run = on(&data, verb);
        assert_eq!(run.code, 0, "{verb:?}: {}", run.stderr);
        assert!(run.stderr.contains(&format!("{held} records")), "{verb:?}: {}", run.stderr);
    }
    let run = on(&data, &["why", "400"]);
    assert_eq!(run.code, 0, "{}", run.stderr);
    assert!(run.stdout.contains("#6 … (not here)") && run.stdout.contains("#399 HOST_ONLINE"), "{}", run.stdout);
    let run = on(&data, &["why", "400", "-o", "json"]);
    assert!(run.stdout.contains("\"here\": false"), "{}", run.stdout);
    assert!(with(&data, &archive, &["why", "400"]).stdout.contains("#6 HOST_ONLINE"), "the archive has it");
    let early = "1970-01-01T00:00:00.005Z";
    for verb in [
        &["show", "5"][..],
        &["dump", "--since", "1"],
        &["dump", "--since", early],
        &["stats", "--since", "1"],
        &["why", "5"],
        &["state", "--at", early],
        &["diff", early, early],
    ] {
        let run = on(&data, verb);
        assert_eq!((run.code, run.stdout.as_str()), (3, ""), "{verb:?}: {}", run.stderr);
        assert!(run.stderr.contains("archive"), "{verb:?}: {}", run.stderr);
    }
}
