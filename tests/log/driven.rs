//! A log without a thread: written only while its driver runs, at the driver's pace.

use std::time::Duration;

use kifu::event::Term;
use kifu::log::{Crash, Log, SimDisk, Vote};
use tokio::time::timeout;

use crate::support::*;

fn open_driven(disk: &SimDisk) -> (Log, kifu::log::LogDriver) {
    let (log, _, driver) = Log::open_driven(disk.writer(), options()).expect("a sound log");
    (log, driver)
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().expect("a runtime")
}

#[test]
fn what_is_appended_is_durable_only_after_the_driver_has_run() {
    let disk = SimDisk::new();
    runtime().block_on(async {
        let (log, driver) = open_driven(&disk);
        let pending = log.append_durably(entries(0, 30, 1)).expect("next");
        assert_eq!(all(&log).len(), 30, "readable at once");
        let crashed = disk.crashed(Crash::KeepAll);
        assert_eq!(Log::open_driven(crashed.writer(), options()).expect("sound").1.entries, 0, "nobody has written");
        let driver = tokio::spawn(driver.run(|| Duration::from_millis(3)));
        let started = tokio::time::Instant::now();
        pending.await.expect("durable");
        assert_eq!(started.elapsed(), Duration::from_millis(3), "the pace is the disk's");
        log.truncate_after(Some(20)).expect("open").await.expect("durable");
        let vote = Vote { term: Term(3), node: Some(LEADER), committed: false };
        log.save_vote(vote).expect("open").await.expect("durable");
        drop(log);
        driver.await.expect("it ends with the last handle");
    });
    let (log, recovery) = open(&disk.crashed(Crash::LoseAll));
    assert_eq!((recovery.entries, log.vote().map(|vote| vote.term)), (21, Some(Term(3))));
}

#[test]
fn a_driver_that_is_dropped_leaves_undone_what_is_queued() {
    let disk = SimDisk::new();
    runtime().block_on(async {
        let (log, driver) = open_driven(&disk);
        let slow = driver.run(|| Duration::from_secs(1));
        drop(log.append_durably(entries(0, 5, 1)).expect("next"));
        timeout(Duration::from_millis(999), slow).await.expect_err("still waiting for the disk");
    });
    assert_eq!(open(&disk).1.entries, 0);
}

#[test]
fn after_a_power_cut_nothing_more_becomes_durable() {
    for changes in 0..6 {
        let disk = SimDisk::new();
        runtime().block_on(async {
            let (log, driver) = open_driven(&disk);
            let driver = tokio::spawn(driver.run(|| Duration::ZERO));
            log.append_durably(entries(0, 3, 1)).expect("next").await.expect("durable");
            disk.cut_power(changes);
            let mut acked = 3;
            while let Ok(pending) = log.append_durably(entries(acked, 1, 1))
                && pending.await.is_ok()
            {
                acked += 1;
            }
            assert!(disk.is_cut());
            assert_eq!(acked, 3 + u64::from(changes) / 2, "a write and a sync each");
            assert!(open(&disk.crashed(Crash::LoseAll)).1.entries >= acked, "what was acknowledged is there");
            drop(log);
            driver.await.expect("it ends with the last handle");
        });
    }
}
