//! Entries that are sent before the last are answered.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use futures_util::{StreamExt, stream};
use kifu::event::{NodeId, Term};
use kifu::net::{Authority, Endpoint, EndpointLimits};
use kifu::replica::Peers;
use kifu::replica::client::Client;
use kifu::replica::stream::Stream;
use kifu::replica::types::{Batch, RaftEntry, TypeConfig, Vote};
use kifu::replica::wire::{Tag, log_id};
use openraft::EntryPayload;
use openraft::network::{RPCOption, RaftNetworkV2};
use openraft::raft::{AppendEntriesRequest, AppendEntriesResponse};
use tokio::sync::{Notify, mpsc};

use super::{draft, identity, start};

/// Bytes of an entry that fills a request.
const FULL: usize = 200 << 10;
/// Requests without an answer at most.
const AHEAD: usize = 4;
/// How long it looks for more before it answers.
const PAUSE: Duration = Duration::from_millis(50);
/// What the peer answers to all but entries.
const OTHER: &[u8] = b"something else";

/// Requests of one entry of at least so many bytes each, from the entry 0 on.
fn requests(leader: NodeId, count: u64, bytes: usize) -> Vec<AppendEntriesRequest<TypeConfig>> {
    let at = |index| log_id(1, leader, index);
    let one = draft(leader, Term(1));
    let batch = Batch::of(&vec![one.clone(); bytes.div_ceil(Batch::of(&[one]).records.len())]);
    let request = |index: u64| AppendEntriesRequest {
        vote: Vote::new_committed(1, leader),
        prev_log_id: index.checked_sub(1).map(at),
        entries: vec![RaftEntry { log_id: at(index), payload: EntryPayload::Normal(batch.clone()) }],
        leader_commit: None,
    };
    (0..count).map(request).collect()
}

type Append = AppendEntriesRequest<TypeConfig>;

fn option() -> RPCOption {
    RPCOption::new(Duration::from_secs(10))
}

/// A client of a peer, its own id, and where the peer listens.
fn with_a_peer() -> (Client, NodeId, Endpoint) {
    let authority = Authority::create().expect("a CA");
    let bind = |name| {
        let identity = identity(&authority, name);
        let loopback = "127.0.0.1:0".parse().expect("an address");
        (identity.node(), Endpoint::bind(loopback, &identity, EndpointLimits::default()).expect("a port"))
    };
    let ((own, endpoint), (peer, acceptor)) = (bind("own"), bind("peer"));
    let peers = Arc::new(Peers::new(own, endpoint));
    peers.learn(peer, &acceptor.local_address().expect("bound").to_string());
    (Client::new(peer, peers), own, acceptor)
}

/// A client of a peer that answers entries only when `ahead` requests wait, its own id, and the most requests that ever waited.
async fn with_a_slow_peer(ahead: usize) -> (Client, NodeId, Arc<AtomicUsize>) {
    let (client, own, acceptor) = with_a_peer();
    let most = Arc::new(AtomicUsize::new(0));
    let seen = most.clone();
    tokio::spawn(async move {
        let connection = acceptor.accept().await.expect("a connection");
        while let Ok(Some(stream)) = Stream::accept(&connection).await {
            tokio::spawn(answer_slowly(stream, ahead, seen.clone()));
        }
    });
    (client, own, most)
}

fn success() -> Vec<u8> {
    serde_json::to_vec(&Ok::<_, String>(AppendEntriesResponse::<TypeConfig>::Success)).expect("plain")
}

async fn answer_slowly(mut stream: Stream, ahead: usize, most: Arc<AtomicUsize>) {
    let success = success();
    let (send, receive) = stream.split();
    let (frames, mut arrived) = mpsc::channel(64);
    let read = async move {
        while let Ok(Some(frame)) = receive.read(None).await
            && frames.send(frame[0]).await.is_ok()
        {}
    };
    let answer = async move {
        let mut waiting = 0;
        while let Some(tag) = arrived.recv().await {
            if tag != Tag::Append as u8 {
                send.write(OTHER).await.expect("taken");
                continue;
            }
            // Whatever else the client sends without an answer has time to come.
            tokio::time::sleep(PAUSE).await;
            waiting += 1 + std::iter::from_fn(|| arrived.try_recv().ok()).count();
            most.fetch_max(waiting, Ordering::Relaxed);
            if waiting >= ahead {
                for _ in 0..std::mem::take(&mut waiting) {
                    send.write(&success).await.ok();
                }
            }
        }
    };
    tokio::join!(read, answer);
}

#[tokio::test]
async fn whoever_lags_is_sent_full_requests_ahead_and_no_more_than_the_bound() {
    let (mut client, own, most) = with_a_slow_peer(AHEAD).await;
    let sent = requests(own, 2 * AHEAD as u64, FULL);
    let last: Vec<_> = sent.iter().map(|request| Some(request.entries[0].log_id)).collect();
    let answers = client.stream_append(stream::iter(sent), option()).await.expect("a stream");
    let answers: Vec<_> = answers.map(|answer| answer.expect("answered").expect("taken")).collect().await;
    assert_eq!(answers, last);
    assert_eq!(most.load(Ordering::Relaxed), AHEAD);
}

