//! Messages, calls and datagrams between two peers who mean well.

use bytes::Bytes;
use kifu::net::frame::CHUNK_BYTES;
use kifu::net::limits::{CONNECTIONS_PER_PEER_MAX, DATAGRAM_BYTES_MAX};
use kifu::net::{
    Authority, CallLimits, Channel, Connection, Endpoint, EndpointLimits, FrameLimits, NetError, Role, read_frame,
    serve, write_frame,
};

use crate::support::{CALLS, EchoNode, bind, identity};

/// Two connected peers; the endpoints keep the connection alive.
async fn pair() -> (Connection, Connection, [kifu::net::Endpoint; 2]) {
    let authority = Authority::create().unwrap();
    let (a, b) = (bind(&identity(&authority, "a", Role::Node)), bind(&identity(&authority, "b", Role::Node)));
    let address = b.local_address().unwrap();
    let (dialled, accepted) = tokio::join!(a.connect(address, None, Channel::Raft), b.accept());
    (dialled.unwrap(), accepted.unwrap(), [a, b])
}

#[tokio::test]
async fn messages_of_all_sizes_arrive_whole_and_in_order() {
    let (a, b, _endpoints) = pair().await;
    let limits = FrameLimits::up_to(3 * CHUNK_BYTES);
    let sizes = [0, 1, 3, 4, 5, CHUNK_BYTES - 1, CHUNK_BYTES, CHUNK_BYTES + 1, 3 * CHUNK_BYTES];
    let message = |size: usize| -> Vec<u8> { (0..size).map(|i| (i % 251) as u8).collect() };
    let (mut send, _) = a.open().await.unwrap();
    let writing = async {
        for size in sizes {
            write_frame(&mut send, &message(size), &limits).await.unwrap();
        }
        send.finish().unwrap();
    };
    let reading = async {
        let (_, mut receive) = b.accept().await.unwrap().unwrap();
        for size in sizes {
            assert_eq!(read_frame(&mut receive, &limits).await.unwrap().unwrap(), message(size), "{size} bytes");
        }
        assert_eq!(read_frame(&mut receive, &limits).await.unwrap(), None);
    };
    tokio::join!(writing, reading);
    let error = write_frame(&mut send, &message(3 * CHUNK_BYTES + 1), &limits).await.unwrap_err();
    assert!(matches!(error, NetError::TooLarge { .. }), "{error}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_program_that_asks_once_and_goes_leaves_no_connection_behind() {
    let authority = Authority::create().unwrap();
    let server = EchoNode::start(&authority, EndpointLimits::default());
    let operator = identity(&authority, "operator", Role::Operator);
    // More than its key may hold at a time, and sooner than a dead connection is noticed.
    for number in 0..2 * CONNECTIONS_PER_PEER_MAX {
        let client = Endpoint::dialer(&operator, EndpointLimits::default()).unwrap();
        let connection = client.connect(server.address, None, Channel::Api).await;
        let connection = connection.unwrap_or_else(|error| panic!("connection {number}: {error}"));
        connection.call(b"once", &CALLS).await.unwrap();
        // In either order.
        if number % 2 == 0 {
            drop(client);
            drop(connection);
        }
    }
}

#[tokio::test]
async fn many_calls_share_one_connection() {
    let authority = Authority::create().unwrap();
    let server = EchoNode::start(&authority, EndpointLimits::default());
    let client = bind(&identity(&authority, "client", Role::Node));
    let connection = client.connect(server.address, None, Channel::Api).await.unwrap();
    let mut calls = tokio::task::JoinSet::new();
    for number in 0..300_u32 {
        let connection = connection.clone();
        calls.spawn(async move {
            let answer = connection.call(&number.to_le_bytes(), &CALLS).await.unwrap();
            assert_eq!(answer[..], number.to_le_bytes());
        });
    }
    while let Some(outcome) = calls.join_next().await {
        outcome.unwrap();
    }
}

#[tokio::test]
async fn a_request_or_an_answer_over_the_limit_fails_that_call_only() {
    let authority = Authority::create().unwrap();
    let server = EchoNode::start(&authority, EndpointLimits::default());
    let client = bind(&identity(&authority, "client", Role::Node));
    let connection = client.connect(server.address, None, Channel::Api).await.unwrap();
    let large = vec![7; CALLS.request_bytes_max + 1];
    let generous = CallLimits { request_bytes_max: large.len(), ..CALLS };
    assert!(connection.call(&large, &CALLS).await.is_err(), "refused here");
    assert!(connection.call(&large, &generous).await.is_err(), "refused there");
    let narrow = CallLimits { response_bytes_max: 3, ..CALLS };
    let error = connection.call(b"four", &narrow).await.unwrap_err();
    assert!(error.to_string().contains("message of 4 bytes refused"), "{error}");
    assert_eq!(connection.call(b"four", &CALLS).await.unwrap(), "four");
}

#[tokio::test]
async fn a_handler_that_panics_costs_its_call_only() {
    let (a, b, _endpoints) = pair().await;
    let handler = |request: Bytes| async move {
        assert_ne!(request, "boom", "a test that fails on purpose");
        request
    };
    tokio::spawn(async move { serve(&b, &CALLS, handler).await });
    assert!(a.call(b"boom", &CALLS).await.is_err());
    assert_eq!(a.call(b"fine", &CALLS).await.unwrap(), "fine");
}

#[tokio::test]
async fn datagrams_arrive_and_large_ones_are_refused() {
    let (a, b, _endpoints) = pair().await;
    let largest = Bytes::from(vec![1; DATAGRAM_BYTES_MAX]);
    a.send_datagram(largest.clone()).unwrap();
    assert_eq!(b.receive_datagram().await.unwrap(), largest);
    let error = a.send_datagram(Bytes::from(vec![1; DATAGRAM_BYTES_MAX + 1])).unwrap_err();
    assert!(matches!(error, NetError::TooLarge { .. }), "{error}");
}

#[tokio::test]
async fn a_lost_peer_ends_what_waits_for_it() {
    let (a, b, endpoints) = pair().await;
    let waiting = tokio::spawn(async move { (a.call(b"?", &CALLS).await, a) });
    let _stream = b.accept().await.unwrap().unwrap();
    endpoints[1].close("gone");
    let (outcome, a) = waiting.await.unwrap();
    assert!(outcome.unwrap_err().is_transient());
    assert!(a.ended().is_some());
    drop(endpoints);
}
