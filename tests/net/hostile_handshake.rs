//! Strangers: none of them gets in, none of them learns more than that, and all of them leave the node serving others.

use std::net::UdpSocket;
use std::time::Duration;

use kifu::net::{Authority, Channel, Endpoint, EndpointLimits, Hello, NetError, Refusal, RefusedBy, Role};

use crate::raw::{Captured, attempt, client, mute_server};
use crate::support::{EchoNode, bind, echo, expired, identity, loopback};

#[tokio::test]
async fn garbage_on_the_port_is_ignored() {
    let authority = Authority::create().unwrap();
    let server = EchoNode::start(&authority, EndpointLimits::default());
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let mut noise = blake3::Hasher::new().finalize_xof();
    for length in [0, 1, 7, 20, 21, 1199, 1200, 1400, 9000] {
        // Short header, long header of a version nobody knows, long header of version 1: each with noise behind it.
        for head in [&[][..], &[0xc3, 0xba, 0xba, 0xba, 0xba, 8], &[0xc3, 0, 0, 0, 1, 8], &[0xc3, 0, 0, 0, 1, 255]] {
            let mut packet = vec![0; length];
            noise.fill(&mut packet);
            packet.splice(..head.len().min(length), head.iter().copied());
            socket.send_to(&packet, server.address).unwrap();
        }
    }
    server.serves(&authority).await;
}

#[tokio::test]
async fn a_client_without_a_certificate_is_refused_and_logged() {
    let (log, _guard) = Captured::start();
    let authority = Authority::create().unwrap();
    let server = EchoNode::start(&authority, EndpointLimits::default());
    let stranger = client(None, &[&Channel::Raft.protocol(authority.certificate())]);
    let error = attempt(&stranger, server.address).await;
    assert!(error.to_string().contains("peer sent no certificates"), "{error}");
    server.serves(&authority).await;
    let text = log.text();
    assert!(text.contains("peer refused") && text.contains("its side showed no certificate"), "{text}");
    assert!(text.contains(&format!("remote={}", stranger.local_addr().unwrap())), "{text}");
}

#[tokio::test]
async fn another_clusters_certificate_is_refused_and_logged() {
    let (log, _guard) = Captured::start();
    let (ours, theirs) = (Authority::create().unwrap(), Authority::create().unwrap());
    let server = EchoNode::start(&ours, EndpointLimits::default());
    for role in Role::ALL {
        let error = attempt(
            &client(Some(&identity(&theirs, "spy", role)), &[&Channel::Join.protocol(ours.certificate())]),
            server.address,
        )
        .await;
        assert!(error.to_string().contains("invalid peer certificate"), "{error}");
    }
    server.serves(&ours).await;
    let told = log.text().matches("the two sides belong to different clusters").count();
    assert_eq!(told, Role::ALL.len(), "{}", log.text());
}

#[tokio::test]
async fn an_expired_certificate_and_a_node_of_another_cluster_are_logged() {
    let (log, _guard) = Captured::start();
    let (ours, theirs) = (Authority::create().unwrap(), Authority::create().unwrap());
    let server = EchoNode::start(&ours, EndpointLimits::default());
    attempt(
        &client(
            Some(&ours.issue_identity("late", Role::Node, expired()).unwrap()),
            &[&Channel::Raft.protocol(ours.certificate())],
        ),
        server.address,
    )
    .await;
    let foreign = bind(&identity(&theirs, "foreign", Role::Node));
    foreign.connect(server.address, None, Channel::Raft).await.unwrap_err();
    server.serves(&ours).await;
    let text = log.text();
    assert!(text.contains("its certificate has expired or is not valid yet"), "{text}");
    assert!(text.contains("its protocol is not spoken on the other side: it belongs to another cluster"), "{text}");
}

#[tokio::test]
async fn an_unknown_protocol_is_refused_even_with_a_good_certificate() {
    let authority = Authority::create().unwrap();
    let server = EchoNode::start(&authority, EndpointLimits::default());
    let good = identity(&authority, "good", Role::Node);
    for alpn in [&["kifu-raft/2"][..], &["kifu-raft/1"], &["kifu-raft/1+00"], &["h3", "h2"], &["http/1.1"]] {
        let error = attempt(&client(Some(&good), alpn), server.address).await;
        assert!(error.to_string().contains("known protocol"), "{alpn:?}: {error}");
    }
    server.serves(&authority).await;
}

