//! Nodes are killed at random moments, the leader more often than others.

use std::time::Duration;

use rand::Rng;

use crate::oracle::{Oracle, check};
use crate::support::{cluster, converge, rounds, seeded};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_acknowledged_is_lost_when_nodes_are_killed() {
    let mut random = seeded();
    let mut cluster = cluster(None).await;
    let machines: Vec<_> = cluster.fleet.machines.iter().map(|machine| machine.data.clone()).collect();
    let oracle = Oracle::start(machines.clone());
    for round in 1..=rounds(4) {
        oracle.progress(20).await;
        let victim = match random.random_bool(0.6) {
            true => cluster.leader().await.expect("a leader"),
            false => random.random_range(0..machines.len()),
        };
        tokio::time::sleep(Duration::from_millis(random.random_range(0..400))).await;
        cluster.fleet.kill(victim);
        oracle.progress(20).await;
        cluster.fleet.start(victim).expect("it starts again");
        // Sometimes the next one dies before this one is back for good.
        if random.random_bool(0.7) {
            cluster.ready(3).await.expect("all are back");
        }
        eprintln!("round {round}: killed {victim}, {} notes acknowledged", oracle.acknowledged());
        cluster.ready(3).await.expect("all are back");
    }
    let known = oracle.finish().await;
    converge(&mut cluster).await;
    cluster.fleet.stop().expect("they stop in order");
    check(&machines, &known);
}
