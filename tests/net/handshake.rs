//! Who gets in, who does not, and whether the refused side learns why.

use std::time::Duration;

use kifu::event::NodeId;
use kifu::net::{Authority, Channel, Endpoint, EndpointLimits, JoinToken, NetError, Refusal, RefusedBy, Role};

use crate::support::{EchoNode, bind, echo, expired, identity, now};

async fn refusal(
    client: &Endpoint,
    server: &EchoNode,
    expected: Option<NodeId>,
    channel: Channel,
) -> (RefusedBy, Refusal) {
    match client.connect(server.address, expected, channel).await {
        Err(NetError::Refused { by, refusal, address }) => {
            assert_eq!(address, server.address);
            (by, refusal)
        }
        other => panic!("expected a refusal, got {other:?}"),
    }
}

#[tokio::test]
async fn nodes_of_one_cluster_know_each_other_by_key_name_and_role() {
    let authority = Authority::create().unwrap();
    let (a, b) = (bind(&identity(&authority, "a", Role::Node)), bind(&identity(&authority, "b", Role::Node)));
    let address = b.local_address().unwrap();
    let (dialled, accepted) = tokio::join!(a.connect(address, Some(b.identity().node()), Channel::Raft), b.accept());
    let (dialled, accepted) = (dialled.unwrap(), accepted.unwrap());
    assert_eq!((dialled.peer().node, dialled.peer().name.as_str()), (b.identity().node(), "b"));
    assert_eq!((accepted.peer().node, accepted.peer().name.as_str()), (a.identity().node(), "a"));
    assert_eq!((accepted.peer().role, accepted.channel()), (Role::Node, Channel::Raft));
    a.close("done");
    assert!(accepted.accept().await.unwrap().is_none(), "a farewell is not an error");
}

#[tokio::test]
async fn every_role_opens_what_the_table_allows_and_nothing_else() {
    let authority = Authority::create().unwrap();
    let server = EchoNode::start(&authority, EndpointLimits::default());
    for role in Role::ALL {
        let client = bind(&identity(&authority, "client", role));
        for channel in Channel::ALL {
            if role.may_open(channel) {
                echo(&client.connect(server.address, None, channel).await.unwrap()).await;
            } else {
                let expected = (RefusedBy::Peer, Refusal::Channel { role: None, channel });
                assert_eq!(refusal(&client, &server, None, channel).await, expected, "{role} on {channel}");
            }
        }
    }
}

#[tokio::test]
async fn a_node_of_another_cluster_is_not_spoken_to() {
    let (ours, theirs) = (Authority::create().unwrap(), Authority::create().unwrap());
    let server = EchoNode::start(&theirs, EndpointLimits::default());
    let client = bind(&identity(&ours, "client", Role::Node));
    let expected = (RefusedBy::Peer, Refusal::UnknownChannel);
    assert_eq!(refusal(&client, &server, None, Channel::Raft).await, expected);
    server.serves(&theirs).await;
}

#[tokio::test]
async fn a_certificate_past_its_date_is_refused_on_either_side() {
    let authority = Authority::create().unwrap();
    let late = authority.issue_identity("late", Role::Node, expired()).unwrap();
    let good = EchoNode::start(&authority, EndpointLimits::default());
    let by_peer = (RefusedBy::Peer, Refusal::Expired);
    assert_eq!(refusal(&bind(&late), &good, None, Channel::Raft).await, by_peer);
    good.serves(&authority).await;

    let server = EchoNode::start_as(&late, EndpointLimits::default());
    let client = bind(&identity(&authority, "client", Role::Node));
    assert_eq!(refusal(&client, &server, None, Channel::Raft).await, (RefusedBy::Us, Refusal::Expired));
}

#[tokio::test]
async fn another_node_than_the_expected_one_is_refused_before_it_learns_who_dials() {
    let authority = Authority::create().unwrap();
    let server = EchoNode::start(&authority, EndpointLimits::default());
    let client = bind(&identity(&authority, "client", Role::Node));
    let (expected, found) = (NodeId(7), server.endpoint.identity().node());
    let refused = refusal(&client, &server, Some(expected), Channel::Raft).await;
    assert_eq!(refused, (RefusedBy::Us, Refusal::WrongNode { expected, found }));
    server.serves(&authority).await;
}

#[tokio::test]
async fn a_joiner_speaks_with_the_identity_in_its_token() {
    let authority = Authority::create().unwrap();
    let server = EchoNode::start(&authority, EndpointLimits::default());
    let addresses = [server.address.to_string()];
    let token = JoinToken::create(&authority, &addresses, Duration::from_secs(60), now()).unwrap();
    let token = JoinToken::decode(&token.encode()).unwrap();
    let client = bind(&token.pass().identity);
    let address = token.pass().addresses[0].parse().unwrap();
    echo(&client.connect(address, None, Channel::Join).await.unwrap()).await;
}

#[tokio::test]
async fn a_token_past_its_time_still_gets_through_tls_so_that_the_cluster_can_say_no() {
    let authority = Authority::create().unwrap();
    let server = EchoNode::start(&authority, EndpointLimits::default());
    let an_hour_ago = kifu::event::Millis(now().0 - 3_600_000);
    let token = JoinToken::create(&authority, &[], Duration::from_secs(60), an_hour_ago).unwrap();
    assert!(token.pass().expires_at < now());
    echo(&bind(&token.pass().identity).connect(server.address, None, Channel::Join).await.unwrap()).await;
}

#[tokio::test]
async fn a_token_of_another_cluster_is_refused() {
    let (ours, theirs) = (Authority::create().unwrap(), Authority::create().unwrap());
    let server = EchoNode::start(&ours, EndpointLimits::default());
    let token = JoinToken::create(&theirs, &[], Duration::from_secs(60), now()).unwrap();
    let refused = refusal(&bind(&token.pass().identity), &server, None, Channel::Join).await;
    assert_eq!(refused, (RefusedBy::Peer, Refusal::UnknownChannel));
}

#[tokio::test]
async fn programs_that_are_not_nodes_do_not_answer() {
    let authority = Authority::create().unwrap();
    let operator = bind(&identity(&authority, "operator", Role::Operator));
    let limits = EndpointLimits { handshake_timeout: Duration::from_millis(300), ..Default::default() };
    let client = Endpoint::dialer(&identity(&authority, "client", Role::Node), limits).unwrap();
    let outcome = client.connect(operator.local_address().unwrap(), None, Channel::Api).await;
    assert!(matches!(outcome, Err(NetError::Unreachable { .. } | NetError::Refused { .. })), "{outcome:?}");
}

#[tokio::test]
async fn nobody_there_and_a_taken_port_are_told_in_plain_words() {
    let authority = Authority::create().unwrap();
    let limits = EndpointLimits { handshake_timeout: Duration::from_millis(300), ..Default::default() };
    let client = Endpoint::dialer(&identity(&authority, "client", Role::Node), limits).unwrap();
    let silent = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    let address = silent.local_addr().unwrap();
    let error = client.connect(address, None, Channel::Raft).await.unwrap_err();
    assert!(matches!(error, NetError::Unreachable { .. }) && error.is_transient(), "{error}");
    let error = Endpoint::bind(address, &identity(&authority, "x", Role::Node), limits).unwrap_err();
    assert!(error.to_string().starts_with(&format!("cannot listen on {address} (UDP)")), "{error}");
}
