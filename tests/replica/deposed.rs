//! Calls to a leader that answers nothing, while another takes over.

use std::time::Duration;

use kifu::event::command::RecordNote;
use kifu::event::{Command, Millis, NodeId, Proposal};
use kifu::net::{Authority, Connection, Endpoint, EndpointLimits, Identity};
use kifu::replica::Consistency;
use kifu::replica::propose::{Ask, Outcome};
use tokio::sync::mpsc;

use super::{Node, leader_of, start};

/// Longer than anything takes on a busy machine, and less than what so many bytes of proposals are given to arrive: a second for every 64 KiB.
const PATIENCE: Duration = Duration::from_secs(30);
const BYTES: usize = 4 << 20;

/// Where something listens that has the identity of a member, takes every stream, and answers none. Each stream is told of.
fn deaf(identity: &Identity) -> (String, mpsc::Receiver<()>) {
    let loopback = "127.0.0.1:0".parse().expect("an address");
    let endpoint = Endpoint::bind(loopback, identity, EndpointLimits::default()).expect("a port");
    let address = endpoint.local_address().expect("bound").to_string();
    let (begun, called) = mpsc::channel(16);
    tokio::spawn(async move {
        while let Some(connection) = endpoint.accept().await {
            tokio::spawn(take_streams(connection, begun.clone()));
        }
    });
    (address, called)
}

async fn take_streams(connection: Connection, begun: mpsc::Sender<()>) {
    let mut kept = vec![];
    while let Ok(Some(stream)) = connection.accept().await {
        kept.push(stream);
        begun.send(()).await.ok();
    }
}

/// A proposal of at least so many bytes.
pub fn note(origin: NodeId, bytes: usize) -> Proposal {
    let text = "n".repeat(bytes);
    let command = Command::RecordNote(RecordNote { actor: "somebody".to_owned(), text });
    Proposal { origin, origin_seq: 0, observed_at: Millis(1), caused_by: vec![], command }
}

/// Three voters, of which the first leads.
async fn three() -> [Node; 3] {
    let authority = Authority::create().expect("a CA");
    let nodes = [start(&authority, "n1").await, start(&authority, "n2").await, start(&authority, "n3").await];
    let [first, second, third] = &nodes;
    first.replica.bootstrap(first.member.clone()).await.expect("a new cluster");
    leader_of(&[first]).await;
    for node in [second, third] {
        first.replica.add_member(node.id, node.member.clone()).await.expect("it catches up");
    }
    second.replica.leadership().wait_for(|now| now.leader == Some(first.id)).await.expect("Raft runs");
    nodes
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_leader_that_answers_nothing_is_not_waited_for_once_another_leads() {
    let [first, second, mut third] = three().await;
    let (address, mut called) = deaf(&first.identity);
    second.peers.forget(first.id);
    second.peers.learn(first.id, &address);
    second.peers.learn(third.id, &third.member.address);

    let propose = |bytes: usize, count: usize| {
        let (replica, proposals) = (second.replica.clone(), vec![note(second.id, bytes / count); count]);
        tokio::spawn(async move { replica.propose(proposals).await })
    };
    let forwarded = propose(BYTES, 64);
    called.recv().await.expect("the proposals go to the first");
    let replica = second.replica.clone();
    let read = tokio::spawn(async move { replica.read_barrier(Consistency::Linearizable).await });
    called.recv().await.expect("so does the read");
    let waiting = propose(1, 1);
    tokio::spawn(async move {
        while let Some(Ask { proposals, reply }) = third.asks.recv().await {
            reply.send(vec![Outcome::Already; proposals.len()]).ok();
        }
    });
    first.replica.transfer(third.id).await.expect("it votes");

    let (forwarded, waiting) = tokio::time::timeout(PATIENCE, async { tokio::join!(forwarded, waiting) })
        .await
        .expect("nobody waits for the first any more");
    assert_eq!(forwarded.expect("no panic"), vec![Outcome::Unavailable { leader: Some(first.id) }; 64]);
    assert_eq!(waiting.expect("no panic"), [Outcome::Already], "the third says so");
    read.await.expect("no panic").expect("the third vouches");
}
