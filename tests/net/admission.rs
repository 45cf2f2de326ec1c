//! Peers whose certificate is good and whom the cluster does not want any more.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

use kifu::event::NodeId;
use kifu::net::{Authority, Channel, Endpoint, EndpointLimits, NetError, Refusal, RefusedBy, Role};

use crate::support::{EchoNode, bind, echo, identity};

/// Nodes that an endpoint refuses, to be changed as the test goes on.
#[derive(Clone, Default)]
struct Removed(Arc<Mutex<BTreeSet<NodeId>>>);

impl Removed {
    fn judge(&self, endpoint: &Endpoint) {
        let removed = self.clone();
        endpoint.admit(Arc::new(move |peer| match removed.0.lock().unwrap().contains(&peer.node) {
            true => Err(format!("{} was removed", peer.name)),
            false => Ok(()),
        }));
    }

    fn remove(&self, node: NodeId) {
        self.0.lock().unwrap().insert(node);
    }
}

#[tokio::test]
async fn a_removed_peers_connections_are_closed_and_no_new_one_is_opened() {
    let authority = Authority::create().unwrap();
    let server = EchoNode::start(&authority, EndpointLimits::default());
    let removed = Removed::default();
    removed.judge(&server.endpoint);
    let (goes, stays) =
        (bind(&identity(&authority, "goes", Role::Node)), bind(&identity(&authority, "stays", Role::Node)));
    let dial = |client: &Endpoint| {
        let client = client.clone();
        async move { client.connect(server.address, None, Channel::Api).await }
    };
    let (gone, kept) = (dial(&goes).await.unwrap(), dial(&stays).await.unwrap());
    echo(&gone).await;
    removed.remove(goes.identity().node());
    assert_eq!(server.endpoint.recheck(), 1);
    let words = gone.closed().await.to_string();
    assert!(words.contains("goes was removed"), "{words}");
    let expected = Refusal::NotAdmitted("goes was removed".to_owned());
    match dial(&goes).await {
        Err(NetError::Refused { by: RefusedBy::Peer, refusal, .. }) => assert_eq!(refusal, expected),
        other => panic!("expected a refusal, got {other:?}"),
    }
    echo(&kept).await;
    echo(&dial(&stays).await.unwrap()).await;
}

#[tokio::test]
async fn a_removed_node_is_not_dialled_either_and_a_connection_to_it_is_closed() {
    let authority = Authority::create().unwrap();
    let server = EchoNode::start(&authority, EndpointLimits::default());
    let client = bind(&identity(&authority, "client", Role::Node));
    let open = client.connect(server.address, None, Channel::Raft).await.unwrap();
    echo(&open).await;
    let removed = Removed::default();
    removed.remove(server.endpoint.identity().node());
    removed.judge(&client);
    assert!(open.ended().is_some(), "closed as soon as somebody judges");
    match client.connect(server.address, None, Channel::Raft).await {
        Err(NetError::Refused { by: RefusedBy::Us, refusal: Refusal::NotAdmitted(_), .. }) => {}
        other => panic!("expected a refusal, got {other:?}"),
    }
}

#[tokio::test]
async fn dropped_connections_are_forgotten() {
    let authority = Authority::create().unwrap();
    let server = EchoNode::start(&authority, EndpointLimits::default());
    let client = bind(&identity(&authority, "client", Role::Node));
    for _ in 0..20 {
        drop(client.connect(server.address, None, Channel::Raft).await.unwrap());
    }
    let removed = Removed::default();
    removed.remove(server.endpoint.identity().node());
    removed.judge(&client);
    assert_eq!(client.recheck(), 0);
}
