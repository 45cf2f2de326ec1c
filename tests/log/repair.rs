//! Damaged segments are written anew from what another node kept, and only from that.

use kifu::event::Hash;
use kifu::log::{Crash, Log, LogDisk, LogError, LogOptions, NewEntry, Repair, Repaired, SimDisk, find_damage};

use crate::support::*;

fn cluster() -> Hash {
    options().cluster
}

/// A node's disk and all of its entries; the last segment holds several.
fn history() -> (SimDisk, Vec<NewEntry>) {
    let disk = SimDisk::new();
    let (log, _) = open(&disk);
    let mut count = 0;
    let in_last = |disk: &SimDisk, count: u64| {
        let first: u64 = segments(disk).pop().and_then(|name| name[..20].parse().ok()).expect("a segment");
        count - first
    };
    while count < 60 || in_last(&disk, count) != 4 {
        append_each(&log, entries(count, 1, 1));
        count += 1;
    }
    log.save_committed(Some(count - 1)).expect("noted");
    drop(log);
    (disk, entries(0, count, 1))
}

/// Repairs everything from `source`.
fn repair(disk: &SimDisk, source: &[NewEntry]) -> Result<Vec<Repaired>, LogError> {
    let mut repaired = vec![];
    while let Some(damage) = find_damage(disk, &cluster())? {
        let mut repair = Repair::new(damage, cluster(), 2048);
        while !repair.is_complete() {
            let missing = LogError::Refused { index: repair.next_index(), reason: "the source has no more".into() };
            repair.push(source.get(repair.next_index() as usize).ok_or(missing)?.clone())?;
        }
        repaired.push(repair.install(disk)?);
        assert!(repaired.len() < 10, "it comes to an end: {repaired:?}");
    }
    Ok(repaired)
}

fn flip(disk: &SimDisk, name: &str, at: usize) -> SimDisk {
    let flipped = disk.crashed(Crash::KeepAll);
    let mut bytes = disk.bytes_of(name).expect("there");
    bytes[at] ^= 0x20;
    flipped.put(name, bytes);
    flipped
}

fn check_whole(disk: &SimDisk, original: &SimDisk) {
    let expected = read_disk(original.reader()).expect("whole");
    let (log, recovery) = open(disk);
    assert_eq!(recovery.cut, None);
    assert_eq!(all(&log), expected);
    assert_eq!(find_damage(disk, &cluster()).expect("readable").map(|damage| damage.segment), None);
}

#[test]
fn any_flipped_bit_in_a_sealed_segment_is_repaired_and_the_damaged_file_is_kept() {
    let (disk, source) = history();
    let names = segments(&disk);
    for name in [&names[0], &names[names.len() / 2]] {
        let bytes = disk.bytes_of(name).expect("there");
        for at in (0..bytes.len()).step_by(37) {
            let damaged = flip(&disk, name, at);
            let found = find_damage(&damaged, &cluster()).expect("readable");
            // A reserved byte, or one behind the last frame of a sealed segment, may be harmless; any other is not.
            let Some(found) = found else { continue };
            assert_eq!(&found.segment, name, "byte {at}");
            let repaired = repair(&damaged, &source).expect("repaired");
            let aside = repaired[0].aside.clone().expect("there was a file");
            assert!(damaged.bytes_of(&aside).is_some_and(|kept| kept != bytes), "the evidence is kept");
            assert_eq!(damaged.bytes_of(name).expect("there")[..128], bytes[..128]);
            check_whole(&damaged, &disk);
        }
    }
}

#[test]
fn a_missing_segment_is_written_anew() {
    let (disk, source) = history();
    for name in &segments(&disk)[..3] {
        let damaged = disk.crashed(Crash::KeepAll);
        damaged.remove(name).expect("there");
        repair(&damaged, &source).expect("repaired");
        check_whole(&damaged, &disk);
    }
}

