//! A peer that dies without a word and comes back.

use std::time::Duration;

use kifu::net::{Authority, Channel, Endpoint, EndpointLimits, NetError, Role};

use crate::support::{EchoNode, echo, identity, loopback};

#[tokio::test]
async fn a_restarted_node_tells_its_peers_that_their_connections_are_gone() {
    let authority = Authority::create().unwrap();
    let server = identity(&authority, "server", Role::Node);
    // Only a reset can end the connection early: the silence of a dead peer would be noticed after ten minutes.
    let patient = EndpointLimits {
        idle_timeout: Duration::from_secs(600),
        keep_alive: Duration::from_millis(200),
        ..EndpointLimits::default()
    };
    let first = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let node = start_on(&first, &server, patient);
    let address = node.address;
    let client = Endpoint::bind(loopback(), &identity(&authority, "client", Role::Node), patient).unwrap();
    let connection = client.connect(address, None, Channel::Raft).await.unwrap();
    echo(&connection).await;
    first.shutdown_background();
    drop(node);
    let second = loop {
        match Endpoint::bind(address, &server, patient) {
            Ok(endpoint) => break endpoint,
            Err(NetError::Bind { .. }) => tokio::time::sleep(Duration::from_millis(20)).await,
            Err(error) => panic!("{error}"),
        }
    };
    let ended = tokio::time::timeout(Duration::from_secs(60), connection.closed()).await.expect("it is told");
    assert!(ended.to_string().contains("reset"), "{ended}");
    drop(second);
}

/// Starts a node on `runtime` from within another.
fn start_on(runtime: &tokio::runtime::Runtime, identity: &kifu::net::Identity, limits: EndpointLimits) -> EchoNode {
    let _inside = runtime.enter();
    EchoNode::start_as(identity, limits)
}
