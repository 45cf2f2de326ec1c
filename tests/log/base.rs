//! Logs that begin later than at index 0.

use std::io::ErrorKind;

use kifu::event::{Hash, Seq, Term};
use kifu::log::{Crash, Log, LogDisk, LogError, LogPosition, LogReader, SimDisk, SnapshotWriter, verify_on};

use crate::support::*;

fn position(index: u64) -> LogPosition {
    LogPosition { index, term: Term(3), leader: LEADER, seq: Seq(1_000), chain: Hash::of(b"the history before") }
}

/// A log that began anew after `position(99)` and then got ten entries.
fn begun_anew(bed: &dyn Bed) {
    let (log, _) = open(bed);
    append_each(&log, entries(0, 20, 1));
    log.begin_after(position(99)).expect("beyond the end").wait().expect("durable");
    append_each(&log, entries(100, 10, 3));
}

fn check_begun_anew(bed: &dyn Bed) {
    let (log, recovery) = open(bed);
    assert_eq!((recovery.entries, recovery.cut), (10, None));
    assert_eq!(log.base(), Some(position(99)));
    assert_eq!(log.position_of(99).expect("known"), Some(position(99)));
    let found = log.read(100, u64::MAX, usize::MAX).expect("readable");
    assert_eq!(found.len(), 10);
    assert_eq!(found[0].first_seq, Seq(1_001));
    assert!(matches!(log.read(99, 101, 0), Err(LogError::BeforeStart { asked: 99, index: 100, .. })));
    assert!(matches!(log.entry_of_seq(Seq(1_000)), Err(LogError::BeforeStart { asked: 1_000, .. })));
    drop(log);
    let reader = LogReader::open_on(bed.reader()).expect("a log");
    assert_eq!(reader.base().expect("known"), Some(position(99)));
    assert!(matches!(reader.records(Seq(1)), Err(LogError::BeforeStart { seq: Seq(1_001), .. })));
    assert!(reader.records(Seq(1_001)).expect("it begins there").all(|record| record.is_ok()));
    let report = verify_on(bed.reader(), &mut |_, _| {}).expect("a log");
    assert_eq!((report.entries, report.problem_count, report.base), (10, 0, Some(position(99))), "{report:?}");
}

#[test]
fn a_log_begins_anew_after_a_snapshot_and_keeps_the_old_segments_aside() {
    let (memory, folder) = (SimDisk::new(), folder());
    for bed in [&memory as &dyn Bed, &folder] {
        begun_anew(bed);
        check_begun_anew(bed);
        let aside = bed.reader().list().expect("readable").into_iter().filter(|name| name.ends_with(".aside"));
        assert!(aside.count() > 0, "what was there before is not removed");
    }
}

#[test]
fn a_log_that_begins_later_can_be_emptied_and_goes_on() {
    let disk = SimDisk::new();
    begun_anew(&disk);
    let (log, _) = open(&disk);
    for kept in [Some(104), Some(99), None] {
        log.truncate_after(kept).expect("asked").wait().expect("durable");
        let last = kept.unwrap_or(99);
        assert_eq!(log.last().map(|last| last.index), Some(last));
        append_each(&log, entries(last + 1, 10, 4));
    }
    assert!(matches!(log.truncate_after(Some(50)), Err(LogError::BeforeStart { .. })));
    assert!(matches!(log.begin_after(position(101)), Err(LogError::Refused { .. })), "it reaches that far already");
    drop(log);
    let (log, _) = open(&disk);
    assert_eq!(log.read(100, u64::MAX, usize::MAX).expect("readable").len(), 10);
}

#[test]
fn old_segments_are_dropped_whole_and_the_rest_stays_as_it_was() {
    let (memory, folder) = (SimDisk::new(), folder());
    for bed in [&memory as &dyn Bed, &folder] {
        let (log, _) = open(bed);
        append_each(&log, entries(0, 60, 1));
        let before = all(&log);
        log.trim_before(30).expect("asked").wait().expect("durable");
        let base = log.base().expect("it begins later").index;
        assert!((1..30).contains(&base), "whole segments only: {base}");
        assert_eq!(log.base(), Some(before[base as usize].position()));
        drop(log);
        let (log, _) = open(bed);
        assert_eq!(log.read(base + 1, u64::MAX, usize::MAX).expect("readable"), before[base as usize + 1..]);
        assert_eq!(verify_on(bed.reader(), &mut |_, _| {}).expect("a log").base, log.base());
        log.trim_before(u64::MAX).expect("asked").wait().expect("durable");
        append_each(&log, entries(60, 5, 1));
        assert_eq!(log.last().map(|last| last.index), Some(64), "the segment that is written to stays");
    }
}