#[test]
fn the_last_segment_is_repaired_only_as_far_as_this_node_had_acknowledged() {
    let (disk, source) = history();
    let name = segments(&disk).pop().expect("a segment");
    let damaged = flip(&disk, &name, 128 + 40);
    let found = find_damage(&damaged, &cluster()).expect("readable").expect("damaged");
    assert_eq!((found.end_index, found.reach), (None, Some(source.len() as u64 - 1)));
    let short = damaged.crashed(Crash::KeepAll);
    let refused = repair(&short, &source[..source.len() - 2]).expect_err("the last two may have been acknowledged");
    assert!(matches!(refused, LogError::Refused { index, .. } if index == source.len() as u64 - 2), "{refused}");
    assert_eq!(short.bytes_of(&name), damaged.bytes_of(&name), "nothing has changed");
    repair(&damaged, &source).expect("repaired");
    check_whole(&damaged, &disk);
}

/// A history of which this node knows no more than that `committed` is.
fn history_known_up_to(committed: u64) -> (SimDisk, Vec<NewEntry>) {
    let (disk, source) = history();
    open(&disk).0.save_committed(Some(committed)).expect("noted");
    (disk, source)
}

#[test]
fn a_damaged_header_of_the_last_segment_hides_no_entry_behind_it() {
    let (disk, source) = history_known_up_to(3);
    let name = segments(&disk).pop().expect("a segment");
    let damaged = flip(&disk, &name, 30);
    let found = find_damage(&damaged, &cluster()).expect("readable").expect("damaged");
    assert_eq!((found.end_index, found.reach), (None, Some(source.len() as u64 - 1)));
    repair(&damaged, &source[..source.len() - 1]).expect_err("the last one may have been acknowledged");
    repair(&damaged, &source).expect("repaired");
    check_whole(&damaged, &disk);
}

#[test]
fn what_a_disk_cannot_read_any_more_is_repaired_as_any_damage_is() {
    let (disk, source) = history();
    let names = segments(&disk);
    for name in [&names[0], names.last().expect("a segment")] {
        for lost in [0..60, 128..300, 300..500] {
            let damaged = disk.crashed(Crash::KeepAll);
            damaged.lose(name, lost.clone());
            let error = Log::open_on(damaged.writer(), options()).map(drop).expect_err("it cannot be read");
            assert!(error.is_repairable(), "{lost:?}: {error}");
            let repaired = repair(&damaged, &source).expect("repaired");
            assert_eq!(&repaired[0].segment, name);
            check_whole(&damaged, &disk);
        }
    }
    let log = open(&disk).0;
    disk.lose(&names[1], 300..301);
    let damage = log.check_sealed(names[1][..20].parse().expect("an index")).expect("no other error");
    assert!(damage.is_some_and(|damage| damage.reason.contains("Input/output")), "rot is found while the node runs");
}

/// A leader that was deposed may hold entries that nobody committed, and whose places others have taken.
#[test]
fn what_was_never_committed_does_not_stand_in_the_way_of_a_repair() {
    let (disk, source) = history();
    let name = segments(&disk).pop().expect("a segment");
    let first: u64 = name[..20].parse().expect("an index");
    let replaced = [&source[..=first as usize], &entries(first + 1, 1, 2)].concat();
    for (committed, allowed) in [(first + 1, false), (first, true)] {
        let (disk, _) = history_known_up_to(committed);
        let damaged = flip(&disk, &name, 128 + 40);
        match repair(&damaged, &replaced) {
            Ok(_) => assert!(allowed, "entry {committed} is known to be committed"),
            Err(error) => assert!(!allowed, "{error}"),
        }
        let whole = |disk: &SimDisk| open(disk).0.last().map(|last| (last.index, last.term.0));
        assert!(!allowed || whole(&damaged) == Some((first + 1, 2)));
    }
}

#[test]
fn another_history_is_never_installed() {
    let (disk, source) = history();
    let names = segments(&disk);
    for name in [&names[2], names.last().expect("a segment")] {
        let damaged = flip(&disk, name, 128 + 40);
        let mut other = source.clone();
        let first = find_damage(&damaged, &cluster()).expect("readable").expect("damaged").first_index;
        other[first as usize] = entry(first, 1, 3, 33);
        let refused = repair(&damaged, &other).expect_err("another history");
        assert!(matches!(refused, LogError::Refused { .. }), "{refused}");
        assert_eq!(damaged.bytes_of(name), flip(&disk, name, 128 + 40).bytes_of(name), "nothing has changed");
    }
}

