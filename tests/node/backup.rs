//! Backups of a running node, and the way back into a new cluster.

use std::path::Path;

use kifu::event::jobs::{ExternalSpec, JobSpec};
use kifu::event::{JobId, Seq};
use kifu::node::api::status::Status;
use kifu::node::api::{Noun, Request, Response};
use kifu::node::backup::Manifest;
use kifu::node::{Layout, NodeOptions, backup};
use kifu::projection::Store;
use kifu::replay::{History, Moment, Retained, RetainedLimits};
use kifu::replica::rebuild::rebuild;
use serde_json::Value;

use super::cluster::submit_job;
use super::support::{Machine, ended, program};

async fn submit(machine: &Machine, name: &str) -> Seq {
    let spec = ExternalSpec { program: "nobody-runs-this".to_owned(), params: "{}".to_owned(), inputs: vec![] };
    submit_job(machine, JobId::new(name), JobSpec::External(spec)).await
}

fn take(machine: &Machine, out: &Path) -> (i32, String) {
    let output = program().args(["backup", "--data"]).arg(&machine.data).arg("--out").arg(out).output();
    ended(&output.expect("the program runs"))
}

fn restore(machine: &Machine, from: &Path, at: Seq) -> (i32, String) {
    let from = from.to_str().expect("text");
    ended(&machine.make(&["restore", "--from", from, "--at", &at.to_string()]))
}

async fn digests(machine: &Machine, at: Seq) -> Vec<Value> {
    let ask = Box::new(Request::List { noun: Noun::Digests });
    machine.rows(&Request::AsOf { at: Moment::Seq(at), ask }).await
}

/// When a record was recorded, as people write it.
async fn recorded_at(machine: &Machine, seq: Seq) -> String {
    let ask = Box::new(Request::Status);
    match machine.ask(&Request::AsOf { at: Moment::Seq(seq), ask }).await {
        Ok(Response::Rows { footer, .. }) => footer.as_of.expect("a moment").recorded_at.to_string(),
        other => panic!("{other:?}"),
    }
}

/// The jobs in the log of a data directory on which no node ever ran.
fn held(data: &Path) -> Vec<String> {
    let history = History::open(&data.join("log"), Retained::read_only(data.join("none"))).expect("a log");
    let last = history.reader().last().expect("readable").expect("records").seq;
    let made = history.state_at(last, &mut |_, _| {}).expect("the end");
    made.state.jobs.queued().map(|row| row.job.to_string()).collect()
}

async fn jobs(machine: &Machine) -> Vec<String> {
    let rows = machine.rows(&Request::List { noun: Noun::Jobs }).await;
    rows.iter().filter_map(|row| Some(row["id"].as_str()?.to_owned())).collect()
}

