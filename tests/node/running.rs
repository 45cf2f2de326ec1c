//! Nodes in the test's own process: as builds of any format version.

use std::time::Instant;

use kifu::cli::ExitCode;
use kifu::node::{Layout, Node, NodeError};
use kifu::replica::Timing;
use serde_json::Value;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::support::{Machine, PATIENCE, ended, program};

/// How long whoever was asked to lead may take.
const ASK_AGAIN: std::time::Duration = std::time::Duration::from_secs(5);

/// A node that runs in this process.
pub struct Running {
    stop: CancellationToken,
    task: JoinHandle<Result<(), NodeError>>,
}

impl Running {
    /// Starts the node of a machine as a build that reads this format version.
    pub async fn start(machine: &Machine, format: u32) -> Running {
        // The last run in this process may still be letting go of its files: its last connections end by themselves.
        let deadline = Instant::now() + PATIENCE;
        let node = loop {
            match Node::start_reading(Layout::new(&machine.data), Timing::WAN, format).await {
                Ok(node) => break node,
                Err(error) => assert!(Instant::now() < deadline, "it does not start: {error}"),
            }
            tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        };
        let stop = CancellationToken::new();
        let task = tokio::spawn(node.run(stop.clone()));
        Running { stop, task }
    }

    /// Asks it to stop, and waits until it has.
    pub async fn stop(self) {
        self.stop.cancel();
        self.task.await.expect("no panic").expect("a good end");
    }

    /// Waits until it ends by itself, and says why.
    pub async fn end(self) -> NodeError {
        let ended = tokio::time::timeout(PATIENCE, self.task).await.expect("it ends in time");
        ended.expect("no panic").expect_err("a reason")
    }
}

/// What `kifu-node members …` prints as JSON, or its exit code and words.
pub async fn members(machine: &Machine, words: &[&str]) -> Result<Vec<Value>, (i32, String)> {
    let mut command = program();
    command.arg("members").args(words).args(["-o", "json", "--data"]).arg(&machine.data);
    let run = tokio::task::spawn_blocking(move || command.output().expect("the program runs"));
    let output = run.await.expect("no panic");
    match output.status.success() {
        true => Ok(serde_json::from_slice(&output.stdout).expect("JSON rows")),
        false => Err(ended(&output)),
    }
}

/// The same, asked again while nobody leads or answers. All changes can be asked for twice but a removal: when the first answer is lost,
/// the second is that there is no such member, and that is as good.
pub async fn insist(machine: &Machine, words: &[&str]) -> Result<Vec<Value>, (i32, String)> {
    let unavailable = i32::from(ExitCode::Unavailable.number());
    let (mut was_lost, deadline) = (false, Instant::now() + PATIENCE);
    loop {
        match members(machine, words).await {
            Err((code, _)) if code == unavailable && Instant::now() < deadline => was_lost = true,
            Err((_, why)) if was_lost && words[0] == "remove" && why.contains("no member") => return Ok(vec![]),
            other => return other,
        }
        tokio::time::sleep(std::time::Duration::from_millis(200)).await;
    }
}

/// Has a member lead. One that does not take over in time leaves the old leader in its place, so it is asked until it does.
pub async fn lead(machine: &Machine, name: &str) {
    let (id, deadline) = (format!("host/{name}"), Instant::now() + PATIENCE);
    loop {
        insist(machine, &["transfer", name]).await.expect("the transfer");
        let again = Instant::now() + ASK_AGAIN;
        while Instant::now() < again {
            let rows = members(machine, &["list"]).await.unwrap_or_default();
            if rows.iter().any(|row| row["id"] == id.as_str() && row["leader"] == true) {
                return;
            }
            tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        }
        assert!(Instant::now() < deadline, "{name} never leads");
    }
}

/// Waits until a member's row is as wanted, and returns it.
pub async fn member(machine: &Machine, name: &str, what: &str, wanted: impl Fn(&Value) -> bool) -> Value {
    let (id, deadline) = (format!("host/{name}"), Instant::now() + PATIENCE);
    loop {
        let rows = members(machine, &["list"]).await;
        let row = rows.as_ref().ok().and_then(|rows| rows.iter().find(|row| row["id"] == id.as_str()));
        if let Some(row) = row.filter(|row| wanted(row)) {
            return row.clone();
        }
        assert!(Instant::now() < deadline, "{name} waits in vain for {what}: {rows:?}");
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
}

/// Makes machines `n1` … and starts their nodes, all of one format version; waits until all are online and three vote.
pub async fn cluster(folder: &std::path::Path, count: usize, format: u32) -> (Vec<Machine>, Vec<Running>) {
    let machines: Vec<Machine> = (1..=count).map(|number| Machine::new(folder, &format!("n{number}"))).collect();
    machines[0].init(&[]);
    let mut running = vec![Running::start(&machines[0], format).await];
    machines[0].wait_for("a leader", |status| status.hosts_online == 1).await;
    for machine in &machines[1..] {
        machine.join(&machines[0], &[]);
        running.push(Running::start(machine, format).await);
    }
    for machine in &machines {
        machine.wait_for("three voters", |status| (status.hosts_online as usize, status.voters) == (count, 3)).await;
    }
    (machines, running)
}