#[test]
fn a_crash_in_the_middle_of_a_repair_is_repaired_again() {
    let (disk, source) = history();
    let name = segments(&disk)[1].clone();
    for (after, crash) in (0..6).flat_map(|after| [(after, Crash::LoseAll), (after, Crash::KeepAll)]) {
        let damaged = flip(&disk, &name, 128 + 40);
        damaged.fail_sync(after, std::io::ErrorKind::Other);
        repair(&damaged, &source).ok();
        let crashed = damaged.crashed(crash);
        for name in crashed.list().expect("readable").into_iter().filter(|name| name.ends_with(".tmp")) {
            crashed.remove(&name).expect("there");
        }
        repair(&crashed, &source).expect("repaired");
        check_whole(&crashed, &disk);
    }
}

#[test]
fn a_log_that_is_opened_without_reading_it_all_is_the_same_log_and_the_scrub_finds_what_the_start_did_not() {
    let (disk, source) = history();
    let name = segments(&disk)[1].clone();
    let last = segments(&disk).pop().and_then(|name| name[..20].parse().ok()).expect("a segment");
    let tail_only = LogOptions { check_from: last, ..options() };
    let opened = |disk: &SimDisk| Log::open_on(disk.writer(), tail_only);
    let (log, recovery) = opened(&disk).expect("sound");
    assert_eq!((recovery.entries as usize, all(&log)), (source.len(), read_disk(disk.reader()).expect("whole")));
    for seq in (1..recovery.records).step_by(7) {
        let entry = log.entry_of_seq(kifu::event::Seq(seq)).expect("readable").expect("there");
        assert!(entry.first_seq.0 <= seq && seq < entry.next_seq().0);
    }
    drop(log);
    let damaged = flip(&disk, &name, 300);
    assert!(Log::open_on(damaged.writer(), options()).is_err(), "a full check refuses it");
    let (log, _) = opened(&damaged).expect("the damage is not looked at");
    let sealed = log.sealed();
    assert!(log.check_sealed(sealed[1]).expect("readable").is_some());
    assert!(log.read(0, u64::MAX, usize::MAX).is_err(), "what is damaged is never given out");
    drop(log);
    let torn_head = flip(&disk, &name, 60);
    assert!(opened(&torn_head).is_err(), "headers are always checked");
}

#[test]
fn bit_rot_is_found_and_repaired_while_the_log_is_in_use() {
    let (disk, source) = history();
    let (log, _) = Log::open_on(disk.writer(), LogOptions { cache_bytes: 600, ..options() }).expect("sound");
    let sealed = log.sealed();
    assert!(sealed.len() > 3, "{sealed:?}");
    assert!(sealed.iter().all(|first| log.check_sealed(*first).expect("readable").is_none()));
    let name = segments(&disk)[1].clone();
    let mut bytes = disk.bytes_of(&name).expect("there");
    bytes[300] ^= 1;
    disk.put(&name, bytes);
    let damage = log.check_sealed(sealed[1]).expect("readable").expect("damaged");
    assert_eq!(log.check_sealed(sealed[2]).expect("readable").map(|damage| damage.segment), None);
    let mut repair = Repair::new(damage, cluster(), 2048);
    while !repair.is_complete() {
        repair.push(source[repair.next_index() as usize].clone()).expect("it belongs there");
    }
    let repaired = log.install_repair(repair).expect("installed");
    assert_eq!(repaired.first_index, sealed[1]);
    assert!(log.check_sealed(sealed[1]).expect("readable").is_none());
    let count = source.len() as u64;
    append_each(&log, entries(count, 4, 1));
    assert_eq!(all(&log).len() as u64, count + 4, "it is read from the new file");
}
