//! Workers that behave get jobs; workers that do not are killed, and say why.

use std::path::{Path, PathBuf};

use kifu::work::protocol::WorkerResult;
use kifu::work::worker::{EVENTS_MAX, JobEnd, WorkerEvent, WorkerLimits, WorkerPool, WorkerProcess};
use kifu::work::{WorkerError, WorkerProgram};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::fake::{assignment, limits, program};

struct Ran {
    end: Result<JobEnd, WorkerError>,
    events: Vec<WorkerEvent>,
    worker: WorkerProcess,
}

async fn run(program: &WorkerProgram, limits: WorkerLimits, dir: &Path) -> Ran {
    let mut worker = WorkerProcess::start(program, limits).await.expect("a worker");
    let (events, mut heard) = mpsc::channel(EVENTS_MAX);
    let end = worker.run(&assignment(dir, "fake", 7), &events, &CancellationToken::new()).await;
    drop(events);
    let mut list = vec![];
    while let Some(event) = heard.recv().await {
        list.push(event);
    }
    Ran { end, events: list, worker }
}

/// True while a process with this id runs (zombies do not count).
fn lives(id: u32) -> bool {
    let status = std::fs::read_to_string(format!("/proc/{id}/stat")).unwrap_or_default();
    status.rsplit(')').next().and_then(|rest| rest.split_whitespace().next()).is_some_and(|state| state != "Z")
}

