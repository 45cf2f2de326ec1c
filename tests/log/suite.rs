//! What both disks must do.

use std::sync::mpsc;

use kifu::event::{Hash, Seq, Term};
use kifu::log::{Log, LogError, LogOptions, NewEntry, Payload, SimDisk, Vote};

use crate::support::*;

macro_rules! on_both_disks {
    ($($name:ident)*) => {$(
        mod $name {
            #[test]
            fn in_memory() {
                super::$name(&kifu::log::SimDisk::new());
            }

            #[test]
            fn on_the_real_disk() {
                super::$name(&crate::support::folder());
            }
        }
    )*};
}

on_both_disks! {
    what_was_appended_is_read_back_after_reopening
    a_truncated_log_goes_on_from_any_entry
    a_log_can_be_emptied
    reads_keep_their_bounds
    an_entry_larger_than_a_segment_gets_one_of_its_own
    what_does_not_follow_is_refused
    votes_and_the_hint_survive
    a_drained_queue_costs_one_sync
    every_record_is_found_by_its_seq
}

fn what_was_appended_is_read_back_after_reopening(bed: &dyn Bed) {
    let (log, recovery) = open(bed);
    assert_eq!((recovery.entries, recovery.segments), (0, 1));
    let (sender, receiver) = mpsc::channel();
    for new in entries(0, 60, 1) {
        let (sender, index) = (sender.clone(), new.index);
        let done = Box::new(move |result: Result<(), _>| sender.send((index, result.is_ok())).expect("a listener"));
        log.append(vec![new], done).expect("next");
        assert_eq!(log.last().expect("an entry").index, index);
        assert_eq!(log.read(index, index + 1, 1).expect("readable at return").len(), 1);
    }
    drop(sender);
    let calls: Vec<_> = receiver.iter().collect();
    assert_eq!(calls, (0..60).map(|index| (index, true)).collect::<Vec<_>>(), "durable, in order");
    let (before, last) = (all(&log), log.last());
    assert_eq!(before.len(), 60);
    drop(log);

    let (log, recovery) = open(bed);
    assert_eq!((recovery.entries, recovery.cut, recovery.removed), (60, None, vec![]));
    assert!(recovery.segments > 3, "{}", recovery.segments);
    assert_eq!(all(&log), before);
    assert_eq!(log.last(), last);
    assert_eq!(read_disk(bed.reader()).expect("sound"), before);
}

fn a_truncated_log_goes_on_from_any_entry(bed: &dyn Bed) {
    let (mut log, _) = open(bed);
    append(&log, entries(0, 40, 1)).expect("durable");
    let mut expected = all(&log);
    for keep in [39, 38, 25, 24, 23, 11, 3, 0] {
        log.truncate_after(Some(keep)).expect("open").wait().expect("durable");
        expected.truncate(keep as usize + 1);
        assert_eq!(all(&log), expected, "after {keep}");
        assert_eq!(log.last(), expected.last().map(|entry| entry.position()));
        let term = 100 - keep;
        append(&log, entries(keep + 1, 3, term)).expect("durable");
        let now = all(&log);
        assert_eq!(now[..expected.len()], expected, "the rest is as it was");
        assert!(now[expected.len()..].iter().all(|entry| entry.term == Term(term)));
        expected = now;
        drop(log);
        log = open(bed).0;
        assert_eq!(all(&log), expected, "reopened after {keep}");
    }
    log.truncate_after(Some(1000)).expect("open").wait().expect("nothing to do");
    assert_eq!(all(&log), expected);
}

fn a_log_can_be_emptied(bed: &dyn Bed) {
    let (log, _) = open(bed);
    append(&log, entries(0, 30, 2)).expect("durable");
    log.truncate_after(None).expect("open").wait().expect("durable");
    assert_eq!((log.last(), all(&log)), (None, vec![]));
    append(&log, entries(0, 5, 1)).expect("a lower term is fine in an empty log");
    drop(log);
    assert_eq!(open(bed).1.entries, 5);
}

fn reads_keep_their_bounds(bed: &dyn Bed) {
    let (log, _) = open(bed);
    append(&log, (0..20).map(|index| entry(index, 1, 1, 50)).collect()).expect("durable");
    let size = all(&log)[0].payload.content().len();
    let lengths = |from, to, bytes| log.read(from, to, bytes).expect("readable").len();
    assert_eq!(lengths(0, 20, 0), 1, "one at least");
    assert_eq!(lengths(0, 20, size), 1);
    assert_eq!(lengths(0, 20, size + 1), 2);
    assert_eq!(lengths(5, 9, usize::MAX), 4);
    assert_eq!(lengths(18, 99, usize::MAX), 2, "what exists");
    assert_eq!(lengths(20, 99, usize::MAX), 0);
    assert_eq!(lengths(9, 5, usize::MAX), 0);
    assert_eq!(log.position_of(20).expect("readable"), None);
    for (index, found) in all(&log).iter().enumerate() {
        assert_eq!(log.position_of(index as u64).expect("readable"), Some(found.position()));
    }
}

fn an_entry_larger_than_a_segment_gets_one_of_its_own(bed: &dyn Bed) {
    let (log, _) = open(bed);
    append(&log, vec![entry(0, 1, 1, 9000)]).expect("the first segment makes room");
    append(&log, vec![entry(1, 1, 1, 10), entry(2, 1, 2, 9000), entry(3, 1, 1, 10)]).expect("durable");
    let before = all(&log);
    drop(log);
    let (log, _) = open(bed);
    assert_eq!(all(&log), before);
    log.truncate_after(Some(2)).expect("open").wait().expect("durable");
    drop(log);
    assert_eq!(open(bed).1.entries, 3);
}

