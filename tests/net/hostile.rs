//! Peers with a good certificate and bad manners: what they send, or do not send, costs only themselves.

use std::time::Duration;

use kifu::net::{
    Authority, CallLimits, Channel, Connection, Endpoint, EndpointLimits, FrameLimits, NetError, RecvStream, Role,
    read_frame,
};

use crate::support::{CALLS, EchoNode, bind, echo, identity};

const PATIENCE: Duration = Duration::from_millis(200);

async fn connected(server: &EchoNode, authority: &Authority) -> (Connection, Endpoint) {
    let client = bind(&identity(authority, "rude", Role::Node));
    (client.connect(server.address, None, Channel::Api).await.unwrap(), client)
}

/// What the peer says to raw bytes on a fresh stream, once it has finished with it.
async fn answer_to(connection: &Connection, bytes: &[u8]) -> Vec<u8> {
    let (mut send, mut receive) = connection.open().await.unwrap();
    send.write_all(bytes).await.unwrap();
    receive.read_to_end(1024).await.unwrap_or_default()
}

#[tokio::test]
async fn a_length_of_4_gib_is_refused_at_once_and_costs_that_stream_only() {
    let authority = Authority::create().unwrap();
    let server = EchoNode::start(&authority, EndpointLimits::default());
    let (connection, _client) = connected(&server, &authority).await;
    for length in [u32::MAX, 1 << 31, u32::try_from(CALLS.request_bytes_max).unwrap() + 1] {
        assert_eq!(answer_to(&connection, &length.to_le_bytes()).await, b"", "{length}");
    }
    echo(&connection).await;
    server.serves(&authority).await;
}

#[tokio::test]
async fn an_answer_of_4_gib_is_refused_by_the_caller() {
    let authority = Authority::create().unwrap();
    let (a, b) = (bind(&identity(&authority, "a", Role::Node)), bind(&identity(&authority, "b", Role::Node)));
    let address = b.local_address().unwrap();
    let lying = tokio::spawn(async move {
        let connection = b.accept().await.unwrap();
        let (mut send, _receive) = connection.accept().await.unwrap().unwrap();
        send.write_all(&u32::MAX.to_le_bytes()).await.unwrap();
        connection.closed().await
    });
    let connection = a.connect(address, None, Channel::Api).await.unwrap();
    let error = connection.call(b"?", &CALLS).await.unwrap_err().to_string();
    assert!(error.contains("message of 4294967295 bytes refused: at most 1048576"), "{error}");
    connection.close("enough");
    lying.await.unwrap();
}

/// A stream on which the peer has sent `bytes` and then nothing more.
async fn stalled(bytes: &[u8]) -> (RecvStream, (Connection, Connection, quinn::SendStream, [Endpoint; 2])) {
    let authority = Authority::create().unwrap();
    let (a, b) = (bind(&identity(&authority, "a", Role::Node)), bind(&identity(&authority, "b", Role::Node)));
    let address = b.local_address().unwrap();
    let (dialled, accepted) = tokio::join!(a.connect(address, None, Channel::Raft), b.accept());
    let (dialled, accepted) = (dialled.unwrap(), accepted.unwrap());
    let (mut send, _) = dialled.open().await.unwrap();
    send.write_all(bytes).await.unwrap();
    let (_, receive) = accepted.accept().await.unwrap().unwrap();
    (receive, (dialled, accepted, send, [a, b]))
}

#[tokio::test]
async fn part_of_a_message_and_then_silence_ends_after_the_stall_not_the_idle_timeout() {
    let limits = FrameLimits { bytes_max: 1000, idle: Some(Duration::from_secs(3600)), stall: PATIENCE };
    for bytes in [&[9][..], &[9, 0, 0], &[9, 0, 0, 0], &[9, 0, 0, 0, 1, 2, 3]] {
        let (mut receive, _kept) = stalled(bytes).await;
        let error = read_frame(&mut receive, &limits).await.unwrap_err();
        assert!(matches!(error, NetError::Silent { doing: "receiving a message", .. }), "{bytes:?}: {error}");
    }
}

#[tokio::test]
async fn silence_between_messages_ends_after_the_idle_timeout() {
    let (mut receive, _kept) = stalled(&[1, 0, 0, 0, 42]).await;
    let limits = FrameLimits { bytes_max: 1000, idle: Some(PATIENCE), stall: Duration::from_secs(3600) };
    assert_eq!(read_frame(&mut receive, &limits).await.unwrap().unwrap(), [42][..]);
    let error = read_frame(&mut receive, &limits).await.unwrap_err();
    assert!(matches!(error, NetError::Silent { doing: "waiting for a message", .. }), "{error}");
}

#[tokio::test]
async fn a_stream_cut_inside_a_message_is_an_error_and_not_an_end() {
    let (mut receive, (_a, _b, mut send, _endpoints)) = stalled(&[9, 0, 0, 0, 1]).await;
    send.finish().unwrap();
    let error = read_frame(&mut receive, &FrameLimits::up_to(1000)).await.unwrap_err();
    assert!(matches!(error, NetError::Stream { .. }), "{error}");
}

#[tokio::test]
async fn callers_that_never_finish_asking_do_not_keep_others_waiting() {
    let authority = Authority::create().unwrap();
    let impatient = CallLimits { timeout: PATIENCE, ..CALLS };
    let server = EchoNode::start_with(&identity(&authority, "echo", Role::Node), EndpointLimits::default(), impatient);
    let (connection, _client) = connected(&server, &authority).await;
    let mut held = Vec::new();
    for _ in 0..2 * kifu::net::rpc::CALLS_MAX {
        let (mut send, receive) = connection.open().await.unwrap();
        send.write_all(&[200, 0, 0, 0, 1]).await.unwrap();
        held.push((send, receive));
    }
    server.serves(&authority).await;
    // On the same connection the good call waits its turn behind the bad ones.
    echo(&connection).await;
}

#[tokio::test]
async fn a_caller_that_asks_and_runs_costs_nothing() {
    let authority = Authority::create().unwrap();
    let server = EchoNode::start(&authority, EndpointLimits::default());
    for _ in 0..20 {
        let (connection, client) = connected(&server, &authority).await;
        let (mut send, _receive) = connection.open().await.unwrap();
        send.write_all(&[4, 0, 0, 0, 1, 2, 3, 4]).await.unwrap();
        client.close("gone");
    }
    server.serves(&authority).await;
}
