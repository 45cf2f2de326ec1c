//! The leader stands still for longer than its lease, then goes on as if nothing had happened.

use std::time::Duration;

use crate::oracle::{Oracle, check};
use crate::support::{cluster, converge, rounds};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_leader_that_was_paused_finds_another_in_its_place() {
    let mut cluster = cluster(None).await;
    let machines: Vec<_> = cluster.fleet.machines.iter().map(|machine| machine.data.clone()).collect();
    let oracle = Oracle::start(machines.clone());
    for _ in 0..rounds(2).min(20) {
        oracle.progress(20).await;
        let leader = cluster.leader().await.expect("a leader");
        cluster.fleet.pause(leader);
        // The others elect a leader and go on.
        oracle.progress(20).await;
        tokio::time::sleep(Duration::from_millis(500)).await;
        cluster.fleet.resume(leader);
        cluster.ready(3).await.expect("the paused node follows");
        oracle.progress(20).await;
    }
    let known = oracle.finish().await;
    converge(&mut cluster).await;
    cluster.fleet.stop().expect("they stop in order");
    check(&machines, &known);
}
