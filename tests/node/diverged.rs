//! A node whose fold is another than everybody else's: it notices, the log says so, and so does every node.

use std::path::Path;
use std::time::{Duration, Instant};

use kifu::event::jobs::{ExternalSpec, JobSpec};
use kifu::event::{FORMAT_VERSION, JobId, Kind};
use kifu::node::Layout;
use kifu::node::api::{Noun, Request};
use kifu::projection::Store;
use serde_json::Value;

use super::cluster::{events, submit_job};
use super::http::get;
use super::running::Running;
use super::support::{Machine, PATIENCE};

/// Changes a row of a stopped node's checkpoint. Its digest is made to fit, so that nothing is wrong with the file: as a bug in a
/// fold would leave it.
fn falsify(data: &Path) {
    // The run in this process may still be letting go of it: its last connections end by themselves.
    let deadline = Instant::now() + PATIENCE;
    let store = loop {
        match Store::open(&Layout::new(data).state()) {
            Ok(store) => break store,
            Err(error) => assert!(Instant::now() < deadline, "{error}"),
        }
    };
    let mut state = store.load().expect("readable").expect("a checkpoint");
    let note = store.note().expect("readable").expect("a note");
    let changed = state.counts.table.update(&Kind::NodeJoined.number(), |row| row.records += 1);
    assert!(changed, "nodes have joined");
    store.save(&mut state, &note).expect("written");
    store.flush().expect("written");
}

/// A job that nobody takes.
async fn submit(machine: &Machine, number: u32) {
    let spec = ExternalSpec { program: "nobody-runs-this".to_owned(), params: "{}".to_owned(), inputs: vec![] };
    submit_job(machine, JobId::new(format!("job-{number}")), JobSpec::External(spec)).await;
}

/// What a node says of the projection that was changed.
async fn counts(machine: &Machine) -> Option<Value> {
    let rows = machine.rows(&Request::List { noun: Noun::Projections }).await;
    rows.into_iter().find(|row| row["id"] == "projection/counts")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_fold_that_differs_is_a_record_a_metric_and_a_line_of_every_node() {
    let folder = tempfile::tempdir().expect("a folder");
    let config = folder.path().join("often.toml");
    std::fs::write(&config, "[cluster]\ndigest_every = 5\n").expect("written");
    let [first, second] = ["n1", "n2"].map(|name| Machine::new(folder.path(), name));
    first.init(&["--config", config.to_str().expect("text")]);
    let leader = Running::start(&first, FORMAT_VERSION).await;
    first.wait_for("a leader", |status| status.hosts_online == 1).await;
    second.join(&first, &[]);
    let follower = Running::start(&second, FORMAT_VERSION).await;
    second.wait_for("both members", |status| status.hosts_online == 2).await;
    follower.stop().await;
    falsify(&second.data);

    let follower = Running::start(&second, FORMAT_VERSION).await;
    let deadline = Instant::now() + PATIENCE;
    let mut number = 0;
    let record = loop {
        submit(&first, number).await;
        number += 1;
        if let Some(record) = events(&first, &[Kind::ProjectionDiverged]).await.pop() {
            break record;
        }
        assert!(Instant::now() < deadline, "nobody noticed in {number} jobs");
    };
    let id = Layout::new(&second.data).load_config().expect("a configuration").node;
    assert_eq!((&record["body"]["projection"], &record["body"]["host"]), (&"counts".into(), &id.to_string().into()));
    assert_ne!(record["body"]["expected"], record["body"]["found"]);
    for machine in [&first, &second] {
        let shown = loop {
            let row = counts(machine).await;
            if let Some(row) = row.filter(|row| row["diverged"]["n2"].as_u64() >= Some(1)) {
                break row;
            }
            assert!(Instant::now() < deadline, "it is not shown");
            tokio::time::sleep(Duration::from_millis(50)).await;
        };
        assert_eq!(shown["agrees"] == false, std::ptr::eq(machine, &second), "only one of them is wrong: {shown}");
        let (_, metrics) = get(machine, "/metrics");
        let line = "kifu_projection_divergences{projection=\"counts\",host=\"n2\"} ";
        assert!(metrics.contains(line), "{metrics}");
        let agrees = metrics.lines().find(|line| line.starts_with("kifu_projection_agrees{projection=\"counts\"}"));
        let expected = if std::ptr::eq(machine, &second) { " 0" } else { " 1" };
        assert!(agrees.is_none_or(|line| line.ends_with(expected)), "{agrees:?}");
    }
    for node in [follower, leader] {
        node.stop().await;
    }
}
