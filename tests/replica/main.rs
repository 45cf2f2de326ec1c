//! Three replicas in one process, over real QUIC and real files.

mod deposed;
mod halted;
mod peers;
mod pipeline;

use std::sync::Arc;
use std::time::Duration;

use kifu::event::cluster::LeaderElected;
use kifu::event::{Command, Draft, FORMAT_VERSION, Hash, Millis, NodeId, Term};
use kifu::log::{Log, LogOptions};
use kifu::net::{Authority, Channel, Endpoint, EndpointLimits, Identity, Role, Validity};
use kifu::projection::{State, Store};
use kifu::replica::machine::RaftCheckpoint;
use kifu::replica::propose::Ask;
use kifu::replica::snapshots::Basis;
use kifu::replica::{Fold, Member, Peers, Replica, ReplicaOptions, Timing};
use kifu::work::Outbox;
use kifu::work::outbox::Limits;
use tempfile::TempDir;
use tokio::sync::mpsc;

/// Nobody campaigns only because a busy machine did not let the leader speak for a while.
const PATIENT: Timing = Timing { heartbeat_ms: 250, election_min_ms: 5_000, election_max_ms: 6_000 };

struct Node {
    replica: Arc<Replica>,
    member: Member,
    id: NodeId,
    identity: Identity,
    endpoint: Endpoint,
    peers: Arc<Peers>,
    /// What is proposed to it. Nobody answers, unless a test does.
    asks: mpsc::Receiver<Ask>,
    dir: TempDir,
}

fn identity(authority: &Authority, name: &str) -> Identity {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("a clock").as_millis() as u64;
    let validity = Validity::starting(Millis(now), Duration::from_secs(3600));
    authority.issue_identity(name, Role::Node, validity).expect("an identity")
}

async fn start(authority: &Authority, name: &str) -> Node {
    start_reading(authority, name, FORMAT_VERSION).await
}

/// Starts a replica as a build that reads this format version.
async fn start_reading(authority: &Authority, name: &str, format: u32) -> Node {
    let dir = tempfile::tempdir().expect("a folder");
    let identity = identity(authority, name);
    let id = identity.node();
    let loopback = "127.0.0.1:0".parse().expect("an address");
    let endpoint = Endpoint::bind(loopback, &identity, EndpointLimits::default()).expect("a port");
    let address = endpoint.local_address().expect("bound").to_string();
    let options = LogOptions { segment_bytes: 1 << 16, ..LogOptions::new(authority.fingerprint()) };
    let (log, _) = Log::open(&dir.path().join("log"), options).expect("a log");
    let store = Store::open(&dir.path().join("state")).expect("a store");
    let (intake, asks) = mpsc::channel(1);
    let peers = Arc::new(Peers::new(id, endpoint.clone()));
    let replica = Replica::start(ReplicaOptions {
        node: id,
        log,
        fold: Arc::new(Fold::new(id, State::default(), store).reading(format)),
        checkpoint: RaftCheckpoint::default(),
        peers: peers.clone(),
        timing: PATIENT,
        intake,
        votes_from: tokio::time::Instant::now(),
    });
    let replica = Arc::new(replica.await.expect("Raft starts"));
    let (acceptor, server) = (endpoint.clone(), replica.clone());
    tokio::spawn(async move {
        while let Some(connection) = acceptor.accept().await {
            assert_eq!(connection.channel(), Channel::Raft);
            let server = server.clone();
            tokio::spawn(async move { server.serve(connection).await });
        }
    });
    Node { replica, member: Member { name: name.to_owned(), address }, id, identity, endpoint, peers, asks, dir }
}

fn draft(leader: NodeId, term: Term) -> Draft {
    Draft {
        recorded_at: Millis(term.0),
        observed_at: Millis(term.0),
        origin: leader,
        origin_seq: 0,
        caused_by: vec![],
        event: LeaderElected { leader, term, previous: None }.into(),
    }
}

