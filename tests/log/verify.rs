//! What `verify` says about the records.

use kifu::event::{Event, Seq};
use kifu::log::{SimDisk, VerifyReport, verify_on};

use crate::support::*;

/// The report on a log of one entry a line: (term, records as (time, event)).
fn report(history: &[(u64, Vec<(u64, Event)>)]) -> VerifyReport {
    let disk = SimDisk::new();
    let (log, _) = open(&disk);
    for (index, (term, records)) in history.iter().enumerate() {
        let drafts: Vec<_> = records.iter().map(|(at, event)| draft(*at, event.clone())).collect();
        append(&log, vec![entry_of(index as u64, *term, &drafts)]).expect("durable");
    }
    let mut calls = 0;
    let report = verify_on(disk.reader(), &mut |done, total| {
        calls += 1;
        assert!(done <= total);
    });
    assert_eq!(calls, history.len());
    report.expect("a log")
}

fn check(history: &[(u64, Vec<(u64, Event)>)], seq: u64, what: &str) {
    let report = report(history);
    let problem = report.problems.first().expect("a problem");
    assert_eq!((problem.seq, problem.what.as_str(), report.problem_count), (Seq(seq), what, 1));
}

#[test]
fn a_sound_history_has_no_problems() {
    let report = report(&[
        (1, vec![(10, elected(1))]),
        (1, vec![(10, cancelled("a")), (11, cancelled("b"))]),
        (3, vec![(11, elected(3)), (12, cancelled("c"))]),
    ]);
    assert_eq!((report.entries, report.records, report.terms, report.problems.len()), (3, 5, 2, 0));
    assert_eq!(report.last.expect("entries").seq, Seq(5));
}

#[test]
fn a_term_must_begin_with_its_leader() {
    let history = [(1, vec![(10, elected(1))]), (2, vec![(10, cancelled("a"))])];
    check(&history, 2, "the first record of term 2 is not LEADER_ELECTED");
}

#[test]
fn a_leader_is_elected_once_a_term() {
    check(&[(1, vec![(10, elected(1)), (10, elected(1))])], 2, "LEADER_ELECTED again in term 1");
}

#[test]
fn a_leader_names_its_own_term() {
    let what = "LEADER_ELECTED names 0000000000000007 and term 2, its entry 0000000000000007 and term 1";
    check(&[(1, vec![(10, elected(2))])], 1, what);
}

#[test]
fn time_never_falls() {
    let history = [(1, vec![(20, elected(1))]), (1, vec![(30, cancelled("a")), (29, cancelled("b"))])];
    check(&history, 3, "recorded_at falls from 1970-01-01T00:00:00.030Z to 1970-01-01T00:00:00.029Z");
}

/// Bytes of a segment's header, and of a frame's head and its payload before the content.
const SEGMENT_HEADER: usize = 128;
const FRAME_HEAD: usize = 8;
const ENTRY_HEAD: usize = 80;

/// A log with one record an entry, and its only segment.
fn a_payment() -> (SimDisk, String, Vec<u8>) {
    let disk = SimDisk::new();
    let (log, _) = open(&disk);
    let events = [elected(1), cancelled("one"), cancelled("paid to bob"), cancelled("four"), cancelled("five")];
    for (index, event) in events.into_iter().enumerate() {
        append(&log, vec![entry_of(index as u64, 1, &[draft(10, event)])]).expect("durable");
    }
    drop(log);
    let name = segments(&disk).pop().expect("one segment");
    let bytes = disk.bytes_of(&name).expect("there");
    (disk, name, bytes)
}

/// Somebody who knows the format changes a record of the past, and makes every checksum right.
fn edit(bytes: &mut [u8], from: &[u8], to: &[u8]) {
    let at = bytes.windows(from.len()).position(|window| window == from).expect("it is there once");
    bytes[at..at + to.len()].copy_from_slice(to);
    each_frame(bytes, |frame| {
        let record = &mut frame[FRAME_HEAD + ENTRY_HEAD..];
        let crc = crc32c::crc32c(&record[8..]);
        record[4..8].copy_from_slice(&crc.to_le_bytes());
    });
}

/// Changes each frame, and makes its checksum right.
fn each_frame(bytes: &mut [u8], mut change: impl FnMut(&mut [u8])) {
    let mut at = SEGMENT_HEADER;
    loop {
        let length = u32::from_le_bytes(bytes[at..at + 4].try_into().expect("four bytes")) as usize;
        if length == 0 {
            return;
        }
        let frame = &mut bytes[at..at + FRAME_HEAD + length];
        change(frame);
        let crc = crc32c::crc32c_append(crc32c::crc32c(&frame[..4]), &frame[FRAME_HEAD..]);
        frame[4..FRAME_HEAD].copy_from_slice(&crc.to_le_bytes());
        at += FRAME_HEAD + length;
    }
}

#[test]
fn an_edit_whose_checksums_are_mended_is_named_by_its_seq() {
    let (disk, name, mut bytes) = a_payment();
    edit(&mut bytes, b"paid to bob", b"paid to eve");
    disk.put(&name, bytes);
    let report = verify_on(disk.reader(), &mut |_, _| {}).expect("a report");
    let problem = report.problems.first().expect("a problem");
    assert_eq!((problem.seq, problem.index, report.records), (Seq(3), 2, 2), "{problem:?}");
    assert!(problem.what.contains("chain"), "{problem:?}");
    let refused =
        kifu::log::Log::open_on(Bed::writer(&disk), options()).map(drop).expect_err("no writer goes on from it");
    assert!(refused.to_string().contains("chain"), "{refused}");
}

#[test]
fn an_edit_that_is_hashed_anew_to_the_tip_is_another_history_which_others_have_not() {
    let (disk, name, mut bytes) = a_payment();
    let tip = |disk: &SimDisk| {
        let report = verify_on(disk.reader(), &mut |_, _| {}).expect("a report");
        assert_eq!(report.problem_count, 0, "{:?}", report.problems);
        report.last.expect("entries")
    };
    let true_tip = tip(&disk);
    edit(&mut bytes, b"paid to bob", b"paid to eve");
    let mut chain: [u8; 32] = bytes[80..112].try_into().expect("the chain before the first entry");
    each_frame(&mut bytes, |frame| {
        let payload = &mut frame[FRAME_HEAD..];
        chain = *blake3::hash(&[&chain[..], &payload[..40], &payload[ENTRY_HEAD..]].concat()).as_bytes();
        payload[48..ENTRY_HEAD].copy_from_slice(&chain);
    });
    disk.put(&name, bytes);
    let forged = tip(&disk);
    assert_eq!((forged.index, forged.seq), (true_tip.index, true_tip.seq));
    assert_ne!(forged.chain, true_tip.chain, "a member, a backup or an archive tells them apart");
}
