//! Dials to members, and who waits for them.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use kifu::event::NodeId;
use kifu::net::{Authority, Endpoint, EndpointLimits};
use kifu::replica::Peers;
use kifu::replica::client::Client;
use kifu::replica::history::HistoryRequest;
use kifu::replica::stream::Stream;
use tokio::net::UdpSocket;
use tokio::runtime::Builder;

use super::identity;

/// Long enough for a dial to be under way.
const PAUSE: Duration = Duration::from_millis(50);
/// Longer than anything takes on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

fn endpoint(authority: &Authority, name: &str) -> (NodeId, Endpoint) {
    let identity = identity(authority, name);
    let loopback = "127.0.0.1:0".parse().expect("an address");
    (identity.node(), Endpoint::bind(loopback, &identity, EndpointLimits::default()).expect("a port"))
}

/// One member that knows another, which listens at `address`.
fn peers(authority: &Authority, other: NodeId, address: SocketAddr) -> Arc<Peers> {
    let (own, endpoint) = endpoint(authority, "own");
    let peers = Arc::new(Peers::new(own, endpoint));
    peers.learn(other, &address.to_string());
    peers
}

#[tokio::test]
async fn a_dial_goes_on_when_whoever_asked_for_it_has_no_more_time() {
    let authority = Authority::create().expect("a CA");
    let (other, acceptor) = endpoint(&authority, "other");
    let peers = peers(&authority, other, acceptor.local_address().expect("bound"));
    // Each asks once and goes.
    let connection = loop {
        if let Some(connection) = peers.connection(other).now_or_never() {
            break connection.expect("it listens");
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    };
    assert_eq!(connection.peer().node, other);
    acceptor.accept().await.expect("the dial");
    assert!(acceptor.accept().now_or_never().is_none(), "one for all");
}

#[tokio::test]
async fn a_large_answer_may_take_longer_than_its_beginning() {
    let authority = Authority::create().expect("a CA");
    let (other, acceptor) = endpoint(&authority, "other");
    let peers = peers(&authority, other, acceptor.local_address().expect("bound"));
    let within = Duration::from_secs(3);
    let words = "nothing of that is here".as_bytes();
    let slow = async {
        let connection = acceptor.accept().await.expect("the dial");
        let (mut send, _receive) = connection.accept().await.expect("open").expect("a stream");
        let answer = [&(1 + words.len() as u32).to_le_bytes()[..], &[0], words].concat();
        for piece in answer.chunks(1) {
            send.write_all(piece).await.expect("it is read");
            tokio::time::sleep(within / words.len() as u32).await;
        }
    };
    let mut client = Client::new(other, peers);
    let (_, answer) = tokio::join!(slow, client.history(HistoryRequest { from: 0, to: 1 }, within));
    let error = answer.expect_err("a refusal").to_string();
    assert!(error.ends_with("nothing of that is here"), "all of it has arrived: {error}");
}

#[tokio::test]
async fn a_member_that_has_dialled_is_dialled_back() {
    let authority = Authority::create().expect("a CA");
    let (other, acceptor) = endpoint(&authority, "other");
    let peers = peers(&authority, other, acceptor.local_address().expect("bound"));
    peers.is_there(other);
    peers.is_there(NodeId(7));
    acceptor.accept().await.expect("the dial");
    peers.connection(other).await.expect("the same one");
    peers.is_there(other);
    tokio::time::sleep(PAUSE).await;
    assert!(acceptor.accept().now_or_never().is_none(), "there is a connection");
}

#[tokio::test]
async fn a_dial_that_began_before_its_member_was_there_begins_anew() {
    let authority = Authority::create().expect("a CA");
    let deaf = UdpSocket::bind("127.0.0.1:0").await.expect("a port");
    let (other, _) = endpoint(&authority, "other");
    let peers = peers(&authority, other, deaf.local_addr().expect("bound"));
    peers.send_datagram(other, b"the first dial".to_vec());
    tokio::time::sleep(PAUSE).await;
    peers.is_there(other);
    // A handshake has one connection id, however often its first packet is sent (RFC 9000, §17.2).
    let (mut dials, mut packet) = (BTreeSet::new(), [0; 2_048]);
    let two = async {
        while dials.len() < 2 {
            let (bytes, _) = deaf.recv_from(&mut packet).await.expect("a packet");
            let length = usize::from(packet[5]);
            assert!(bytes >= 1_200 && length >= 8, "a first packet");
            dials.insert(packet[6..6 + length].to_vec());
        }
    };
    tokio::time::timeout(PATIENCE, two).await.expect("it was dialled twice");
}

#[test]
fn a_connection_outlives_the_runtime_of_whoever_asked_for_it() {
    let runtime = || Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("a runtime");
    let (own, transfers) = (runtime(), runtime());
    let (peers, other, acceptor) = own.block_on(async {
        let authority = Authority::create().expect("a CA");
        let (other, acceptor) = endpoint(&authority, "other");
        (peers(&authority, other, acceptor.local_address().expect("bound")), other, acceptor)
    });
    own.spawn(async move {
        let connection = acceptor.accept().await.expect("the dial");
        while let Ok(Some(mut stream)) = Stream::accept(&connection).await {
            let question = stream.read(None).await.expect("open").expect("a question");
            stream.write(&question).await.expect("taken");
        }
    });
    transfers.block_on(peers.connection(other)).expect("it listens");
    drop(transfers);
    // There is no second dial: nobody would accept it.
    let answer = own.block_on(Client::new(other, peers).call(b"a question", PATIENCE)).expect("the connection lives");
    assert_eq!(&answer[..], b"a question");
}
