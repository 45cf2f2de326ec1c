//! Crashes at any moment lose nothing that was acknowledged.

use std::io::ErrorKind;

use kifu::log::{Crash, Entry, Log, LogError, LogOptions, SimDisk};

use crate::support::*;

/// A log with `acked` entries, each written alone, and then a batch whose sync never comes back.
fn interrupted(acked: u64, unacked: u64) -> (SimDisk, Vec<Entry>) {
    let disk = SimDisk::new();
    let one_segment = LogOptions { segment_bytes: 16_384, ..options() };
    let (log, _) = Log::open_on(disk.writer(), one_segment).expect("new");
    append_each(&log, entries(0, acked, 1));
    let durable = all(&log);
    disk.fail_sync(0, ErrorKind::Other);
    let batch: Vec<_> = (acked..acked + unacked).map(|index| entry(index, 1, 2, 90)).collect();
    append(&log, batch).expect_err("the sync failed");
    (disk, durable)
}

/// Opens the disk after a crash: all that was acknowledged is there, and what follows was appended.
fn check(disk: &SimDisk, durable: &[Entry], context: &str) -> usize {
    let seen = read_disk(disk.reader()).unwrap_or_else(|error| panic!("{context}: {error}"));
    let (log, _) = open(disk);
    let found = all(&log);
    assert_eq!(found, seen, "{context}: a reader sees what the writer recovers");
    assert_eq!(found[..durable.len()], *durable, "{context}: acknowledged entries are lost");
    let next = found.len() as u64;
    append(&log, entries(next, 2, 9)).expect("the log goes on");
    drop(log);
    let (log, recovery) = open(disk);
    assert_eq!(all(&log).len(), found.len() + 2, "{context}");
    assert_eq!(recovery.cut, None, "{context}: the cut left nothing behind");
    found.len()
}

#[test]
fn a_machine_that_loses_power_loses_only_what_was_not_acknowledged() {
    let (disk, durable) = interrupted(6, 4);
    assert_eq!(check(&disk.crashed(Crash::LoseAll), &durable, "all lost"), 6);
    assert_eq!(check(&disk.crashed(Crash::KeepAll), &durable, "all kept"), 10);
}

/// A killed process leaves what it wrote in the system's memory. Whoever opens the log counts on it from then on.
#[test]
fn what_a_start_finds_is_durable_when_it_is_told() {
    let (disk, durable) = interrupted(6, 4);
    let killed = disk.crashed(Crash::KeepAll);
    assert_eq!(
        read_disk(killed.crashed(Crash::LoseAll).reader()).expect("whole"),
        durable,
        "nothing has synced it yet"
    );
    let (log, _) = open(&killed);
    assert_eq!(all(&log).len(), 10);
    assert_eq!(all(&open(&killed.crashed(Crash::LoseAll)).0), all(&log));
}

#[test]
fn a_write_may_stop_at_any_byte() {
    let (disk, durable) = interrupted(3, 2);
    let mut found = vec![];
    for bytes in 0..900 {
        found.push(check(&disk.crashed(Crash::KeepBytes(bytes)), &durable, &format!("{bytes} bytes")));
    }
    assert!(found.is_sorted(), "{found:?}");
    assert_eq!((found.first(), found.last()), (Some(&3), Some(&5)));
}

#[test]
fn the_sectors_of_a_batch_may_arrive_in_any_order() {
    let mut found = [0; 12];
    for acked in [1, 5] {
        let (disk, durable) = interrupted(acked, 5);
        for seed in 0..200 {
            found[check(&disk.crashed(Crash::KeepSectors(seed)), &durable, &format!("seed {seed}"))] += 1;
        }
    }
    assert!(found.iter().filter(|count| **count > 0).count() > 3, "the seeds reach different ends: {found:?}");
}

#[test]
fn a_file_may_be_cut_at_any_byte_of_its_last_frames() {
    let disk = SimDisk::new();
    let (log, _) = open(&disk);
    append_each(&log, entries(0, 9, 1));
    let durable = all(&log);
    drop(log);
    let name = segments(&disk).pop().expect("a segment");
    let bytes = disk.bytes_of(&name).expect("there");
    let mut counts = vec![];
    for length in 0..=bytes.len() {
        let cut = disk.crashed(Crash::KeepAll);
        cut.put(&name, bytes[..length].to_vec());
        match Log::open_on(cut.writer(), options()) {
            Ok((log, _)) => {
                let found = all(&log);
                assert_eq!(found[..], durable[..found.len()], "cut at {length}");
                counts.push(found.len());
            }
            Err(error) => {
                assert!(length < 128, "cut at {length}: {error}");
                assert!(matches!(&error, LogError::Damaged { path, .. } if path.ends_with(&name)), "{error}");
            }
        }
    }
    assert!(counts.is_sorted());
    assert_eq!(counts.last(), Some(&9));
}

#[test]
fn a_crash_while_truncating_leaves_the_old_end_or_the_new() {
    let disk = SimDisk::new();
    let (log, _) = open(&disk);
    append_each(&log, entries(0, 40, 1));
    let before = all(&log);
    for after in 0..3 {
        let disk = disk.crashed(Crash::KeepAll);
        let (log, _) = open(&disk);
        disk.fail_sync(after, ErrorKind::Other);
        let result = log.truncate_after(Some(12)).expect("open").wait();
        for crash in [Crash::LoseAll, Crash::KeepAll, Crash::KeepSectors(after.into())] {
            let (log, _) = open(&disk.crashed(crash));
            let found = all(&log);
            assert_eq!(found[..], before[..found.len()]);
            assert!(found.len() == 13 || result.is_err() && found.len() > 13, "{}", found.len());
        }
    }
}

#[test]
fn a_crash_while_a_segment_is_made_leaves_no_trace() {
    let disk = SimDisk::new();
    let (log, _) = open(&disk);
    append_each(&log, entries(0, 8, 1));
    let durable = all(&log);
    disk.put("00000000000000000008.seg.tmp", vec![1, 2, 3]);
    drop(log);
    let (log, recovery) = open(&disk);
    assert_eq!(recovery.removed, ["00000000000000000008.seg.tmp"]);
    assert_eq!(all(&log), durable);
}
