//! What cannot be answered: a clear message, a documented code, and nothing on stdout.

use std::fs;
use std::path::Path;

use kifu::event::Hash;
use kifu::log::{Log, LogOptions};

use crate::support::*;

const FIRST: &str = "00000000000000000000.seg";
const SECOND: &str = "00000000000000000015.seg";

#[track_caller]
fn check(run: &Run, code: i32, words: &[&str]) {
    assert_eq!((run.code, run.stdout.as_str()), (code, ""), "{}", run.stderr);
    for word in words {
        assert!(run.stderr.contains(word), "{word:?} is not in: {}", run.stderr);
    }
}

/// Every verb that reads a log.
fn each_verb(data: &Path, code: i32, words: &[&str]) {
    for verb in [&["dump"][..], &["show", "1"], &["stats"], &["state"], &["diff", "0", "1"], &["why", "1"], &["verify"]]
    {
        check(&on(data, verb), code, words);
    }
}

#[test]
fn a_missing_directory_is_named() {
    each_verb(
        Path::new("/nowhere/at/all"),
        3,
        &["error: no log in /nowhere/at/all", "hint: the directory does not exist"],
    );
}

#[test]
fn a_directory_without_a_log_is_named() {
    let folder = tempfile::tempdir().expect("a folder");
    fs::write(folder.path().join("holiday.jpg"), "x").expect("written");
    each_verb(folder.path(), 3, &["error: no log in ", "--data takes a node's directory"]);
}

#[test]
fn no_directory_is_a_usage_error() {
    check(&run(&["stats"]), 2, &["no directory was given", "KIFU_DATA"]);
}

#[test]
fn a_file_that_is_no_segment_is_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    fs::write(folder.path().join(FIRST), "PK\x03\x04".repeat(100)).expect("written");
    each_verb(folder.path(), 6, &[FIRST, "is not part of a log"]);
}

#[test]
fn a_later_format_asks_for_an_upgrade() {
    let copy = copy();
    let path = copy.path().join(FIRST);
    let mut bytes = fs::read(&path).expect("there");
    bytes[8] = 9;
    // A later format has another header, so version 1's checksum does not hold with any version put in.
    bytes[100] ^= 0xff;
    fs::write(&path, bytes).expect("written");
    each_verb(copy.path(), 6, &[FIRST, "format version 9", "upgrade"]);
}

#[test]
fn damage_is_refused_with_its_place() {
    let copy = copy();
    let path = copy.path().join(FIRST);
    let mut bytes = fs::read(&path).expect("there");
    let at = bytes.windows(4).position(|four| four == b"init").expect("the first job's name");
    bytes[at] ^= 1;
    fs::write(&path, bytes).expect("written");
    for verb in [&["dump"][..], &["stats"], &["state"], &["diff", "0", "21"]] {
        let run = on(copy.path(), verb);
        assert_eq!(run.code, 6, "{}", run.stderr);
        assert!(run.stderr.contains(FIRST) && run.stderr.contains("from seq 9"), "{}", run.stderr);
    }
    let run = on(copy.path(), &["verify"]);
    assert_eq!(run.code, 6);
    assert!(run.stdout.contains("checksum mismatch"), "{}", run.stdout);
    assert!(run.stderr.contains("1 problems; the first: seq 9, ") && run.stderr.contains(" byte "), "{}", run.stderr);
    assert_eq!(on(copy.path(), &["show", "21"]).code, 0, "what is whole can still be read");
}

#[test]
fn a_gap_is_named() {
    let copy = copy();
    fs::remove_file(copy.path().join(FIRST)).expect("there");
    each_verb_but_verify(copy.path(), 6, &["entries 0 to 14 are missing before", SECOND]);
    let run = on(copy.path(), &["verify", "-o", "json"]);
    assert_eq!(run.code, 6);
    let report: serde_json::Value = serde_json::from_str(&run.stdout).expect("JSON");
    assert_eq!((report["ok"].as_bool(), report["problem_count"].as_u64()), (Some(false), Some(1)));
}

fn each_verb_but_verify(data: &Path, code: i32, words: &[&str]) {
    for verb in [&["dump"][..], &["show", "1"], &["stats"], &["state"], &["diff", "0", "1"], &["why", "1"]] {
        check(&on(data, verb), code, words);
    }
}

#[test]
fn a_torn_tail_is_mentioned_and_no_problem() {
    let copy = copy();
    let path = copy.path().join(SECOND);
    let mut bytes = fs::read(&path).expect("there");
    let mut end = 128;
    while let length @ 1.. = u32::from_le_bytes(bytes[end..end + 4].try_into().expect("four bytes")) {
        end += 8 + length as usize;
    }
    bytes[end..end + 49].fill(0xab);
    fs::write(&path, bytes).expect("written");
    let run = on(copy.path(), &["verify"]);
    assert_eq!(run.code, 0, "{}", run.stderr);
    assert!(run.stdout.contains("a torn tail of 49 bytes"), "{}", run.stdout);
    assert_eq!(on(copy.path(), &["dump", "-o", "name"]).stdout.lines().count(), 21);
}

#[test]
fn what_is_not_there_is_not_found_and_typing_errors_are_understood() {
    let golden = fixture("log-v1");
    check(&on(&golden, &["show", "22"]), 3, &["there is no record 22", "the log holds the records 1 to 21"]);
    check(&on(&golden, &["show", "0"]), 3, &["there is no record 0"]);
    check(&on(&golden, &["why", "99"]), 3, &["there is no record 99"]);
    check(&on(&golden, &["state", "--at", "22"]), 3, &["there is no record 22"]);
    check(&on(&golden, &["diff", "1", "22"]), 3, &["there is no record 22"]);
    check(
        &on(&golden, &["state", "--projection", "jbos"]),
        3,
        &["there is no projection \"jbos\"", "did you mean jobs?"],
    );
    check(&on(&golden, &["dump", "--kind", "JOB_CLAMED"]), 2, &["no kind", "did you mean JOB_CLAIMED?"]);
    check(&on(&golden, &["dump", "--kind", "ZZZ*"]), 2, &["no kind"]);
    check(&on(&golden, &["shwo", "1"]), 2, &["shwo"]);
}

#[test]
fn it_works_beside_a_node_and_never_writes() {
    let node = tempfile::tempdir().expect("a folder");
    let log = node.path().join("log");
    let (_log, _) =
        Log::open(&log, LogOptions { segment_bytes: 4096, ..LogOptions::new(Hash::of(b"x")) }).expect("new");
    for verb in [&["dump"][..], &["stats"], &["state"], &["verify"]] {
        assert_eq!(on(node.path(), verb).code, 0, "{verb:?}");
    }
    check(&on(node.path(), &["show", "1"]), 3, &["the log holds no records"]);

    let copy = copy();
    let before = listing(copy.path());
    for verb in [&["dump"][..], &["show", "1"], &["stats"], &["state"], &["diff", "0", "1"], &["why", "1"], &["verify"]]
    {
        on(copy.path(), verb);
    }
    assert_eq!(listing(copy.path()), before);
}

fn listing(folder: &Path) -> Vec<(std::ffi::OsString, Vec<u8>)> {
    let files = fs::read_dir(folder).expect("readable").map(|file| file.expect("readable"));
    let mut files: Vec<_> = files.map(|file| (file.file_name(), fs::read(file.path()).expect("readable"))).collect();
    files.sort();
    files
}
