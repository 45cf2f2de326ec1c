//! How long voters keep their word to a leader, and what reads make of it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use kifu::net::{Endpoint, EndpointLimits, Identity, Role};
use kifu::node::Layout;
use kifu::node::api::{Client, Noun, Request, Response, Target};
use kifu::replica::client::Client as RaftClient;
use kifu::replica::types::Vote;
use kifu::replica::wire::{Tag, json_frame};
use kifu::replica::{Consistency, Peers, TypeConfig};
use openraft::raft::VoteRequest;
use serde_json::Value;

use super::cluster::cluster;
use super::quorum::{figure, healthy, leader, wait_until};
use super::support::{Machine, PATIENCE};

/// Waits until whoever leads trusts an answer of a quorum for so long, and reads at each node.
async fn lease_is(machines: &[Machine; 3], ms: u64) {
    wait_until(&format!("a lease of {ms} ms"), || {
        machines.iter().any(|machine| {
            figure(machine, "kifu_raft_is_leader") == Some(1)
                && figure(machine, "kifu_read_lease_milliseconds") == Some(ms)
        })
    })
    .await;
    for machine in machines {
        machine.wait_for("all", |status| status.hosts_online == 3).await;
        let target = Target::of_this_data_dir(&machine.data).expect("it runs");
        let deadline = Instant::now() + PATIENCE;
        loop {
            let asked = async {
                let client = Client::connect(&target).await?.reading(Consistency::Lease);
                client.ask(&Request::List { noun: Noun::Leader }).await
            };
            match asked.await {
                Ok(Response::Rows { .. }) => break,
                // Around an election nobody has a lease.
                other => assert!(Instant::now() < deadline, "{other:?}"),
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_leader_trusts_a_quorum_for_no_longer_than_the_hastiest_voter_waits() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut machines = cluster(folder.path()).await;
    lease_is(&machines, 1_170).await;
    let hasty = (leader(&machines).await + 1) % 3;
    for (timing, lease_ms) in [("lan", 252), ("wan", 1_170)] {
        assert_eq!(machines[hasty].stop(), 0);
        machines[hasty].start_with(&["--timing", timing]);
        lease_is(&machines, lease_ms).await;
    }
}

/// What a node answers to another that asks for its vote.
async fn asked_for_its_vote(voter: &Machine, candidate: &Machine) -> Value {
    let [voter, own] = [voter, candidate].map(|machine| Layout::new(&machine.data));
    let (voter, node) = (voter.load_config().expect("a node"), own.load_config().expect("a node").node);
    let identity = Identity::load(own.root(), Role::Node).expect("an identity");
    let endpoint = Endpoint::dialer(&identity, EndpointLimits::default()).expect("a port");
    let peers = Arc::new(Peers::new(node, endpoint));
    peers.learn(voter.node, &voter.listen);
    let request = VoteRequest::<TypeConfig>::new(Vote::new(1_000, node), None);
    let mut client = RaftClient::new(voter.node, peers);
    let answer = client.call(&json_frame(Tag::PreVote, &request), Duration::from_secs(30)).await.expect("an answer");
    serde_json::from_slice(&answer).expect("JSON")
}

/// Has the last run of a stopped node have promised to vote for nobody else for so long.
fn promise(machine: &Machine, lease_ms: u64) {
    let path = machine.data.join("standing.json");
    let mut standing: Value = serde_json::from_slice(&std::fs::read(&path).expect("it ran")).expect("JSON");
    assert!(standing["lease_ms"].is_u64(), "{standing}");
    standing["lease_ms"] = lease_ms.into();
    std::fs::write(&path, standing.to_string()).expect("written");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_voter_that_starts_anew_keeps_the_word_of_its_last_run() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut machines = cluster(folder.path()).await;
    let voter = (leader(&machines).await + 1) % 3;
    for (promised_ms, refuses) in [(3_600_000, true), (0, false)] {
        machines[voter].stop();
        promise(&machines[voter], promised_ms);
        machines[voter].start();
        // It follows all the same.
        healthy(&machines).await;
        let leading = leader(&machines).await;
        let candidate =
            [(voter + 1) % 3, (voter + 2) % 3].into_iter().find(|other| *other != leading).expect("another");
        machines[candidate].kill();
        let answer = asked_for_its_vote(&machines[voter], &machines[candidate]).await;
        let refused = answer["Err"].as_str().is_some_and(|words| words.contains("has just started"));
        assert_eq!(refused, refuses, "{answer}");
        machines[candidate].start();
        healthy(&machines).await;
    }
}
