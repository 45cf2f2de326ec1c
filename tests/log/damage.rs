//! Damage is refused with its place, or costs a tail that is reported. It is never silent.

use std::path::Path;

use kifu::event::Hash;
use kifu::log::{Crash, Entry, Log, LogError, LogOptions, Payload, SimDisk, verify_on};

use proptest::prelude::*;

use crate::support::*;

/// A small log of three segments; each entry was written alone.
fn small_log() -> (SimDisk, Vec<Entry>) {
    let disk = SimDisk::new();
    let options = LogOptions { segment_bytes: 850, ..options() };
    let (log, _) = Log::open_on(disk.writer(), options).expect("new");
    append_each(&log, entries(0, 9, 1));
    let entries = all(&log);
    drop(log);
    assert_eq!(segments(&disk).len(), 3);
    (disk, entries)
}

fn open_damaged(disk: &SimDisk) -> Result<(Vec<Entry>, bool), LogError> {
    let (log, recovery) = Log::open_on(disk.writer(), options())?;
    Ok((all(&log), recovery.cut.is_some()))
}

#[test]
fn no_flipped_bit_goes_unnoticed() {
    let (disk, before) = small_log();
    let names = segments(&disk);
    for name in &names {
        let whole = disk.bytes_of(name).expect("there");
        for at in 0..whole.len() {
            let mut bytes = whole.clone();
            bytes[at] ^= 1 << (at % 8);
            let flipped = disk.crashed(Crash::KeepAll);
            flipped.put(name, bytes);
            check_flip(&flipped, &before, name, at, Some(name) == names.last());
        }
    }
}

fn check_flip(disk: &SimDisk, before: &[Entry], name: &str, at: usize, in_last: bool) {
    let context = format!("byte {at} of {name}");
    let seen = read_disk(disk.reader());
    let report = verify_on(disk.reader(), &mut |_, _| {});
    match open_damaged(disk) {
        Ok((found, cut)) => {
            assert!(in_last, "{context}: only the last segment has a tail");
            assert!(cut, "{context}: not reported");
            assert!(found.len() + 1 >= before.len(), "{context}: more than the last write was cut");
            assert_eq!(found[..], before[..found.len()], "{context}: silently wrong");
            assert_eq!(seen.expect("a torn tail"), found, "{context}");
            assert!(report.expect("a log").torn.is_some(), "{context}: verify does not mention it");
        }
        Err(error) => {
            assert!(error.to_string().contains(name), "{context}: {error}");
            assert!(seen.is_err(), "{context}: a reader did not notice");
            assert!(report.is_err() || report.is_ok_and(|report| report.problem_count > 0), "{context}");
        }
    }
}

#[test]
fn a_bit_in_the_middle_is_refused_with_file_offset_and_seq() {
    let (disk, before) = small_log();
    let name = &segments(&disk)[0];
    let mut bytes = disk.bytes_of(name).expect("there");
    // The first entry is blank: 88 bytes. The second has 20 bytes of content.
    bytes[128 + 88 + 90] ^= 0x10;
    disk.put(name, bytes);
    let error = open_damaged(&disk).expect_err("refused");
    let LogError::Damaged { path, offset, index, first_seq, .. } = &error else { panic!("{error}") };
    assert_eq!((path.ends_with(name), *offset, *index, *first_seq), (true, 216, 1, before[1].first_seq));
    let report = verify_on(disk.reader(), &mut |_, _| {}).expect("a report");
    let problem = &report.problems[0];
    assert_eq!((report.entries, problem.offset, problem.index, problem.seq), (1, 216, 1, before[1].first_seq));
}

#[test]
fn a_bit_in_the_middle_of_the_last_batch_is_refused_too() {
    let disk = SimDisk::new();
    let (log, _) = open(&disk);
    append(&log, (0..3).map(|index| entry(index, 1, 1, 30)).collect()).expect("durable");
    drop(log);
    let name = &segments(&disk)[0];
    let mut bytes = disk.bytes_of(name).expect("there");
    bytes[128 + 100] ^= 1;
    disk.put(name, bytes);
    assert!(matches!(open_damaged(&disk), Err(LogError::Damaged { offset: 128, index: 0, .. })));
}

#[test]
fn a_missing_segment_is_named() {
    let (disk, before) = small_log();
    let names = segments(&disk);
    let missing = |name: &str| {
        let disk = disk.crashed(Crash::KeepAll);
        kifu::log::LogDisk::remove(&disk, name).expect("there");
        let error = open_damaged(&disk).expect_err("refused");
        assert_eq!(read_disk(disk.reader()).expect_err("refused").to_string(), error.to_string());
        error
    };
    let LogError::Gap { path, expected: 0, found } = missing(&names[0]) else { panic!("not a gap") };
    assert!(path.ends_with(&names[1]) && found > 0);
    let LogError::Gap { path, expected, found: _ } = missing(&names[1]) else { panic!("not a gap") };
    assert!(path.ends_with(&names[2]) && expected == found);
    // A missing last segment is a shorter log: nothing on this disk tells. Raft does, and the digests do.
    let disk = disk.crashed(Crash::KeepAll);
    kifu::log::LogDisk::remove(&disk, &names[2]).expect("there");
    assert!(open_damaged(&disk).expect("a log").0.len() < before.len());
}

