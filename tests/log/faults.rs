//! A disk that fails: full, or broken.

use std::io::ErrorKind;

use kifu::event::{Hash, Seq, Term};
use kifu::log::{Crash, LogError, LogOptions, LogPosition, SimDisk, Vote};

use crate::support::*;

#[test]
fn a_full_disk_loses_nothing_and_the_log_goes_on_when_there_is_space() {
    let disk = SimDisk::new();
    let (log, _) = open(&disk);
    disk.set_space(Some(3000));
    let mut acked = 0;
    let error = loop {
        match append(&log, entries(acked, 1, 1)) {
            Ok(()) => acked += 1,
            Err(error) => break error,
        }
    };
    assert!(matches!(&error, LogError::Full { path } if path.to_string_lossy().contains(".seg")), "{error}");
    assert!(acked > 8, "one more segment fitted");
    assert_eq!(log.last().expect("entries").index + 1, acked, "what failed is taken back");
    assert!(matches!(append(&log, entries(acked, 1, 1)), Err(LogError::Full { .. })), "still full");
    let before = all(&log);
    disk.set_space(None);
    append(&log, entries(acked, 20, 1)).expect("space is back");
    assert_eq!(all(&log)[..before.len()], before);
    drop(log);
    let (log, recovery) = open(&disk.crashed(Crash::LoseAll));
    assert_eq!((log.last().expect("entries").index + 1, recovery.cut), (acked + 20, None));
}

#[test]
fn a_write_that_finds_the_disk_full_leaves_nothing_behind() {
    let disk = SimDisk::new();
    let (log, _) = open(&disk);
    append(&log, entries(0, 3, 1)).expect("durable");
    disk.fail_write(0, ErrorKind::StorageFull);
    let batch: Vec<_> = (3..6).map(|index| entry(index, 1, 1, 60)).collect();
    assert!(matches!(append(&log, batch), Err(LogError::Full { .. })));
    assert_eq!(read_disk(disk.reader()).expect("clean").len(), 3);
    append(&log, entries(3, 1, 2)).expect("goes on with another entry in its place");
    let found = all(&log);
    drop(log);
    let (log, recovery) = open(&disk);
    assert_eq!((all(&log), recovery.cut), (found, None));
}

#[test]
fn what_was_queued_behind_a_failure_fails_with_it() {
    let disk = SimDisk::new();
    let (log, _) = open(&disk);
    append(&log, entries(0, 2, 1)).expect("durable");
    disk.set_space(Some(0));
    let first = log.append_durably((2..30).map(|index| entry(index, 1, 1, 60)).collect()).expect("queued");
    let second = log.append_durably(entries(30, 2, 1));
    assert!(matches!(first.wait(), Err(LogError::Full { .. })));
    // Queued in time, or too late: it is not in the log either way.
    match second {
        Ok(pending) => assert!(matches!(pending.wait(), Err(LogError::Full { .. }))),
        Err(error) => assert!(matches!(error, LogError::NotNext { .. }), "{error}"),
    }
    let next = log.last().expect("entries").index + 1;
    assert!(next < 30);
    disk.set_space(None);
    append(&log, entries(next, 2, 1)).expect("goes on from what is there");
    let found = all(&log);
    drop(log);
    assert_eq!(all(&open(&disk).0), found);
}

#[test]
fn a_failed_sync_poisons_the_log_for_good() {
    let disk = SimDisk::new();
    let (log, _) = open(&disk);
    append(&log, entries(0, 3, 1)).expect("durable");
    disk.fail_sync(0, ErrorKind::Other);
    let error = append(&log, entries(3, 1, 1)).expect_err("not durable");
    assert!(matches!(&error, LogError::Io { action: "sync", .. }), "{error}");
    let syncs = disk.syncs();
    let poisoned = |result: Result<(), LogError>| assert!(matches!(result, Err(LogError::Poisoned { .. })));
    poisoned(append(&log, entries(3, 1, 1)));
    poisoned(log.read(0, 1, 1).map(drop));
    poisoned(log.truncate_after(None).map(drop));
    poisoned(log.position_of(0).map(drop));
    poisoned(log.save_committed(None));
    poisoned(log.save_vote(Vote { term: Term(1), node: None, committed: false }).map(drop));
    drop(log);
    assert_eq!(disk.syncs(), syncs, "never retried");
    assert_eq!(open(&disk.crashed(Crash::LoseAll)).1.entries, 3, "what was acknowledged is there");
}

