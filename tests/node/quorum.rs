//! The loss of the quorum: everybody who is left says so, goes on with what needs no quorum, and recovers by itself.

use std::path::Path;
use std::time::{Duration, Instant};

use kifu::cli::ExitCode;
use kifu::event::cluster::QuorumHealth;
use kifu::event::jobs::{ExternalSpec, JobSpec};
use kifu::event::{JobId, Kind};
use kifu::node::api::Request;
use kifu::node::api::status::Status;
use serde_json::{Value, json};

use super::cluster::{cluster, events, submit_job};
use super::http::{get, try_get};
use super::support::{Machine, PATIENCE, program};

/// The exit code of `kifu-node status`, and its row.
fn status(machine: &Machine) -> (i32, Value) {
    let output = program().args(["status", "-o", "json", "--data"]).arg(&machine.data).output();
    let output = output.expect("the program runs");
    let rows: Vec<Value> = serde_json::from_slice(&output.stdout).unwrap_or_default();
    (output.status.code().unwrap_or(-1), rows.into_iter().next().unwrap_or_default())
}

/// The value of a figure, with its labels if it has any.
pub fn figure(machine: &Machine, name: &str) -> Option<u64> {
    let (_, body) = try_get(machine, "/metrics")?;
    body.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' ')?.parse().ok())
}