/// Backs up until the backup holds `seq`: the committed position is written beside the log a moment later.
fn take_until(machine: &Machine, out: &Path, seq: Seq) -> Manifest {
    let deadline = std::time::Instant::now() + super::support::PATIENCE;
    loop {
        let (code, words) = take(machine, out);
        assert_eq!(code, 0, "{words}");
        let manifest = Manifest::load(out).expect("readable").expect("a manifest");
        if manifest.seq >= seq {
            return manifest;
        }
        assert!(std::time::Instant::now() < deadline, "{manifest:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_running_node_is_backed_up_and_restored_into_a_new_cluster_with_the_same_history() {
    let folder = tempfile::tempdir().expect("a folder");
    let out = folder.path().join("backup");
    let mut old = Machine::new(folder.path(), "old");
    old.init(&["--cluster", "first"]);
    old.start();
    let before = old.wait_for("a leader", |status| status.hosts_online == 1).await;
    let first = submit(&old, "one").await;
    take_until(&old, &out, first);
    let second = submit(&old, "two").await;
    let manifest = take_until(&old, &out, second);
    assert_eq!((manifest.name.as_str(), manifest.missing.len()), ("first", 0));

    let mut early = Machine::new(folder.path(), "early");
    let (code, words) = restore(&early, &out, first);
    assert_eq!(code, 0, "{words}");
    let then = recorded_at(&old, first).await;
    let by_time = Machine::new(folder.path(), "by-time");
    let (code, words) = ended(&by_time.make(&["restore", "--from", out.to_str().expect("text"), "--at", &then]));
    assert_eq!(code, 0, "{words}");
    assert_eq!(held(&by_time.data), ["job/one"], "all that was recorded up to then, and no more");
    let mut whole = Machine::new(folder.path(), "whole");
    let (code, words) = restore(&whole, &out, manifest.seq);
    assert_eq!(code, 0, "{words}");
    let (code, words) = restore(&whole, &out, manifest.seq);
    assert_eq!(code, 5, "the folder is in use: {words}");
    for (machine, name) in [(&mut early, "early"), (&mut whole, "whole")] {
        machine.start();
        let leads = |status: &Status| status.leader.as_deref() == Some(name) && status.hosts_online == 1;
        let status = machine.wait_for("its own cluster", leads).await;
        assert_eq!(status.hosts, 1, "the old members are gone");
        assert!(status.term > before.term, "terms go on");
        assert_eq!(status.cluster.as_deref(), Some("first"));
        assert_eq!(digests(machine, first).await, digests(&old, first).await, "the same history");
    }
    assert_eq!(digests(&whole, manifest.seq).await, digests(&old, manifest.seq).await);
    assert_eq!(jobs(&early).await, ["job/one"]);
    assert_eq!(jobs(&whole).await, ["job/one", "job/two"]);
    submit(&early, "another-two").await;
    let mut joined = Machine::new(folder.path(), "joined");
    joined.join(&early, &[]);
    joined.start();
    joined.wait_for("two members", |status| status.hosts_online == 2).await;
    assert_eq!(jobs(&old).await, ["job/one", "job/two"], "the old cluster never noticed");
    for machine in [&mut old, &mut early, &mut whole, &mut joined] {
        assert_eq!(machine.stop(), 0);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_damaged_backup_and_one_of_another_cluster_are_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let out = folder.path().join("backup");
    let mut machines = ["a", "b"].map(|name| Machine::new(folder.path(), name));
    for machine in &mut machines {
        machine.init(&[]);
        machine.start();
        machine.wait_for("a leader", |status| status.hosts_online == 1).await;
    }
    let seq = submit(&machines[0], "one").await;
    let manifest = take_until(&machines[0], &out, seq);
    let (code, words) = take(&machines[1], &out);
    assert_ne!(code, 0);
    assert!(words.contains("a backup of another cluster"), "{words}");
    let segment = out.join("log").join(&manifest.segments[0].name);
    let mut bytes = std::fs::read(&segment).expect("a segment");
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&segment, bytes).expect("written");
    let target = Machine::new(folder.path(), "target");
    let (code, words) = restore(&target, &out, seq);
    assert_ne!(code, 0);
    assert!(words.contains("its bytes are not those that were written"), "{words}");
    assert!(!target.data.join("node.toml").exists(), "no data directory came into being");
    take_until(&machines[0], &out, seq);
    let (code, words) = restore(&target, &out, seq);
    assert_eq!(code, 0, "the next backup mended the copy: {words}");
}

/// A node that was killed may have noted less than it had committed.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backup_never_ends_earlier_than_the_one_before() {
    let folder = tempfile::tempdir().expect("a folder");
    let out = folder.path().join("backup");
    let mut machine = Machine::new(folder.path(), "n1");
    machine.init(&[]);
    machine.start();
    machine.wait_for("a leader", |status| status.hosts_online == 1).await;
    let seq = submit(&machine, "one").await;
    let before = take_until(&machine, &out, seq);
    machine.kill();
    std::fs::remove_file(machine.data.join("log/committed")).expect("it was there");
    let (code, words) = take(&machine, &out);
    assert_eq!(code, 0, "{words}");
    let after = Manifest::load(&out).expect("readable").expect("a manifest");
    assert!(after.seq >= before.seq, "{} after {}", after.seq, before.seq);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn projections_and_snapshots_are_rebuilt_from_the_log_alone() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut machine = Machine::new(folder.path(), "n1");
    machine.init(&[]);
    machine.start();
    machine.wait_for("a leader", |status| status.hosts_online == 1).await;
    let seq = submit(&machine, "one").await;
    assert_eq!(machine.stop(), 0);
    let layout = Layout::new(&machine.data);
    let saved = Store::open(&layout.state()).expect("a store").load().expect("rows").expect("a checkpoint");
    assert!(saved.seq >= seq);
    std::fs::remove_dir_all(layout.state()).expect("removed");
    std::fs::remove_dir_all(layout.checkpoints()).expect("removed");
    let history = History::open(&layout.log(), Retained::read_only(layout.checkpoints())).expect("a log");
    let retained = Retained::owned(layout.checkpoints(), RetainedLimits::default()).expect("a folder");
    let mut heard = 0;
    let made = rebuild(history.reader(), &layout.state(), &retained, &mut |done| heard = done).expect("rebuilt");
    assert_eq!((made.seq, made.digest, heard), (saved.seq, saved.digest(), saved.seq.0));
    let again = Store::open(&layout.state()).expect("a store").load().expect("rows").expect("a checkpoint");
    assert_eq!(again.digest(), saved.digest());
    machine.start();
    machine.wait_for("going on from there", |status| status.hosts_online == 1 && status.seq > saved.seq).await;
    assert_eq!(jobs(&machine).await, ["job/one"]);
    assert_eq!(machine.stop(), 0);
}

#[tokio::test]
async fn what_holds_no_history_is_no_backup_and_cannot_be_backed_up() {
    let folder = tempfile::tempdir().expect("a folder");
    let machine = Machine::new(folder.path(), "n1");
    machine.init(&[]);
    let error = backup::take(&Layout::new(&machine.data), &folder.path().join("out")).await.expect_err("no log yet");
    assert!(error.to_string().contains("log"), "{error}");
    let options = NodeOptions {
        name: "n2".to_owned(),
        listen: machine.listen.clone(),
        http: machine.http.clone(),
        slots: 1,
        workers: vec![],
    };
    let options = backup::RestoreOptions { node: options, cluster: None, at: None };
    let target = Layout::new(folder.path().join("n2"));
    let error = backup::restore(folder.path(), &target, options, &mut |_| {}).expect_err("no backup");
    assert!(error.to_string().contains("it is no backup"), "{error}");
    assert!(!target.root().exists());
}
