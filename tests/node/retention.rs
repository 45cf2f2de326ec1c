//! Retention: old history goes to the archive, a new member goes on from a snapshot, and the whole history can still be read.

use std::path::Path;
use std::time::{Duration, Instant};

use kifu::artifact::{Archive, whole_log};
use kifu::event::jobs::{ExternalSpec, JobSpec};
use kifu::event::{JobId, Kind, Millis, Seq};
use kifu::log::{LogReader, verify_on};
use kifu::node::api::{ClientError, Footer, Noun, Request, Response, Subscription, SubscriptionError, Target, Wanted};
use kifu::node::backup::Taken;
use kifu::node::retention::Retention;
use kifu::node::{Layout, backup};
use kifu::projection::State;
use kifu::replay::{Filter, History, Moment, Retained, RetainedLimits};
use kifu::replica::rebuild::rebuild;
use serde_json::Value;

use super::cluster::submit_job;
use super::support::{Machine, PATIENCE, ended, program};

/// Small segments and little that stays, so that history is archived within seconds.
fn retain(machine: &Machine) {
    let layout = Layout::new(&machine.data);
    let mut config = layout.load_config().expect("a configuration");
    let tight = Retention { keep_records: 20, segment_bytes: 64 << 10, every_s: 1, ..Retention::default() };
    config.retention = Some(tight);
    layout.save_config(&config).expect("written");
}

/// A job that nobody takes, with a long text, so that segments fill.
async fn submit(machine: &Machine, name: &str) -> Seq {
    let params = format!("{{\"words\":\"{}\"}}", "x".repeat(3_000));
    let spec = ExternalSpec { program: "nobody-runs-this".to_owned(), params, inputs: vec![] };
    submit_job(machine, JobId::new(name), JobSpec::External(spec)).await
}