#[tokio::test]
async fn small_requests_wait_for_the_answer_to_the_last() {
    let (mut client, own, most) = with_a_slow_peer(1).await;
    let answers = client.stream_append(stream::iter(requests(own, 5, 100)), option()).await.expect("a stream");
    assert_eq!(answers.filter(|answer| std::future::ready(matches!(answer, Ok(Ok(_))))).count().await, 5);
    assert_eq!(most.load(Ordering::Relaxed), 1);
}

#[tokio::test]
async fn answers_that_nobody_waited_for_are_not_taken_for_those_to_other_questions() {
    let (mut client, own, _) = with_a_slow_peer(AHEAD).await;
    let mut answers = client.stream_append(stream::iter(requests(own, 6, FULL)), option()).await.expect("a stream");
    assert!(matches!(answers.next().await, Some(Ok(Ok(_)))));
    drop(answers);
    let answer = client.call(&[Tag::Read as u8], Duration::from_secs(10)).await.expect("answered");
    assert_eq!(&answer[..], OTHER);
}

/// Answers the first of two requests, the second only once the third was asked for, and the third once it is there.
async fn answer_the_second_late(
    acceptor: Endpoint,
    pulled: Arc<Notify>,
    happened: mpsc::UnboundedSender<&'static str>,
) {
    let connection = acceptor.accept().await.expect("a connection");
    let mut stream = Stream::accept(&connection).await.expect("open").expect("a stream");
    for _ in 0..2 {
        stream.read(None).await.expect("open").expect("a request");
    }
    stream.write(&success()).await.expect("taken");
    pulled.notified().await;
    stream.write(&success()).await.expect("taken");
    stream.read(None).await.expect("open").expect("the third request");
    happened.send("the peer answers the third").expect("the test listens");
    stream.write(&success()).await.expect("taken");
    // The connection lasts until the client hangs up.
    stream.read(None).await.ok();
}

#[tokio::test]
async fn an_answer_to_entries_is_held_back_while_a_later_request_that_ends_with_them_is_unanswered() {
    let (mut client, own, acceptor) = with_a_peer();
    let (happened, mut events) = mpsc::unbounded_channel();
    let pulled = Arc::new(Notify::new());
    tokio::spawn(answer_the_second_late(acceptor, pulled.clone(), happened.clone()));
    let mut sent = requests(own, 2, FULL);
    let last = sent[1].entries[0].log_id;
    let news = AppendEntriesRequest { prev_log_id: Some(last), entries: vec![], ..sent[1].clone() };
    sent.push(news);
    // As Raft does it: the news is there once the first request is answered.
    let (offer, mut offered) = mpsc::unbounded_channel();
    let to_offer = sent.pop();
    sent.into_iter().for_each(|request| offer.send(request).expect("open"));
    let (log, told) = (happened.clone(), pulled.clone());
    let source = stream::poll_fn(move |context| offered.poll_recv(context)).inspect(move |request: &Append| {
        if request.entries.is_empty() {
            log.send("the third is asked for").expect("the test listens");
            told.notify_one();
        }
    });
    let mut answers = client.stream_append(source, option()).await.expect("a stream");
    let first = answers.next().await.expect("open").expect("answered").expect("taken");
    assert_eq!(first.expect("an entry").index, 0);
    offer.send(to_offer.expect("three")).expect("open");
    drop(offer);
    while let Some(answer) = answers.next().await {
        assert_eq!(answer.expect("answered").expect("taken"), Some(last));
        happened.send("an answer is given").expect("the test listens");
    }
    let events: Vec<_> = std::iter::from_fn(|| events.try_recv().ok()).collect();
    assert_eq!(events, ["the third is asked for", "the peer answers the third", "an answer is given"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_sent_ahead_reaches_raft_in_order() {
    let authority = Authority::create().expect("a CA");
    let follower = start(&authority, "follower").await;
    let leader = identity(&authority, "leader");
    let loopback = "127.0.0.1:0".parse().expect("an address");
    let endpoint = Endpoint::bind(loopback, &leader, EndpointLimits::default()).expect("a port");
    let peers = Arc::new(Peers::new(leader.node(), endpoint));
    peers.learn(follower.id, &follower.member.address);
    let mut client = Client::new(follower.id, peers);
    let sent = requests(leader.node(), 40, FULL);
    let answers = client.stream_append(stream::iter(sent), option()).await.expect("a stream");
    let answers: Vec<_> = answers.map(|answer| answer.expect("answered").expect("taken")).collect().await;
    let indexes: Vec<_> = answers.iter().map(|id| id.expect("an entry").index).collect();
    assert_eq!(indexes, Vec::from_iter(0..40));
    assert_eq!(follower.replica.log().last().map(|last| last.index), Some(39));
}