pub async fn wait_until(what: &str, met: impl Fn() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !met() {
        assert!(Instant::now() < deadline, "waited in vain for {what}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// Waits until `machine` says in every way that the quorum is lost.
async fn lost(machine: &Machine) {
    let unhealthy = i32::from(ExitCode::Unhealthy.number());
    wait_until("the loss to be seen", || {
        let (code, row) = status(machine);
        code == unhealthy && row["health"] == "lost" && row["leader"].is_null()
    })
    .await;
    let (head, body) = get(machine, "/readyz");
    assert_eq!(
        (head.as_str(), body.as_str()),
        ("HTTP/1.1 503 Service Unavailable", "not ready: no leader with a quorum is known\n")
    );
    for (name, value) in [
        ("kifu_voters", 3),
        ("kifu_raft_is_leader", 0),
        ("kifu_quorum_health{health=\"lost\"}", 1),
        ("kifu_quorum_health{health=\"healthy\"}", 0),
    ] {
        // Figures that were asked for a moment ago are given once more.
        wait_until(name, || figure(machine, name) == Some(value)).await;
    }
}

/// Waits until `machine` says that it hears nobody else.
async fn alone(machine: &Machine) {
    wait_until("the others to fall silent", || figure(machine, "kifu_voters_online") == Some(1)).await;
}

/// Waits until all three are there and ready.
pub async fn healthy(machines: &[Machine; 3]) {
    for machine in machines {
        let whole =
            |status: &Status| (status.health, status.voters, status.hosts_online) == (QuorumHealth::Healthy, 3, 3);
        machine.wait_for("all to be back", whole).await;
        wait_until("the others to be heard", || figure(machine, "kifu_voters_online") == Some(3)).await;
        wait_until("being ready", || get(machine, "/readyz").0 == "HTTP/1.1 200 OK").await;
        wait_until("being healthy", || figure(machine, "kifu_quorum_health{health=\"healthy\"}") == Some(1)).await;
        wait_until("a good status", || status(machine).0 == 0).await;
    }
    wait_until("one that leads", || {
        let leads = |machine: &&Machine| figure(machine, "kifu_raft_is_leader") == Some(1);
        let leaders: Vec<&Machine> = machines.iter().filter(leads).collect();
        leaders.len() == 1 && figure(leaders[0], "kifu_quorum_ack_age_milliseconds").is_some()
    })
    .await;
}

/// Which machine leads, as all of them say.
pub async fn leader(machines: &[Machine; 3]) -> usize {
    let name = machines[0].wait_for("a leader", |status| status.leader.is_some()).await.leader.expect("a leader");
    machines.iter().position(|machine| machine.data.ends_with(&name)).expect("one of the three")
}

fn others(of: usize) -> [usize; 2] {
    [(of + 1) % 3, (of + 2) % 3]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_leader_without_followers_and_a_follower_without_others_say_that_the_quorum_is_lost() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut machines = cluster(folder.path()).await;
    healthy(&machines).await;

    let left = leader(&machines).await;
    others(left).into_iter().for_each(|other| machines[other].kill());
    lost(&machines[left]).await;
    alone(&machines[left]).await;
    others(left).into_iter().for_each(|other| machines[other].start());
    healthy(&machines).await;

    let dead = leader(&machines).await;
    let left = others(dead)[0];
    others(left).into_iter().for_each(|other| machines[other].kill());
    lost(&machines[left]).await;
    alone(&machines[left]).await;
    others(left).into_iter().for_each(|other| machines[other].start());
    healthy(&machines).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_loss_is_seen_while_the_others_stand_still_and_over_when_they_go_on() {
    let folder = tempfile::tempdir().expect("a folder");
    let machines = cluster(folder.path()).await;
    healthy(&machines).await;
    let leading = leader(&machines).await;
    for left in [leading, others(leading)[0]] {
        others(left).into_iter().for_each(|other| machines[other].pause());
        lost(&machines[left]).await;
        alone(&machines[left]).await;
        others(left).into_iter().for_each(|other| machines[other].resume());
        healthy(&machines).await;
    }
}

/// Submits a job that takes until the file appears.
async fn submit_wait(machine: &Machine, until: &Path, said: &Path) {
    let params = json!({"until": until, "said": said}).to_string();
    let spec = ExternalSpec { program: "wait".to_owned(), params, inputs: vec![] };
    submit_job(machine, JobId::new("wait"), JobSpec::External(spec)).await;
}

/// Waits until the job's row on `machine` is in this state.
async fn job_is(machine: &Machine, state: &str) {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let rows = machine.rows(&Request::Get { id: "job/wait".to_owned() }).await;
        if rows.iter().any(|row| row["id"] == "job/wait" && row["state"] == state) {
            return;
        }
        assert!(Instant::now() < deadline, "the job is never {state}: {rows:?}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn work_that_is_leased_goes_on_without_a_quorum_and_its_result_is_recorded_once() {
    let folder = tempfile::tempdir().expect("a folder");
    let (until, said) = (folder.path().join("until"), folder.path().join("said"));
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/node/waiting_worker.py");
    let worker = format!("python3 {}", script.display());
    let mut machines = ["n1", "n2", "n3"].map(|name| Machine::new(folder.path(), name));
    let [first, second, third] = &mut machines;
    // On a busy machine a host may be silent for seconds. It is not to lose its job, which would then be claimed twice.
    let config = folder.path().join("patient.toml");
    std::fs::write(&config, "[cluster]\nhost_timeout_ms = 60000\n").expect("written");
    first.init(&["--config", config.to_str().expect("text")]);
    first.start();
    first.wait_for("a leader", |status| status.hosts_online == 1).await;
    second.join(first, &[]);
    second.start();
    third.join(first, &["--worker", &worker]);
    third.start();
    healthy(&machines).await;
    while leader(&machines).await == 2 {
        // The one that works is to follow.
        super::running::lead(&machines[0], "n1").await;
    }
    submit_wait(&machines[0], &until, &said).await;
    job_is(&machines[2], "running").await;

    machines[0].kill();
    machines[1].kill();
    lost(&machines[2]).await;
    let before = figure(&machines[2], "kifu_outbox_proposals").expect("a figure");
    std::fs::write(&until, b"").expect("a file");
    wait_until("the worker to finish", || said.exists()).await;
    wait_until("the result to wait", || figure(&machines[2], "kifu_outbox_proposals") > Some(before)).await;
    job_is(&machines[2], "running").await;

    machines[0].start();
    machines[1].start();
    healthy(&machines).await;
    for machine in &machines {
        job_is(machine, "done").await;
        let records = events(machine, &[Kind::JobClaimed, Kind::JobCompleted]).await;
        let kinds: Vec<&Value> = records.iter().map(|record| &record["kind"]).collect();
        assert_eq!(kinds, ["JOB_CLAIMED", "JOB_COMPLETED"], "one attempt, completed once: {records:?}");
        // The answer to the last proposal, and figures that are made anew, may come a moment later.
        wait_until("the outbox to drain", || figure(machine, "kifu_outbox_proposals") == Some(0)).await;
    }
}
