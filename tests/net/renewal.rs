//! A certificate is replaced while connections are open.

use std::time::Duration;

use kifu::event::Millis;
use kifu::net::{Authority, Channel, EndpointLimits, Identity, Role, SecretKey, Validity};

use crate::raw::watching_client;
use crate::support::{EchoNode, bind, echo, identity, now};

/// Another certificate for the same key.
fn renewed(authority: &Authority, old: &Identity) -> Identity {
    let validity = Validity::starting(now(), Duration::from_secs(2 * 24 * 3600));
    let certificate = authority.issue(&old.public_key(), old.name(), old.role(), validity).unwrap();
    let key = SecretKey::from_pkcs8(old.key().to_pkcs8()).unwrap();
    Identity::new(authority.certificate().clone(), certificate, key).unwrap()
}

#[tokio::test]
async fn open_connections_stay_and_new_ones_see_the_new_certificate_in_both_directions() {
    let authority = Authority::create().unwrap();
    let server = EchoNode::start(&authority, EndpointLimits::default());
    let client = bind(&identity(&authority, "client", Role::Node));
    let before = client.connect(server.address, None, Channel::Raft).await.unwrap();
    let old = server.endpoint.identity();
    let new = renewed(&authority, &old);
    server.endpoint.renew(&new).unwrap();
    client.renew(&renewed(&authority, &client.identity())).unwrap();
    echo(&before).await;

    let after = client.connect(server.address, Some(new.node()), Channel::Raft).await.unwrap();
    echo(&after).await;
    echo(&before).await;
    let (probe, shown) = watching_client(Some(&client.identity()), &[&Channel::Raft.protocol(authority.certificate())]);
    let connection = probe.connect(server.address, "kifu").unwrap().await.unwrap();
    assert_eq!(*shown.lock().unwrap(), [new.certificate().der().to_vec()]);
    assert_ne!(new.certificate().der(), old.certificate().der());
    assert_eq!(server.endpoint.identity().certificate().expires_at(), new.certificate().expires_at());
    connection.close(0u32.into(), b"");
}

#[tokio::test]
async fn a_client_whose_certificate_has_expired_gets_in_again_with_a_new_one() {
    let authority = Authority::create().unwrap();
    let server = EchoNode::start(&authority, EndpointLimits::default());
    let late = authority.issue_identity("late", Role::Node, crate::support::expired()).unwrap();
    let client = bind(&late);
    client.connect(server.address, None, Channel::Raft).await.unwrap_err();
    client.renew(&renewed(&authority, &late)).unwrap();
    echo(&client.connect(server.address, None, Channel::Raft).await.unwrap()).await;
}

#[tokio::test]
async fn another_key_role_or_cluster_is_not_a_renewal() {
    let authority = Authority::create().unwrap();
    let own = identity(&authority, "own", Role::Node);
    let endpoint = bind(&own);
    let certificate = authority.issue(&own.public_key(), "own", Role::Viewer, crate::support::valid()).unwrap();
    let key = SecretKey::from_pkcs8(own.key().to_pkcs8()).unwrap();
    let viewer = Identity::new(authority.certificate().clone(), certificate, key).unwrap();
    let other_key = identity(&authority, "own", Role::Node);
    let foreign = identity(&Authority::create().unwrap(), "own", Role::Node);
    for wrong in [viewer, other_key, foreign] {
        assert!(endpoint.renew(&wrong).is_err());
    }
    assert_eq!(endpoint.identity().certificate().der(), own.certificate().der());
    assert!(Millis(0) < endpoint.identity().certificate().expires_at());
}