#[tokio::test]
async fn connections_over_the_limits_are_refused_and_room_is_found_again() {
    let authority = Authority::create().unwrap();
    let limits = EndpointLimits { connections_max: 3, connections_per_peer_max: 2, ..Default::default() };
    let server = EchoNode::start(&authority, limits);
    let greedy = bind(&identity(&authority, "greedy", Role::Node));
    let other = bind(&identity(&authority, "other", Role::Node));
    let dial = |client: &kifu::net::Endpoint| {
        let client = client.clone();
        async move { client.connect(server.address, None, Channel::Raft).await }
    };
    let busy = |outcome| match outcome {
        Err(NetError::Refused { by: RefusedBy::Peer, refusal: Refusal::Busy, .. }) => {}
        other => panic!("expected to be told that the node is busy, got {other:?}"),
    };
    let first = dial(&greedy).await.unwrap();
    let second = dial(&greedy).await.unwrap();
    busy(dial(&greedy).await);
    let third = dial(&other).await.unwrap();
    busy(dial(&other).await);
    for connection in [&first, &second, &third] {
        echo(connection).await;
    }
    first.close("done");
    // The node notices the farewell in its own time; until then it says that it is busy.
    let again = loop {
        match dial(&greedy).await {
            Ok(connection) => break connection,
            refused => busy(refused),
        }
    };
    echo(&again).await;
}

/// First packets of clients that then fall silent, caught on their way to nobody.
async fn first_packets(authority: &Authority, count: usize) -> Vec<Vec<u8>> {
    let mut packets = Vec::new();
    for _ in 0..count {
        let trap = tokio::net::UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let client = client(None, &[&Channel::Raft.protocol(authority.certificate())]);
        let _connecting = client.connect(trap.local_addr().unwrap(), "kifu").unwrap();
        let mut packet = vec![0; 2048];
        let length = trap.recv(&mut packet).await.unwrap();
        packet.truncate(length);
        packets.push(packet);
    }
    packets
}

#[tokio::test]
async fn handshakes_that_are_begun_and_left_do_not_keep_others_out() {
    let authority = Authority::create().unwrap();
    let limits = EndpointLimits { handshakes_max: 8, handshake_timeout: Duration::from_secs(20), ..Default::default() };
    let server = EchoNode::start(&authority, limits);
    let mut sockets = Vec::new();
    for packet in first_packets(&authority, 40).await {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        socket.send_to(&packet, server.address).unwrap();
        sockets.push(socket);
    }
    // The silent ones hold their places for 20 seconds; who shows that it is there gets one of the others.
    server.serves(&authority).await;
}

#[tokio::test]
async fn a_node_that_never_says_welcome_is_given_up() {
    let authority = Authority::create().unwrap();
    let mute = mute_server(&identity(&authority, "mute", Role::Node));
    let address = mute.local_addr().unwrap();
    let held = tokio::spawn(async move {
        // On a busy machine it may be given up before it is there.
        if let Ok(connection) = mute.accept().await.unwrap().await {
            connection.closed().await;
        }
    });
    let limits = EndpointLimits { handshake_timeout: Duration::from_secs(2), ..Default::default() };
    let client =
        kifu::net::Endpoint::bind("127.0.0.1:0".parse().unwrap(), &identity(&authority, "a", Role::Node), limits)
            .unwrap();
    let error = client.connect(address, None, Channel::Raft).await.unwrap_err();
    assert!(matches!(error, NetError::Unreachable { .. }), "{error}");
    held.await.unwrap();
}

#[tokio::test]
async fn builds_without_a_protocol_in_common_refuse_each_other_and_both_say_what_they_speak() {
    let (log, _guard) = Captured::start();
    let authority = Authority::create().unwrap();
    let (this, next) = (Hello::default(), Hello { wire_min: 2, wire_max: 3, ..Hello::default() });
    let speaking = |hello| EndpointLimits { hello, ..EndpointLimits::default() };
    let cases = [(next, this, "1 to 1, the other 2 to 3"), (this, next, "2 to 3, the other 1 to 1")];
    for (number, (server, dialler, words)) in (1..).zip(cases) {
        let server = EchoNode::start(&authority, speaking(server));
        let client = identity(&authority, "client", Role::Node);
        let client = Endpoint::bind(loopback(), &client, speaking(dialler)).unwrap();
        let error = client.connect(server.address, None, Channel::Raft).await.unwrap_err();
        let NetError::Refused { by: RefusedBy::Us, refusal: Refusal::Version(text), .. } = &error else {
            panic!("{error}")
        };
        assert!(text.contains(words) && error.to_string().contains("upgrade the older of the two"), "{error}");
        // The side that was dialled hears it a moment later.
        let told = || log.text().lines().filter(|line| line.contains("release does not fit")).count();
        let heard = async {
            while told() < number {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(20), heard).await.unwrap_or_else(|_| panic!("{}", log.text()));
        assert!(log.text().lines().last().is_some_and(|line| line.contains(words)), "{}", log.text());
    }
    // Where a version is common, the highest is spoken.
    let server = EchoNode::start(&authority, speaking(Hello { wire_max: 3, ..this }));
    server.serves(&authority).await;
}
