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