#[test]
fn a_segment_of_another_history_breaks_the_chain() {
    let (disk, _) = small_log();
    let other = SimDisk::new();
    let (log, _) = Log::open_on(other.writer(), LogOptions { segment_bytes: 850, ..options() }).expect("new");
    let mut different = entries(0, 9, 1);
    different[1].payload = Payload::Membership(vec![9; 20].into());
    append_each(&log, different);
    let name = &segments(&disk)[1];
    assert_eq!(name, &segments(&other)[1]);
    disk.put(name, other.bytes_of(name).expect("there"));
    let error = open_damaged(&disk).expect_err("refused");
    assert!(matches!(&error, LogError::Chain { path, .. } if path.ends_with(name)), "{error}");
}

#[test]
fn what_is_not_this_nodes_log_is_left_alone() {
    let (disk, _) = small_log();
    let other = LogOptions::new(Hash::of(b"another"));
    assert!(matches!(Log::open_on(disk.writer(), other), Err(LogError::ForeignCluster { .. })));

    let name = segments(&disk)[0].clone();
    let whole = disk.bytes_of(&name).expect("there");
    let mut future = whole.clone();
    future[8] = 2;
    let crc = crc32c::crc32c(&future[..124]);
    future[124..128].copy_from_slice(&crc.to_le_bytes());
    disk.put(&name, future);
    assert!(matches!(open_damaged(&disk), Err(LogError::FutureFormat { found: 2, supported: 1, .. })));
    disk.put(&name, b"PK\x03\x04 not a log at all".repeat(20));
    assert!(matches!(open_damaged(&disk), Err(LogError::Foreign { .. })));
    disk.put(&name, whole);
    disk.put("holiday.jpg", vec![1]);
    assert!(matches!(open_damaged(&disk), Err(LogError::Foreign { path, .. }) if path.ends_with("holiday.jpg")));
}

#[test]
fn a_lost_vote_or_log_stops_the_node() {
    let (disk, _) = small_log();
    let (log, _) = open(&disk);
    let vote = kifu::log::Vote { term: kifu::event::Term(4), node: Some(LEADER), committed: true };
    log.save_vote(vote).expect("open").wait().expect("durable");
    drop(log);
    let whole = disk.bytes_of("vote").expect("there");
    for at in 0..whole.len() {
        let mut bytes = whole.clone();
        bytes[at] ^= 1 << (at % 8);
        disk.put("vote", bytes);
        assert!(matches!(open_damaged(&disk), Err(LogError::VoteLost { .. })), "byte {at}");
    }
    disk.put("vote", whole);
    segments(&disk).iter().for_each(|name| kifu::log::LogDisk::remove(&disk, name).expect("there"));
    assert!(matches!(open_damaged(&disk), Err(LogError::Missing { .. })), "a vote without a log");
}

#[test]
fn a_folder_without_a_log_is_named() {
    let error = kifu::log::LogReader::open(Path::new("/nowhere/at/all")).err().expect("missing");
    assert!(matches!(&error, LogError::Missing { path } if path == Path::new("/nowhere/at/all")));
    assert!(matches!(kifu::log::LogReader::open(folder().path()), Err(LogError::Missing { .. })));
}

#[test]
fn a_huge_file_is_not_read() {
    let (disk, _) = small_log();
    let folder = folder();
    for name in segments(&disk) {
        std::fs::write(folder.path().join(&name), disk.bytes_of(&name).expect("there")).expect("written");
    }
    let last = folder.path().join(segments(&disk).pop().expect("a segment"));
    let file = std::fs::OpenOptions::new().write(true).open(&last).expect("there");
    file.set_len(300 << 20).expect("sparse");
    let error = Log::open(folder.path(), options()).err().expect("refused");
    assert!(matches!(&error, LogError::Foreign { path, .. } if *path == last), "{error}");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn garbage_anywhere_is_refused_or_cut(
        segment in 0..3usize,
        at in 0..850usize,
        garbage in prop::collection::vec(any::<u8>(), 1..300),
    ) {
        let (disk, before) = small_log();
        let name = &segments(&disk)[segment];
        let mut bytes = disk.bytes_of(name).expect("there");
        let end = (at + garbage.len()).min(bytes.len());
        bytes[at..end].copy_from_slice(&garbage[..end - at]);
        disk.put(name, bytes);
        let _ = verify_on(disk.reader(), &mut |_, _| {});
        if let Ok((found, _)) = open_damaged(&disk) {
            prop_assert_eq!(&found[..], &before[..found.len()]);
        }
    }
}