/// Waits until one of `nodes` leads, and returns which and in which term.
async fn leader_of(nodes: &[&Node]) -> (usize, Term) {
    loop {
        for (index, node) in nodes.iter().enumerate() {
            let seen = node.replica.leadership().borrow().clone();
            if seen.leader == Some(node.id) && node.replica.barrier(seen.term).await.is_ok() {
                return (index, seen.term);
            }
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

async fn caught_up(node: &Node, seq: u64) {
    node.replica.fold().watch().wait_for(|folded| folded.0 >= seq).await.expect("the fold lives");
}

/// A sealed segment on the disk of `node` rots: its first index.
fn rot(node: &Node) -> u64 {
    let first = node.replica.log().sealed()[1];
    let path = node.dir.path().join(format!("log/{first:020}.seg"));
    let mut bytes = std::fs::read(&path).expect("readable");
    bytes[300] ^= 1;
    std::fs::write(path, bytes).expect("written");
    first
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sealed_segment_that_rots_is_fetched_from_a_peer_while_the_node_runs() {
    let authority = Authority::create().expect("a CA");
    let [first, second] = [start(&authority, "n1").await, start(&authority, "n2").await];
    first.replica.bootstrap(first.member.clone()).await.expect("a new cluster");
    let (_, term) = leader_of(&[&first]).await;
    let drafts = vec![draft(first.id, term); 500];
    for _ in 0..6 {
        first.replica.append(term, &drafts).await.expect("a quorum of one");
    }
    first.replica.add_member(second.id, second.member.clone()).await.expect("it catches up");
    caught_up(&second, 3_000).await;
    while second.replica.log().sealed().len() < 3 {
        // The follower hears with the next message that what it has is committed.
        first.replica.append(term, &drafts).await.expect("a quorum");
    }
    let peers = Arc::new(Peers::new(second.id, second.endpoint.clone()));
    peers.learn(first.id, &first.member.address);
    let outbox = Outbox::open(&second.dir.path().join("outbox"), second.id, 0, Limits::default()).expect("an outbox");
    let scrubber = kifu::node::repair::scrubber(&second.replica, second.id, peers, Arc::new(outbox));
    let rotten = rot(&second);
    assert!(!scrubber.scrub(0).await.expect("readable"), "another segment is whole");
    assert!(scrubber.scrub(rotten).await.expect("repaired"));
    assert!(!scrubber.scrub(rotten).await.expect("readable"), "it is whole again");
    let proposals = scrubber.outbox.pending().expect("readable");
    let [proposal] = &proposals[..] else { panic!("one report: {proposals:?}") };
    let Command::ReportRepair(report) = &proposal.command else { panic!("{proposal:?}") };
    assert_eq!((report.repair.first_index, report.repair.source), (rotten, first.id));
}

fn digest(node: &Node) -> Hash {
    node.replica.fold().read(State::digest)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cluster_agrees_survives_its_leader_and_a_restart_of_it() {
    let authority = Authority::create().expect("a CA");
    let nodes = [start(&authority, "n1").await, start(&authority, "n2").await, start(&authority, "n3").await];
    let [first, second, third] = &nodes;

    first.replica.bootstrap(first.member.clone()).await.expect("a new cluster");
    let (_, term) = leader_of(&[first]).await;
    let applied = first.replica.append(term, &[draft(first.id, term)]).await.expect("a quorum of one");
    assert_eq!(applied.last.0, 1);
    for node in [second, third] {
        first.replica.add_member(node.id, node.member.clone()).await.expect("it catches up");
    }
    let drafts = vec![draft(first.id, term); 100];
    let applied = first.replica.append(term, &drafts).await.expect("a quorum of two");
    assert_eq!(applied.last.0, 101);
    for node in &nodes {
        caught_up(node, 101).await;
        assert_eq!(digest(node), digest(first), "same log, same state");
    }
    let records = third.replica.records(kifu::event::Seq(50), kifu::event::Seq(60), 100).expect("readable");
    assert_eq!(records.iter().map(|record| record.seq.0).collect::<Vec<_>>(), (50..=60).collect::<Vec<_>>());

    first.replica.stop().await;
    first.endpoint.close("stopped by the test");
    let survivors = [second, third];
    let (index, term) = leader_of(&survivors).await;
    assert!(term.0 > 1, "a new term");
    let leader = survivors[index];
    let applied = leader.replica.append(term, &[draft(leader.id, term)]).await.expect("two of three are a quorum");
    assert_eq!(applied.last.0, 102, "positions go on without a gap");
    for node in survivors {
        caught_up(node, 102).await;
        assert_eq!(digest(node), digest(leader));
    }
    assert!(first.replica.append(term, &[draft(first.id, term)]).await.is_err(), "a stopped node admits nothing");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_learner_has_caught_up_once_it_acknowledged_all_but_the_last_records() {
    let authority = Authority::create().expect("a CA");
    let [first, second] = [start(&authority, "n1").await, start(&authority, "n2").await];
    first.replica.bootstrap(first.member.clone()).await.expect("a new cluster");
    let (_, term) = leader_of(&[&first]).await;
    first.replica.append(term, &vec![draft(first.id, term); 100]).await.expect("a quorum of one");
    // Another answers there, so nothing reaches it.
    let elsewhere = Member { address: first.member.address.clone(), ..second.member.clone() };
    first.replica.add_learner(second.id, elsewhere).await.expect("it follows the log");
    assert_eq!(Vec::from_iter(first.replica.caught_up(10)), [first.id]);
    first.replica.move_member(second.id, second.member.clone()).await.expect("noted");
    first.peers.learn(second.id, &second.member.address);
    caught_up(&second, 100).await;
    while !first.replica.caught_up(10).contains(&second.id) {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert!(second.replica.caught_up(10).is_empty(), "only a leader knows");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_learner_that_starts_from_nothing_goes_on_from_a_snapshot_when_the_beginning_is_gone() {
    let authority = Authority::create().expect("a CA");
    let [first, second] = [start(&authority, "n1").await, start(&authority, "n2").await];
    first.replica.bootstrap(first.member.clone()).await.expect("a new cluster");
    let (_, term) = leader_of(&[&first]).await;
    let drafts = vec![draft(first.id, term); 500];
    let mut position = None;
    while position.is_none_or(|position: kifu::log::LogPosition| position.index < 10) {
        first.replica.append(term, &drafts).await.expect("a quorum of one");
        position = first.replica.make_snapshot(Basis::Rows).await.expect("written");
    }
    let position = position.expect("the loop has ended");
    first.replica.let_go_before(position.index + 1).await.expect("asked");
    while first.replica.log().base().is_none() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert!(first.replica.records(kifu::event::Seq(1), kifu::event::Seq(2), 1).is_err(), "it is gone here");
    first.replica.add_member(second.id, second.member.clone()).await.expect("it catches up");
    let last = first.replica.append(term, &drafts).await.expect("a quorum of two").last;
    caught_up(&second, last.0).await;
    assert_eq!(digest(&second), digest(&first));
    assert_eq!(second.replica.snapshots().installed(), 1);
    let base = second.replica.log().base().expect("it begins later");
    assert_eq!(base, position, "the log begins right behind the snapshot, with the leader's hash chain");
    let last_entry = |node: &Node| node.replica.log().last().map(|last| last.chain);
    assert_eq!(last_entry(&second), last_entry(&first));
}