fn what_does_not_follow_is_refused(bed: &dyn Bed) {
    let (log, _) = open(bed);
    append(&log, entries(0, 3, 5)).expect("durable");
    let refused = |new: Vec<NewEntry>| append(&log, new).expect_err("refused");
    assert!(matches!(refused(vec![blank(4, 5)]), LogError::NotNext { expected: 3, found: 4 }));
    assert!(matches!(refused(vec![blank(3, 5), blank(3, 5)]), LogError::NotNext { expected: 4, found: 3 }));
    assert!(matches!(refused(vec![blank(3, 4)]), LogError::Refused { index: 3, .. }));
    let mut bad = entry(3, 5, 2, 10);
    if let Payload::Records { count, .. } = &mut bad.payload {
        *count = 3;
    }
    assert!(matches!(refused(vec![bad.clone()]), LogError::Refused { index: 3, .. }));
    if let Payload::Records { count, bytes } = &mut bad.payload {
        *count = 2;
        let mut flipped = bytes.to_vec();
        flipped[60] ^= 1;
        *bytes = flipped.into();
    }
    assert!(matches!(refused(vec![bad]), LogError::Refused { index: 3, .. }));
    let huge = Payload::Membership(vec![0; kifu::log::ENTRY_BYTES_MAX + 1].into());
    assert!(matches!(refused(vec![NewEntry { payload: huge, ..blank(3, 5) }]), LogError::Refused { index: 3, .. }));
    assert_eq!(all(&log).len(), 3, "nothing of it is in the log");
    append(&log, entries(3, 1, 5)).expect("the log goes on");
}

fn votes_and_the_hint_survive(bed: &dyn Bed) {
    let (mut log, _) = open(bed);
    assert_eq!((log.vote(), log.committed()), (None, None));
    append(&log, entries(0, 10, 1)).expect("durable");
    for (term, node, committed) in [(1, None, false), (2, Some(LEADER), false), (2, Some(LEADER), true)] {
        let vote = Vote { term: Term(term), node, committed };
        log.save_committed(Some(term)).expect("open");
        log.save_vote(vote).expect("open").wait().expect("durable");
        drop(log);
        log = open(bed).0;
        assert_eq!((log.vote(), log.committed()), (Some(vote), Some(term)));
    }
    log.save_committed(Some(9)).expect("open");
    log.truncate_after(Some(4)).expect("open").wait().expect("durable");
    assert_eq!(log.committed(), Some(4), "never beyond the end");
    log.save_committed(None).expect("open");
    drop(log);
    assert_eq!(open(bed).0.committed(), None);
}

fn a_drained_queue_costs_one_sync(bed: &dyn Bed) {
    let (log, _) = Log::open_on(bed.writer(), LogOptions::new(Hash::of(b"cluster"))).expect("new");
    let (release, held) = mpsc::channel::<()>();
    let (begun, started) = mpsc::channel();
    let hold = move |result: Result<(), LogError>| {
        result.expect("durable");
        begun.send(()).expect("the test waits");
        held.recv().expect("released");
    };
    log.append(entries(0, 1, 1), Box::new(hold)).expect("next");
    started.recv().expect("the first batch is written");
    let waiting: Vec<_> = (1..100).map(|index| log.append_durably(entries(index, 1, 1)).expect("next")).collect();
    release.send(()).expect("the writer waits");
    waiting.into_iter().for_each(|pending| pending.wait().expect("durable"));
    let stats = log.stats();
    assert_eq!((stats.batches, stats.entries), (2, 100));
}

fn every_record_is_found_by_its_seq(bed: &dyn Bed) {
    let (log, _) = open(bed);
    append_each(&log, entries(0, 50, 1));
    let last = log.last().expect("an entry");
    for seq in 1..=last.seq.0 {
        let entry = log.entry_of_seq(Seq(seq)).expect("readable").expect("there");
        assert!(entry.first_seq <= Seq(seq) && Seq(seq) < entry.next_seq(), "{seq}");
    }
    assert_eq!(log.entry_of_seq(Seq(0)).expect("readable"), None);
    assert_eq!(log.entry_of_seq(last.seq.next()).expect("readable"), None);
}

#[test]
fn every_node_derives_the_same_chain_whatever_its_batches_and_segments() {
    let (small, _) = open(&SimDisk::new());
    let (large, _) = Log::open_on(SimDisk::new().writer(), LogOptions::new(options().cluster)).expect("new");
    append_each(&small, entries(0, 30, 1));
    append(&large, entries(0, 30, 1)).expect("durable");
    assert_eq!(small.last(), large.last());
    let other = LogOptions::new(Hash::of(b"another cluster"));
    let (foreign, _) = Log::open_on(SimDisk::new().writer(), other).expect("new");
    append(&foreign, entries(0, 30, 1)).expect("durable");
    assert_ne!(small.last(), foreign.last());
}

#[test]
fn two_writers_never_share_a_folder() {
    let folder = folder();
    let first = Log::open(folder.path(), options()).expect("new");
    let error = Log::open(folder.path(), options()).err().expect("locked");
    assert!(matches!(&error, LogError::Locked { path } if path.ends_with("lock")), "{error}");
    drop(first);
    Log::open(folder.path(), options()).expect("free again");
}