/// What the node says of the past. A segment may go to the archive just when it is read; then it is asked again.
async fn digests(machine: &Machine, at: Seq) -> Vec<Value> {
    let ask = Box::new(Request::List { noun: Noun::Digests });
    let (request, deadline) = (Request::AsOf { at: Moment::Seq(at), ask }, Instant::now() + PATIENCE);
    loop {
        let answer = machine.ask(&request).await;
        if let Ok(Response::Rows { rows, .. }) = answer {
            return rows;
        }
        assert!(Instant::now() < deadline, "{answer:?}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// Takes a backup. A segment may go to the archive just when it is copied; then it is taken again.
async fn back_up(machine: &Machine, out: &Path) -> Taken {
    let deadline = Instant::now() + PATIENCE;
    loop {
        match backup::take(&Layout::new(&machine.data), out).await {
            Ok(taken) => return taken,
            Err(error) => assert!(Instant::now() < deadline, "{error}"),
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

fn base_of(machine: &Machine) -> Option<Seq> {
    let reader = LogReader::open(&machine.data.join("log")).ok()?;
    reader.base().ok().flatten().map(|base| base.seq)
}

/// Submits jobs until the log begins later.
async fn fill(machine: &Machine) -> Seq {
    let deadline = Instant::now() + PATIENCE;
    let mut number = 0;
    loop {
        submit(machine, &format!("job-{number}")).await;
        number += 1;
        if let Some(base) = base_of(machine) {
            return base;
        }
        assert!(Instant::now() < deadline, "nothing was archived after {number} jobs");
    }
}

/// The whole history is there, chained across the seam, and leads to the same state as the node has.
fn check_whole(data: &Path) {
    let archive = data.join("archive");
    let reader = whole_log(&data.join("log"), Some(&archive)).expect("an archive and a log");
    assert_eq!(reader.base().expect("readable"), None, "it begins at the beginning");
    let report = verify_on(reader.disk().clone(), &mut |_, _| {}).expect("a log");
    assert_eq!((report.problem_count, report.base), (0, None), "{report:?}");
    let mut state = State::new();
    let mut facts = 0;
    for record in reader.records(Seq(1)).expect("all records") {
        let record = record.expect("whole").decode().expect("known");
        facts += u64::from(record.draft.event.kind() == Kind::HistoryArchived);
        state.apply(&record);
    }
    let archived = Archive::load(&archive).expect("readable").expect("there is one");
    // Whoever stops in the middle of a round may have put one away that is not recorded yet.
    assert!(facts + 1 >= archived.segments().len() as u64, "each archived segment is a fact");
    let history = History::new(reader, Retained::read_only(data.join("none")));
    let last = report.last.expect("entries").seq;
    let made = history.state_at(last, &mut |_, _| {}).expect("the end");
    assert_eq!(made.state.digest(), state.digest());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn old_history_goes_to_the_archive_and_a_new_member_goes_on_from_a_snapshot() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut first = Machine::new(folder.path(), "n1");
    first.init(&["--cluster", "kept"]);
    retain(&first);
    first.start();
    first.wait_for("a leader", |status| status.hosts_online == 1).await;
    let early = submit(&first, "early").await;
    let before = digests(&first, early).await;
    let base = fill(&first).await;
    assert!(base > early);
    assert_eq!(digests(&first, early).await, before, "the past is answered from the archive");

    let mut second = Machine::new(folder.path(), "n2");
    second.join(&first, &[]);
    second.start();
    let status = second.wait_for("both members", |status| status.hosts_online == 2).await;
    let at = submit(&first, "later").await;
    assert!(status.seq <= at);
    let deadline = Instant::now() + PATIENCE;
    let of_first = digests(&first, at).await;
    while digests(&second, at).await != of_first {
        assert!(Instant::now() < deadline, "the new member has another state");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert!(!of_first.is_empty());
    assert!(base_of(&second).is_some_and(|own| own >= base), "it did not get what the first one let go of");
    what_is_not_here_is_refused(&first, &second, early).await;

    let out = folder.path().join("backup");
    let taken = back_up(&first, &out).await;
    assert!(taken.manifest.seq >= early && taken.manifest.segments[0].name.starts_with("00000000000000000000"));

    assert_eq!((second.stop(), first.stop()), (0, 0));
    check_whole(&first.data);
    first.start();
    first.wait_for("its own log again", |status| status.seq >= at).await;
    assert_eq!(first.stop(), 0);
    lose_the_projections(&mut first, at).await;
}

/// Without projections and without a snapshot a log that begins later says too little: the node names the way out, and it is one.
async fn lose_the_projections(machine: &mut Machine, at: Seq) {
    let layout = Layout::new(&machine.data);
    std::fs::remove_dir_all(layout.state()).expect("removed");
    std::fs::remove_file(layout.log().join("snapshot")).expect("removed");
    let output = program().args(["start", "--data"]).arg(&machine.data).output().expect("the program runs");
    let (code, words) = ended(&output);
    assert!(code != 0 && words.contains("kifu-replay rebuild"), "{code}: {words}");
    let reader = whole_log(&layout.log(), Some(&machine.data.join("archive"))).expect("an archive and a log");
    let retained = Retained::owned(layout.checkpoints(), RetainedLimits::default()).expect("a folder");
    let rebuilt = rebuild(&reader, &layout.state(), &retained, &mut |_| {}).expect("from all of history");
    assert!(rebuilt.seq >= at);
    machine.start();
    machine.wait_for("what was rebuilt", |status| status.seq >= at).await;
}

/// A member that does not hold a time says so, and does not answer with a later state.
async fn what_is_not_here_is_refused(first: &Machine, second: &Machine, early: Seq) {
    let status = |at| Request::AsOf { at, ask: Box::new(Request::Status) };
    let Ok(Response::Rows { footer, .. }) = first.ask(&status(Moment::Seq(early))).await else { panic!("no rows") };
    let time = Moment::Time(footer.as_of.expect("a moment").recorded_at);
    assert!(matches!(first.ask(&status(time)).await, Ok(Response::Rows { .. })), "the archive holds it");
    let refused = second.ask(&status(time)).await.expect_err("it never had that");
    assert!(refused.contains("nothing of it is as old as"), "{refused}");
    let target = Target::of_this_data_dir(&second.data).expect("it runs");
    let hear = |from, since| {
        let filter = Filter { since, ..Filter::default() };
        Subscription::remote(target.clone(), Wanted { from: Seq(from), filter, limit: Some(1), ..Wanted::default() })
    };
    let begins = footer_of(second).await.begins.expect("its log begins later");
    let heard = hear(0, None).next().await.expect("what it holds").expect("a record");
    assert_eq!(heard.seq, begins, "who names no position hears what the log holds");
    let heard = hear(1, Some(heard.recorded_at)).next().await.expect("it holds that time").expect("a record");
    assert_eq!(heard.seq, begins);
    for (from, since) in [(1, None), (1, Some(Millis(1)))] {
        let refused = hear(from, since).next().await.expect_err("it never had that");
        assert!(
            matches!(&refused, SubscriptionError::Client(ClientError::Refused { code, .. }) if code == "not_found")
        );
    }
}

async fn footer_of(machine: &Machine) -> Footer {
    match machine.ask(&Request::Status).await {
        Ok(Response::Rows { footer, .. }) => footer,
        other => panic!("{other:?}"),
    }
}