#[test]
fn a_broken_write_poisons_the_log() {
    let disk = SimDisk::new();
    let (log, _) = open(&disk);
    append(&log, entries(0, 3, 1)).expect("durable");
    disk.fail_write(0, ErrorKind::Other);
    append(&log, entries(3, 1, 1)).expect_err("not written");
    assert!(matches!(append(&log, entries(3, 1, 1)), Err(LogError::Poisoned { .. })));
    drop(log);
    assert_eq!(open(&disk).1.entries, 3);
}

#[test]
fn a_vote_that_is_not_durable_is_not_given() {
    let disk = SimDisk::new();
    let (log, _) = open(&disk);
    let vote = |term| Vote { term: Term(term), node: Some(LEADER), committed: false };
    log.save_vote(vote(1)).expect("open").wait().expect("durable");
    disk.set_space(Some(0));
    let result = log.save_vote(vote(2)).expect("open").wait();
    assert!(matches!(result, Err(LogError::Full { .. })));
    assert_eq!(log.vote(), Some(vote(1)));
    disk.set_space(None);
    log.save_vote(vote(2)).expect("a full disk is not the end").wait().expect("durable");
    disk.fail_sync(0, ErrorKind::Other);
    log.save_vote(vote(3)).expect("open").wait().expect_err("not durable");
    assert!(matches!(log.save_vote(vote(3)), Err(LogError::Poisoned { .. })));
    assert_eq!(open(&disk.crashed(Crash::LoseAll)).0.vote(), Some(vote(2)));
}

#[test]
fn a_full_disk_refuses_a_new_log_and_leaves_nothing() {
    let disk = SimDisk::new();
    disk.set_space(Some(100));
    assert!(matches!(kifu::log::Log::open_on(disk.writer(), options()), Err(LogError::Full { .. })));
    assert_eq!(segments(&disk), Vec::<String>::new());
}

/// A new log that waits for space when the disk is full.
fn patient(disk: &SimDisk) -> kifu::log::Log {
    let waiting = LogOptions { waits_for_space: true, ..options() };
    kifu::log::Log::open_on(disk.writer(), waiting).expect("a new log").0
}

/// A log that waits for space, and what waits in it.
fn filled(disk: &SimDisk) -> (kifu::log::Log, Vec<kifu::log::Pending>) {
    let log = patient(disk);
    disk.set_space(Some(3000));
    let mut pending = vec![];
    while !log.is_full() {
        pending.push(log.append_durably(entries(pending.len() as u64, 1, 1)).expect("queued"));
    }
    (log, pending)
}

#[test]
fn a_new_segment_leaves_free_what_is_to_be_kept_free() {
    let disk = SimDisk::new();
    let log = patient(&disk);
    disk.set_space(Some(1 << 40));
    log.keep_free((1 << 40) - 1);
    let mut pending = vec![];
    while !log.is_full() {
        pending.push(log.append_durably(entries(pending.len() as u64, 1, 1)).expect("queued"));
    }
    assert!(pending.len() > 1, "the segment in use is filled");
    log.keep_free(0);
    pending.into_iter().for_each(|pending| pending.wait().expect("durable once nothing is kept free"));
    assert!(!log.is_full());
}

#[test]
fn a_log_that_waits_for_space_acknowledges_all_of_it_in_the_end() {
    let disk = SimDisk::new();
    let (log, mut pending) = filled(&disk);
    for _ in 0..3 {
        pending.push(log.append_durably(entries(pending.len() as u64, 1, 1)).expect("queued while it waits"));
    }
    let vote = Vote { term: Term(7), node: Some(LEADER), committed: false };
    let voted = log.save_vote(vote).expect("queued behind them");
    assert!(log.is_full(), "nothing that was asked for is refused");
    disk.set_space(None);
    let count = pending.len() as u64;
    pending.into_iter().for_each(|pending| pending.wait().expect("durable once there is space"));
    voted.wait().expect("durable too");
    assert!(!log.is_full());
    drop(log);
    let (log, recovery) = open(&disk.crashed(Crash::LoseAll));
    assert_eq!((log.last().expect("entries").index + 1, recovery.cut, log.vote()), (count, None, Some(vote)));
}

#[test]
fn what_waits_for_space_fails_once_the_log_shall_wait_no_more() {
    let disk = SimDisk::new();
    let (log, pending) = filled(&disk);
    let vote = Vote { term: Term(7), node: Some(LEADER), committed: false };
    let voted = log.save_vote(vote).expect("queued behind them");
    log.wait_no_more();
    let refused = pending.into_iter().map(|pending| pending.wait()).find_map(Result::err);
    assert!(matches!(refused, Some(LogError::Full { .. })), "{refused:?}");
    // The vote may have found space, or not: somebody answers.
    drop(voted.wait());
    disk.set_space(None);
    let next = log.last().map_or(0, |last| last.index + 1);
    log.append_durably(entries(next, 1, 1)).expect("queued").wait().expect("it goes on where there is space");
}