#[test]
fn a_crash_at_any_sync_leaves_the_old_log_or_the_new_one() {
    let (mut old, mut new) = (0, 0);
    for (after, crash) in (0..40).flat_map(|after| [(after, Crash::LoseAll), (after, Crash::KeepAll)]) {
        let disk = SimDisk::new();
        let (log, _) = open(&disk);
        append_each(&log, entries(0, 20, 1));
        disk.fail_sync(after, ErrorKind::Other);
        let done = log.begin_after(position(99)).expect("beyond the end").wait();
        drop(log);
        let crashed = disk.crashed(crash);
        let (log, _) = open(&crashed);
        match log.base() {
            None => {
                old += 1;
                assert!(done.is_err(), "sync {after}: what was acknowledged is undone");
                assert_eq!(all(&log).len(), 20, "sync {after}");
            }
            Some(base) => {
                new += 1;
                assert_eq!((base, log.last()), (position(99), Some(position(99))), "sync {after}");
            }
        }
        let next = log.last().map_or(0, |last| last.index + 1);
        append_each(&log, entries(next, 3, 5));
    }
    assert!(old > 1 && new > 5, "{old} {new}");
}

#[test]
fn a_crash_while_segments_are_dropped_changes_nothing_that_stays() {
    for (after, crash) in (0..12).flat_map(|after| [(after, Crash::LoseAll), (after, Crash::KeepAll)]) {
        let disk = SimDisk::new();
        let (log, _) = open(&disk);
        append_each(&log, entries(0, 60, 1));
        let before = all(&log);
        disk.fail_sync(after, ErrorKind::Other);
        log.trim_before(30).expect("asked").wait().ok();
        drop(log);
        let (log, _) = open(&disk.crashed(crash));
        let begins = log.base().map_or(0, |base| base.index + 1);
        assert_eq!(log.read(begins, u64::MAX, usize::MAX).expect("readable"), before[begins as usize..], "{after}");
    }
}

#[test]
fn a_beginning_that_is_lost_or_damaged_is_refused() {
    let disk = SimDisk::new();
    begun_anew(&disk);
    let opened = |disk: &SimDisk| Log::open_on(disk.writer(), options()).map(|_| ()).expect_err("not whole");
    let no_base = disk.crashed(Crash::KeepAll);
    no_base.remove("base").expect("there");
    assert!(matches!(opened(&no_base), LogError::Gap { expected: 0, found: 100, .. }));
    assert!(matches!(LogReader::open_on(no_base.reader()).map(|_| ()), Err(LogError::Gap { .. })));
    let no_first = disk.crashed(Crash::KeepAll);
    no_first.remove(&segments(&disk)[0]).expect("there");
    let found = opened(&no_first);
    assert!(matches!(found, LogError::Gap { expected: 100, .. } | LogError::Missing { .. }), "{found}");
    let bytes = disk.bytes_of("base").expect("there");
    for byte in 0..bytes.len() {
        let flipped = disk.crashed(Crash::KeepAll);
        let mut bytes = bytes.clone();
        bytes[byte] ^= 1;
        flipped.put("base", bytes);
        assert!(matches!(opened(&flipped), LogError::Damaged { .. }), "byte {byte}");
    }
}

#[test]
fn a_snapshot_that_was_written_slowly_takes_no_later_ones_place() {
    let made = |log: &Log, index| log.write_snapshot(position(index), 1, b"note", b"state").expect("written");
    let earlier = {
        let (log, _) = open(&SimDisk::new());
        *made(&log, 10).header()
    };
    let disk = SimDisk::new();
    let (log, _) = open(&disk);
    let complete = |header| {
        let mut writer = log.receive_snapshot(header).expect("of this cluster");
        writer.append(b"notestate").expect("space");
        writer.verify().expect("whole");
        writer
    };
    let published = |writer: SnapshotWriter| writer.publish().expect("published").header().position.index;
    let there = || log.snapshot().expect("readable").map(|file| file.header().position.index);

    let slow = complete(earlier);
    let later = *made(&log, 20).header();
    assert_eq!((published(slow), there()), (20, Some(20)), "the later one stays");
    assert_eq!(disk.list().expect("readable").iter().filter(|name| name.contains("snapshot")).count(), 1);
    log.reject_snapshot(Some(&earlier)).expect("not there any more");
    assert_eq!(there(), Some(20), "another was meant");

    let mut bytes = disk.bytes_of("snapshot").expect("there");
    bytes[20] ^= 1;
    disk.put("snapshot", bytes);
    assert_eq!((published(complete(earlier)), there()), (10, Some(10)), "what cannot be read does not stay");
    let newer_rows = log.write_snapshot(position(20), 2, b"note", b"state").expect("written");
    assert_eq!(newer_rows.header().rows_version, 2);
    assert_eq!((published(complete(earlier)), there()), (10, Some(10)), "nor what says it in another way");
    assert_eq!((published(complete(later)), there()), (20, Some(20)));
}
