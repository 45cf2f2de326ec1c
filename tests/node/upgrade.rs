//! Two builds of different format versions in one cluster: nothing newer is written before all can read it, and a node that
//! cannot read the log any further keeps it, votes, says so, and goes on after its upgrade.

use std::io::{Read, Write};
use std::net::TcpStream;

use kifu::cli::ExitCode;
use kifu::event::config::Config;
use kifu::event::{FORMAT_VERSION, Real};
use kifu::node::api::{Noun, Request, Response};

use super::running::{Running, cluster, members};
use super::support::{Machine, PATIENCE};

fn ready(machine: &Machine) -> String {
    let mut stream = TcpStream::connect(&machine.http).expect("the port is open");
    write!(stream, "GET /readyz HTTP/1.1\r\nHost: node\r\nConnection: close\r\n\r\n").expect("sent");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("an answer");
    answer
}

/// Waits until all machines have the same rows at the same position.
async fn agree(machines: &[Machine]) {
    let deadline = std::time::Instant::now() + PATIENCE;
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
        assert!(std::time::Instant::now() < deadline, "the nodes do not agree");
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
}

/// Before members had roles: the first format.
const OLD: u32 = 1;

/// Changes the configuration: games of a generation, and a figure that came with format version 3.
async fn configured(machine: &Machine, games: u32, elo1: Option<Real>) -> Result<Response, String> {
    let mut config = Config::default();
    config.self_play.games = games;
    config.judgement.elo1 = elo1;
    machine.ask(&Request::ChangeConfig { config: Box::new(config) }).await
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
        let refused = members(&machines[0], &configure("50s")).await.expect_err("an old build could not read it");
        assert_eq!(refused.0, i32::from(ExitCode::Conflict.number()), "{}", refused.1);
        assert!(refused.1.contains("needs format version 2"), "{}", refused.1);
        running.remove(number).stop().await;
        running.insert(number, Running::start(&machines[number], FORMAT_VERSION).await);
        machines[number].wait_for("being back", |status| (status.hosts_online, status.voters) == (3, 3)).await;
    }
    for machine in &machines {
        machine.wait_for("the raise", |status| status.version == FORMAT_VERSION).await;
    }
    members(&machines[1], &configure("51s")).await.expect("all can read it now");
    configured(&machines[1], 9, Some(Real(5_000_000))).await.expect("all can read it now");

    // The third is started as the old build by mistake, and meets what it cannot read.
    running.remove(2).stop().await;
    running.push(Running::start(&machines[2], OLD).await);
    machines[0].wait_for("it to be back", |status| status.hosts_online == 3).await;
    members(&machines[0], &configure("52s")).await.expect("a quorum");
    let status = machines[2].wait_for("the halt", |status| status.upgrade_needed.is_some()).await;
    assert!(status.upgrade_needed.as_deref().is_some_and(|words| words.contains("upgrade needed")), "{status:?}");
    let answer = ready(&machines[2]);
    assert!(answer.starts_with("HTTP/1.1 503") && answer.contains("upgrade needed"), "{answer}");
    let halted_at = status.seq;

    // It keeps the log and votes: with one of the others away, its word makes the quorum.
    let away = usize::from(machines[1].status().await.and_then(|status| status.leader).as_deref() == Some("n2"));
    let (left, gone) = (1 - away, away);
    running.remove(gone).stop().await;
    machines[left].wait_for("leading", |status| status.leader.as_deref() == Some(["n1", "n2"][left])).await;
    let mut admitted = members(&machines[left], &configure("53s")).await;
    let deadline = std::time::Instant::now() + PATIENCE;
    while admitted.is_err() && std::time::Instant::now() < deadline {
        admitted = members(&machines[left], &configure("53s")).await;
    }
    admitted.expect("the two are a quorum");
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