#[test]
fn a_log_that_waits_for_space_can_be_closed() {
    let disk = SimDisk::new();
    let (log, pending) = filled(&disk);
    drop(log);
    let refused = pending.into_iter().map(|pending| pending.wait()).find_map(Result::err);
    assert!(matches!(refused, Some(LogError::Full { .. })), "{refused:?}");
}

#[test]
fn a_full_disk_delays_a_new_beginning_and_loses_neither_log() {
    let (mut waited, mut old, mut new) = (0, 0, 0);
    for space in [0, 1, 40, 100, 200, 300, 2_000, 4_095, 4_200, 4_300, 4_400, 4_500, 10_000] {
        let disk = SimDisk::new();
        let waiting = LogOptions { waits_for_space: true, ..options() };
        let (log, _) = kifu::log::Log::open_on(disk.writer(), waiting).expect("a new log");
        append_each(&log, entries(0, 20, 1));
        disk.set_space(Some(space));
        let position =
            LogPosition { index: 99, term: Term(3), leader: LEADER, seq: Seq(1_000), chain: Hash::of(b"before") };
        let begun = log.begin_after(position).expect("beyond the end");
        let appended = log.append_durably(entries(100, 3, 3)).expect("queued behind it");
        let begun = std::thread::spawn(move || begun.wait());
        while !log.is_full() && !begun.is_finished() {
            std::thread::yield_now();
        }
        waited += u32::from(log.is_full());
        // A crash while it waits leaves one of the two.
        let crashed = disk.crashed(Crash::LoseAll);
        crashed.set_space(None);
        let (found, _) = open(&crashed);
        match found.base() {
            None => old += u32::from(found.last().is_some_and(|last| last.index == 19)),
            base => new += u32::from(base == Some(position)),
        }
        disk.set_space(None);
        begun.join().expect("no panic").expect("once there is space");
        appended.wait().expect("behind it");
        drop(log);
        let (log, recovery) = open(&disk);
        assert_eq!((log.base(), recovery.entries, recovery.cut), (Some(position), 3, None), "{space} bytes");
    }
    assert!(waited > 0 && old > 0 && old + new == 13, "{waited} waited, {old} and {new} after a crash");
}

/// The answer to a request that must not wait for space.
fn answer(pending: kifu::log::Pending) -> Result<(), LogError> {
    let (answered, answer) = std::sync::mpsc::channel();
    std::thread::spawn(move || answered.send(pending.wait()));
    answer.recv_timeout(std::time::Duration::from_secs(30)).expect("an answer, although the disk is full")
}

#[test]
fn a_trim_makes_the_space_that_appends_wait_for() {
    let disk = SimDisk::new();
    let log = patient(&disk);
    disk.set_space(Some(3000));
    let mut pending = vec![];
    while !log.is_full() {
        pending.push(log.append_durably(entries(pending.len() as u64, 1, 1)).expect("queued"));
        while log.stats().entries < pending.len() as u64 && !log.is_full() {
            std::thread::yield_now();
        }
    }
    assert_eq!(segments(&disk).len(), 2, "no space for a third");
    answer(log.trim_before(0).expect("asked")).expect("nothing to do");
    assert!(log.is_full(), "a trim that drops nothing has not tried the disk");
    answer(log.trim_before(u64::MAX).expect("asked")).expect("the first segment went");
    let count = pending.len() as u64;
    pending.into_iter().for_each(|pending| answer(pending).expect("in the space of the segment that went"));
    assert!(!log.is_full());
    drop(log);
    let (log, recovery) = open(&disk.crashed(Crash::LoseAll));
    let begins = log.base().expect("it begins later").index + 1;
    assert_eq!((log.last().expect("entries").index + 1, begins + recovery.entries), (count, count));
}

#[test]
fn a_trim_that_waits_for_space_does_not_hold_up_appends() {
    let disk = SimDisk::new();
    let log = patient(&disk);
    let mut count = 0;
    while segments(&disk).len() < 3 {
        append_each(&log, entries(count, 1, 1));
        count += 1;
    }
    disk.set_space(Some(0));
    let trimmed = log.trim_before(u64::MAX).expect("asked");
    while !log.is_full() {
        std::thread::yield_now();
    }
    answer(log.append_durably(entries(count, 1, 1)).expect("next")).expect("there is space in the segment");
    assert_eq!(segments(&disk).len(), 3, "the file that says where the log begins needs space of its own");
    disk.set_space(None);
    answer(trimmed).expect("there is space");
    assert_eq!(segments(&disk).len(), 1);
    assert!(!log.is_full());
}
