//! What somebody learns who may send packets to a node and has no certificate of its cluster: that something speaks QUIC.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use kifu::net::{Authority, Channel, EndpointLimits, Role};
use tokio::net::UdpSocket;

use crate::raw::{attempt, watching_client};
use crate::support::{EchoNode, identity};

/// Passes packets between one client and `server`, and keeps those that go to the client.
async fn relay(server: SocketAddr) -> (SocketAddr, Arc<Mutex<Vec<Vec<u8>>>>, Arc<AtomicUsize>) {
    let (outside, inside) =
        (UdpSocket::bind("127.0.0.1:0").await.unwrap(), UdpSocket::bind("127.0.0.1:0").await.unwrap());
    inside.connect(server).await.unwrap();
    let address = outside.local_addr().unwrap();
    let (kept, asked) = (Arc::new(Mutex::new(Vec::new())), Arc::new(AtomicUsize::new(0)));
    let (keep, count) = (kept.clone(), asked.clone());
    tokio::spawn(async move {
        let (mut there, mut back, mut client) = (vec![0; 65_536], vec![0; 65_536], None);
        loop {
            tokio::select! {
                Ok((length, from)) = outside.recv_from(&mut there) => {
                    client = Some(from);
                    count.fetch_add(length, Ordering::Relaxed);
                    inside.send(&there[..length]).await.ok();
                }
                Ok(length) = inside.recv(&mut back) => {
                    keep.lock().unwrap().push(back[..length].to_vec());
                    if let Some(client) = client {
                        outside.send_to(&back[..length], client).await.ok();
                    }
                }
            }
        }
    });
    (address, kept, asked)
}

fn holds(packet: &[u8], words: &[u8]) -> bool {
    packet.windows(words.len()).any(|window| window == words)
}

#[tokio::test]
async fn a_stranger_is_shown_no_certificate_and_told_no_name_and_no_version() {
    let authority = Authority::create().unwrap();
    let server = EchoNode::start(&authority, EndpointLimits::default());
    let theirs = identity(&Authority::create().unwrap(), "spy", Role::Node);
    for shows in [None, Some(&theirs)] {
        for alpn in [&[][..], &["kifu-raft/1"], &["kifu-api/1", "kifu-join/1"], &["h3"]] {
            let (address, kept, asked) = relay(server.address).await;
            let (stranger, shown) = watching_client(shows, alpn);
            let words = attempt(&stranger, address).await.to_string();
            assert!(shown.lock().unwrap().is_empty(), "{alpn:?}: a certificate was shown");
            for secret in ["kifu", "echo", "version 1", &authority.cluster().as_str()["cluster/".len()..]] {
                assert!(!words.contains(secret), "{alpn:?} was told {words:?}");
            }
            let packets = kept.lock().unwrap().clone();
            let ca = authority.certificate().public_key().0;
            assert!(packets.iter().all(|packet| !holds(packet, b"kifu") && !holds(packet, &ca)), "{alpn:?}");
            let (sent, got) = (asked.load(Ordering::Relaxed), packets.iter().map(Vec::len).sum::<usize>());
            assert!(got <= 3 * sent, "{alpn:?}: {got} bytes for {sent}");
        }
    }
    server.serves(&authority).await;
}

#[tokio::test]
async fn the_mark_in_protocol_names_follows_from_the_ca_and_differs_between_clusters() {
    let (ours, theirs) = (Authority::create().unwrap(), Authority::create().unwrap());
    for channel in Channel::ALL {
        let protocol = channel.protocol(ours.certificate());
        assert_eq!(Channel::from_alpn(protocol.as_bytes()), Some(channel));
        assert_eq!(protocol, channel.protocol(ours.certificate()));
        assert_ne!(protocol, channel.protocol(theirs.certificate()));
        assert!(!protocol.contains(&ours.cluster().as_str()["cluster/".len()..]), "the cluster's id is not in it");
    }
}

#[tokio::test]
async fn who_knows_the_mark_but_has_no_certificate_is_refused_all_the_same() {
    let authority = Authority::create().unwrap();
    let server = EchoNode::start(&authority, EndpointLimits::default());
    for channel in Channel::ALL {
        let (stranger, _) = watching_client(None, &[&channel.protocol(authority.certificate())]);
        let error = attempt(&stranger, server.address).await;
        assert!(error.to_string().contains("peer sent no certificates"), "{error}");
    }
    server.serves(&authority).await;
}
