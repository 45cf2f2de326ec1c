//! Readers beside a writer.

use kifu::event::Seq;
use kifu::log::{LogError, LogReader, SimDisk};

use crate::support::*;

#[test]
fn a_reader_follows_a_writer_across_segments() {
    let folder = folder();
    let (log, _) = open(&folder);
    let reader = LogReader::open(folder.path()).expect("a log, although empty");
    let mut cursor = reader.entries_near(0).expect("a segment");
    let mut records = reader.records(Seq(1)).expect("a segment");
    assert_eq!(reader.last().expect("readable"), None);
    let mut seen = vec![];
    let mut seqs = vec![];
    for first in (0..60).step_by(3) {
        assert_eq!(cursor.next_entry().expect("sound"), None, "nothing new");
        append(&log, entries(first, 3, 1)).expect("durable");
        seen.extend(std::iter::from_fn(|| cursor.next_entry().expect("sound")));
        seqs.extend(records.by_ref().map(|record| record.expect("sound").seq));
    }
    assert_eq!(seen, all(&log));
    let last = log.last().expect("entries");
    assert_eq!(seqs, (1..=last.seq.0).map(Seq).collect::<Vec<_>>());
    assert_eq!(reader.last().expect("readable"), Some(last));
    for from in 1..=last.seq.0 + 1 {
        let first = reader.records(Seq(from)).expect("a segment").next();
        assert_eq!(first.map(|record| record.expect("sound").seq), (from <= last.seq.0).then_some(Seq(from)));
    }
    let record = reader.record(Seq(2)).expect("sound").expect("there");
    assert_eq!(record.decode().expect("known").seq, Seq(2));
    assert_eq!(reader.record(last.seq.next()).expect("sound"), None);
}

#[test]
fn a_reader_on_another_thread_only_ever_sees_what_was_appended() {
    let folder = folder();
    let (log, _) = open(&folder);
    let reader = LogReader::open(folder.path()).expect("a log");
    let seen = std::thread::scope(|scope| {
        let follower = scope.spawn(|| {
            let mut cursor = reader.entries_near(0).expect("a segment");
            let mut seen = vec![];
            while seen.len() < 300 {
                match cursor.next_entry().expect("sound at any moment") {
                    Some(entry) => seen.push(entry),
                    None => std::thread::yield_now(),
                }
            }
            seen
        });
        for first in (0..300).step_by(2) {
            append(&log, entries(first, 2, 1)).expect("durable");
        }
        follower.join().expect("no panic")
    });
    assert_eq!(seen, all(&log));
}

#[test]
fn a_reader_notices_that_its_tail_was_replaced() {
    let disk = SimDisk::new();
    let (log, _) = open(&disk);
    append_each(&log, entries(0, 30, 1));
    let reader = LogReader::open_on(disk.reader()).expect("a log");
    for (keep, size) in [(28, 10), (27, 70), (20, 10), (3, 10)] {
        let mut cursor = reader.entries_near(0).expect("a segment");
        while cursor.next_entry().expect("sound").is_some() {}
        log.truncate_after(Some(keep)).expect("open").wait().expect("durable");
        append_each(&log, (keep + 1..keep + 5).map(|index| entry(index, 100 - keep, 1, size)).collect());
        let error = cursor.next_entry().expect_err("what it read is void");
        assert!(matches!(error, LogError::Truncated { .. }), "after {keep}: {error}");
        assert_eq!(read_disk(disk.reader()).expect("sound"), all(&log));
    }
}

#[test]
fn a_copy_of_a_running_log_is_a_log() {
    let (running, copy) = (folder(), folder());
    let (log, _) = open(&running);
    append(&log, entries(0, 30, 1)).expect("durable");
    for file in std::fs::read_dir(running.path()).expect("readable") {
        let file = file.expect("readable");
        std::fs::copy(file.path(), copy.path().join(file.file_name())).expect("copied");
    }
    append(&log, entries(30, 5, 1)).expect("durable");
    let reader = LogReader::open(copy.path()).expect("a log");
    assert_eq!(reader.last().expect("sound").expect("entries").index, 29);
    assert_eq!(all(&open(&copy).0)[..], all(&log)[..30], "and can be written to");
}