/// Waits until it runs no longer: it was sent the signal, and a busy machine may take a moment to deliver it.
async fn gone(id: u32) {
    while lives(id) {
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
}

#[tokio::test]
async fn a_worker_does_job_after_job() {
    let dir = tempfile::tempdir().expect("a folder");
    let Ran { end, events, mut worker } = run(&program("ok", &[]), limits(), dir.path()).await;
    let Ok(JobEnd::Done(result)) = end else { panic!("{end:?}") };
    let WorkerResult::External { output, files } = *result else { panic!("{result:?}") };
    assert_eq!(output["pid"].as_u64(), worker.process_id().map(u64::from));
    assert_eq!(files, [PathBuf::from("out.txt")]);
    assert_eq!(events, [WorkerEvent::Started, WorkerEvent::Progress { training: None, done: Some(0.5) }]);
    assert!(worker.is_usable());
    let (events, _heard) = mpsc::channel(EVENTS_MAX);
    let again = worker.run(&assignment(dir.path(), "fake", 8), &events, &CancellationToken::new()).await;
    assert!(matches!(again, Ok(JobEnd::Done(_))), "{again:?}");
    worker.stop().await;
}

#[tokio::test]
async fn a_workers_own_error_is_not_a_crash() {
    let dir = tempfile::tempdir().expect("a folder");
    let Ran { end, mut worker, .. } = run(&program("error", &[]), limits(), dir.path()).await;
    assert_eq!(end, Ok(JobEnd::Failed { message: "no such opening".to_owned(), retry: false }));
    assert!(worker.is_usable());
}

#[tokio::test]
async fn floods_are_bounded_and_harmless() {
    let dir = tempfile::tempdir().expect("a folder");
    let Ran { end, events, .. } = run(&program("chatty", &[]), limits(), dir.path()).await;
    assert!(matches!(end, Ok(JobEnd::Done(_))), "{end:?}");
    assert_eq!(events.len(), EVENTS_MAX, "progress beyond the bound is dropped");
}

#[tokio::test]
async fn every_breach_of_the_protocol_kills_the_worker_and_says_why() {
    let cases = [
        (
            "garbage",
            "is no message and was killed: expected value at line 1 column 1; the line begins \"I am not JSON\"",
        ),
        ("long", "a line is longer than 1048576 bytes"),
        ("wrong-token", "it answered for job/test-7 with token 8 instead of 7"),
        ("wrong-job", "it answered for job/other while it ran job/test-7"),
        ("wrong-usage", "it reported net_share -0.5"),
        ("wrong-kind", "its result is not what a job of kind external brings"),
        ("traversal", "\"../outside\", which is not a relative path inside its scratch folder"),
        ("absolute", "\"/etc/hostname\", which is not a relative path inside its scratch folder"),
        ("symlink", "link is a symbolic link"),
        ("missing", "it named the file \"never-written\""),
        ("many", "it left 100 files; at most 64 are allowed"),
        ("large", "its output has 300002 bytes"),
        ("hello-twice", "it said hello twice"),
    ];
    for (mode, words) in cases {
        let dir = tempfile::tempdir().expect("a folder");
        let Ran { end, mut worker, .. } = run(&program(mode, &[]), limits(), dir.path()).await;
        let error = end.expect_err(mode).to_string();
        assert!(error.contains(words), "{mode}: {error}");
        assert!(!worker.is_usable(), "{mode}");
        assert_eq!(worker.process_id(), None, "{mode}: it is gone");
    }
}

#[tokio::test]
async fn a_death_is_reported_with_its_status_and_last_words() {
    let dir = tempfile::tempdir().expect("a folder");
    let Ran { end, .. } = run(&program("die", &[]), limits(), dir.path()).await;
    let error = end.expect_err("it died").to_string();
    assert_eq!(error, "worker die died (exit status: 3); it said: out of memory, sorry");
    let Ran { end, .. } = run(&program("half-line", &[]), limits(), dir.path()).await;
    assert!(matches!(end, Err(WorkerError::Died { .. })), "{end:?}");
}

#[tokio::test]
async fn a_worker_that_hangs_is_killed_after_the_stall_limit() {
    let dir = tempfile::tempdir().expect("a folder");
    let limits = WorkerLimits { stall_ms: 100, ..limits() };
    let Ran { end, worker, .. } = run(&program("hang", &[]), limits, dir.path()).await;
    assert_eq!(end, Err(WorkerError::Stalled { program: "hang".to_owned(), waited_ms: 100 }));
    assert_eq!(worker.process_id(), None);
}

#[tokio::test]
async fn programs_that_are_no_workers_are_refused() {
    let start = async |mode: &str, limits| WorkerProcess::start(&program(mode, &[]), limits).await.err();
    let short = WorkerLimits { hello_ms: 100, ..limits() };
    assert!(matches!(start("silent", short).await, Some(WorkerError::NoHello { .. })));
    assert!(matches!(start("cat", limits()).await, Some(WorkerError::Garbage { .. })));
    let died = start("exits", limits()).await.expect("it exits").to_string();
    assert_eq!(died, "worker exits died (exit status: 4); it said: no libtorch here");
    let protocol = start("protocol", limits()).await.expect("another version");
    assert_eq!(protocol, WorkerError::Protocol { program: "protocol".to_owned(), theirs: 2, ours: 1 });
    let missing = WorkerProgram { argv: vec!["/no/such/program".to_owned()], ..program("missing", &[]) };
    let error = WorkerProcess::start(&missing, limits()).await.err().expect("it is missing").to_string();
    assert_eq!(error, "cannot start worker missing (/no/such/program): No such file or directory (os error 2)");
}

#[tokio::test]
async fn a_cancelled_job_ends_with_or_without_the_workers_help() {
    let dir = tempfile::tempdir().expect("a folder");
    let cancel = CancellationToken::new();
    cancel.cancel();
    let (events, _heard) = mpsc::channel(EVENTS_MAX);
    let mut worker = WorkerProcess::start(&program("obedient", &[]), limits()).await.expect("a worker");
    let end = worker.run(&assignment(dir.path(), "fake", 1), &events, &cancel).await;
    assert_eq!(end, Ok(JobEnd::Cancelled));
    assert!(worker.is_usable(), "it may go on with the next job");
    let short = WorkerLimits { cancel_ms: 100, ..limits() };
    let mut worker = WorkerProcess::start(&program("hang", &[]), short).await.expect("a worker");
    let end = worker.run(&assignment(dir.path(), "fake", 2), &events, &cancel).await;
    assert_eq!(end, Err(WorkerError::Stalled { program: "hang".to_owned(), waited_ms: 100 }));
}

#[tokio::test]
async fn what_a_worker_started_dies_with_it() {
    let dir = tempfile::tempdir().expect("a folder");
    let note = dir.path().join("grandchild");
    let short = WorkerLimits { cancel_ms: 100, ..limits() };
    let mut worker = WorkerProcess::start(&program("family", &[&note]), short).await.expect("a worker");
    let (events, mut heard) = mpsc::channel(EVENTS_MAX);
    let cancel = CancellationToken::new();
    let job = assignment(dir.path(), "fake", 1);
    let forked = async {
        while !matches!(heard.recv().await, Some(WorkerEvent::Progress { .. })) {}
        cancel.cancel();
    };
    let (end, ()) = tokio::join!(worker.run(&job, &events, &cancel), forked);
    assert!(matches!(end, Err(WorkerError::Stalled { .. })), "{end:?}");
    let grandchild: u32 = std::fs::read_to_string(&note).expect("it forked").parse().expect("a number");
    gone(grandchild).await;
}

#[tokio::test]
async fn a_worker_that_ignores_every_request_is_killed_at_the_stop() {
    let stubborn = WorkerLimits { exit_ms: 100, ..limits() };
    let worker = WorkerProcess::start(&program("stubborn", &[]), stubborn).await.expect("a worker");
    let id = worker.process_id().expect("it runs");
    worker.stop().await;
    gone(id).await;
}

#[tokio::test]
async fn the_pool_keeps_good_workers_and_replaces_bad_ones() {
    let dir = tempfile::tempdir().expect("a folder");
    let pool = WorkerPool::new(vec![program("dies-once", &[&dir.path().join("died")])], 1, limits());
    let (events, _heard) = mpsc::channel(EVENTS_MAX);
    let cancel = CancellationToken::new();
    let first = pool.run(&assignment(dir.path(), "fake", 1), &events, &cancel).await;
    assert!(matches!(first, Err(WorkerError::Unfit { .. })), "nothing is known of the program yet: {first:?}");
    pool.tend().await;
    assert_eq!(pool.programs_offered().into_iter().collect::<Vec<_>>(), ["fake"]);
    let first = pool.run(&assignment(dir.path(), "fake", 2), &events, &cancel).await;
    assert!(matches!(first, Err(WorkerError::Died { .. })), "{first:?}");
    let mut ids = vec![];
    for token in 3..6 {
        let end = pool.run(&assignment(dir.path(), "fake", token), &events, &cancel).await;
        let Ok(JobEnd::Done(result)) = end else { panic!("{end:?}") };
        let WorkerResult::External { output, .. } = *result else { panic!("{result:?}") };
        ids.push(output["pid"].as_u64().expect("a number"));
    }
    assert!(ids.iter().all(|id| *id == ids[0]), "one worker did all three: {ids:?}");
    let other = pool.run(&assignment(dir.path(), "other", 9), &events, &cancel).await;
    assert_eq!(other, Err(WorkerError::Unfit { what: "the external program \"other\"".to_owned() }));
    pool.stop().await;
    gone(ids[0] as u32).await;
    let late = pool.run(&assignment(dir.path(), "fake", 10), &events, &cancel).await;
    assert_eq!(late, Err(WorkerError::Cancelled));
}

#[tokio::test]
async fn a_worker_is_replaced_after_its_last_job() {
    let dir = tempfile::tempdir().expect("a folder");
    let pool = WorkerPool::new(vec![program("ok", &[])], 1, WorkerLimits { jobs_max: 2, ..limits() });
    pool.tend().await;
    let (events, _heard) = mpsc::channel(EVENTS_MAX);
    let mut ids = vec![];
    for token in 1..=4 {
        let end = pool.run(&assignment(dir.path(), "fake", token), &events, &CancellationToken::new()).await;
        let Ok(JobEnd::Done(result)) = end else { panic!("{end:?}") };
        let WorkerResult::External { output, .. } = *result else { panic!("{result:?}") };
        ids.push(output["pid"].clone());
    }
    assert_eq!((&ids[0], &ids[2]), (&ids[1], &ids[3]));
    assert_ne!(ids[1], ids[2]);
    pool.stop().await;
}
