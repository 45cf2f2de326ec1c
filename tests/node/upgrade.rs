//! Two builds of different format versions in one cluster: nothing newer is written before all can read it, and a node that
//! cannot read the log any further keeps it, votes, says so, and goes on after its upgrade.

use std::time::{Duration, Instant};

use kifu::cli::ExitCode;
use kifu::event::config::Config;
use kifu::event::{FORMAT_VERSION, Real};
use kifu::node::api::status::Status;
use kifu::node::api::{Noun, Request, Response};

use super::http::get;
use super::quorum::wait_until;
use super::running::{Running, cluster, insist};
use super::support::{Machine, PATIENCE};

/// Stops a node and starts it as a build of another format version. Waits until it has heard that it is back: what it held before says
/// that all are there, too.
async fn restart(machines: &[Machine], running: &mut Vec<Running>, number: usize, format: u32) {
    running.remove(number).stop().await;
    let left = &machines[(number + 1) % machines.len()];
    let gone = left.wait_for("it to be gone", |status| status.hosts_online == 2).await.seq;
    running.insert(number, Running::start(&machines[number], format).await);
    let back = |status: &Status| (status.hosts_online, status.voters) == (3, 3) && status.seq > gone;
    machines[number].wait_for("being back", back).await;
}

/// Waits until all machines have the same rows at the same position.
async fn agree(machines: &[Machine]) {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let mut seen = vec![];
        for machine in machines {
            if let Ok(Response::Rows { rows, footer }) = machine.ask(&Request::List { noun: Noun::Digests }).await {
                seen.push((footer.seq, rows));
            }
        }
        if seen.len() == machines.len() && seen.iter().all(|other| *other == seen[0]) {
            return;
        }
        assert!(Instant::now() < deadline, "the nodes do not agree");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// Before members had roles: the first format.
const OLD: u32 = 1;

/// Changes the configuration: games of a generation, and a figure that came with format version 3. Asks again while nobody leads.
async fn configured(machine: &Machine, games: u32, elo1: Option<Real>) -> Result<Response, String> {
    let mut config = Config::default();
    config.self_play.games = games;
    config.judgement.elo1 = elo1;
    let request = Request::ChangeConfig { config: Box::new(config) };
    let deadline = Instant::now() + PATIENCE;
    loop {
        match machine.ask(&request).await {
            Err(words) if !words.contains("needs format version") && Instant::now() < deadline => {
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
            other => return other,
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_cluster_is_upgraded_node_by_node_and_a_node_that_is_too_old_waits() {
    let folder = tempfile::tempdir().expect("a folder");
    let (machines, mut running) = cluster(folder.path(), 3, OLD).await;
    let configure = |stable: &'static str| ["configure", "--learner-stable", stable];

    // An old build reads a configuration in its own shape, and none that says more.
    configured(&machines[1], 7, None).await.expect("an old build can read it");
    let refused = configured(&machines[1], 8, Some(Real(5_000_000))).await.expect_err("an old build could not read it");
    assert!(refused.contains("needs format version 3"), "{refused}");

    // One by one; as long as one is old, nothing newer is written.
    for number in [1, 2, 0] {
        let refused = insist(&machines[0], &configure("50s")).await.expect_err("an old build could not read it");
        assert_eq!(refused.0, i32::from(ExitCode::Conflict.number()), "{}", refused.1);
        assert!(refused.1.contains("needs format version 2"), "{}", refused.1);
        restart(&machines, &mut running, number, FORMAT_VERSION).await;
    }
    for machine in &machines {
        machine.wait_for("the raise", |status| status.version == FORMAT_VERSION).await;
    }
    insist(&machines[1], &configure("51s")).await.expect("all can read it now");
    configured(&machines[1], 9, Some(Real(5_000_000))).await.expect("all can read it now");

    // The third is started as the old build by mistake, and meets what it cannot read.
    running.remove(2).stop().await;
    running.push(Running::start(&machines[2], OLD).await);
    machines[0].wait_for("it to be back", |status| status.hosts_online == 3).await;
    insist(&machines[0], &configure("52s")).await.expect("a quorum");
    let status = machines[2].wait_for("the halt", |status| status.upgrade_needed.is_some()).await;
    assert!(status.upgrade_needed.as_deref().is_some_and(|words| words.contains("upgrade needed")), "{status:?}");
    // While nobody is known to lead, that is what it says first.
    wait_until("it to say so", || {
        let (head, body) = get(&machines[2], "/readyz");
        head.starts_with("HTTP/1.1 503") && body.contains("upgrade needed")
    })
    .await;
    let halted_at = status.seq;

    // It keeps the log and votes: with one of the others away, its word makes the quorum.
    let away = usize::from(machines[1].status().await.and_then(|status| status.leader).as_deref() == Some("n2"));
    let (left, gone) = (1 - away, away);
    running.remove(gone).stop().await;
    machines[left].wait_for("leading", |status| status.leader.as_deref() == Some(["n1", "n2"][left])).await;
    insist(&machines[left], &configure("53s")).await.expect("the two are a quorum");
    assert_eq!(machines[2].status().await.map(|status| status.seq), Some(halted_at), "it folds nothing meanwhile");

    // Upgraded, it goes on where it stood.
    running.pop().expect("the third").stop().await;
    running.push(Running::start(&machines[2], FORMAT_VERSION).await);
    running.insert(gone, Running::start(&machines[gone], FORMAT_VERSION).await);
    machines[2].wait_for("going on", |status| status.upgrade_needed.is_none() && status.seq > halted_at).await;
    machines[0].wait_for("all", |status| status.hosts_online == 3).await;
    agree(&machines).await;
    for node in running {
        node.stop().await;
    }
}
