//! A network that sends packets twice, late and out of order, and an attacker who sends recorded ones again: what arrives is
//! what was sent, once.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use kifu::net::{Authority, Channel, Role, serve};
use tokio::net::UdpSocket;

use crate::support::{CALLS, bind, identity, loopback};

/// Packets that were recorded on their way to the server.
type Recorded = Arc<Mutex<Vec<Vec<u8>>>>;

/// Passes packets on: each twice, and of every three the first behind the others. Remembers those to the server.
async fn unruly(server: SocketAddr) -> (SocketAddr, Recorded) {
    let (outside, inside) = (UdpSocket::bind(loopback()).await.unwrap(), UdpSocket::bind(loopback()).await.unwrap());
    inside.connect(server).await.unwrap();
    let (address, recorded) = (outside.local_addr().unwrap(), Recorded::default());
    let record = recorded.clone();
    tokio::spawn(async move {
        let (mut there, mut back, mut client, mut number) = (vec![0; 65_536], vec![0; 65_536], None, 0);
        let mut late: Option<Vec<u8>> = None;
        loop {
            tokio::select! {
                Ok((length, from)) = outside.recv_from(&mut there) => {
                    client = Some(from);
                    let packet = there[..length].to_vec();
                    record.lock().unwrap().push(packet.clone());
                    number += 1;
                    let sent = if number % 3 == 0 { late.replace(packet) } else { Some(packet) };
                    for packet in sent.iter().chain(&sent) {
                        inside.send(packet).await.ok();
                    }
                }
                Ok(length) = inside.recv(&mut back) => {
                    for _ in 0..2 {
                        if let Some(client) = client {
                            outside.send_to(&back[..length], client).await.ok();
                        }
                    }
                }
            }
        }
    });
    (address, recorded)
}

#[tokio::test]
async fn duplicated_reordered_and_replayed_packets_change_nothing() {
    let authority = Authority::create().unwrap();
    let server = bind(&identity(&authority, "server", Role::Node));
    let address = server.local_address().unwrap();
    let handled = Arc::new(AtomicUsize::new(0));
    let counter = handled.clone();
    tokio::spawn(async move {
        while let Some(connection) = server.accept().await {
            let counter = counter.clone();
            tokio::spawn(async move {
                let handler = move |request: Bytes| {
                    counter.fetch_add(1, Ordering::SeqCst);
                    async { request }
                };
                serve(&connection, &CALLS, handler).await
            });
        }
    });
    let (through, recorded) = unruly(address).await;
    let client = bind(&identity(&authority, "client", Role::Node));
    let connection = client.connect(through, None, Channel::Api).await.unwrap();
    for number in 0..40_u32 {
        let request = number.to_le_bytes().repeat(1 + number as usize * 50);
        assert_eq!(connection.call(&request, &CALLS).await.unwrap(), request, "call {number}");
    }
    assert_eq!(handled.load(Ordering::SeqCst), 40, "each call once");

    // The attacker has all of it, and sends it again: from the same side, and from another.
    let packets = recorded.lock().unwrap().clone();
    let elsewhere = UdpSocket::bind(loopback()).await.unwrap();
    for packet in packets.iter().chain(packets.iter().rev()) {
        elsewhere.send_to(packet, address).await.unwrap();
    }
    let last = connection.call(b"still there?", &CALLS).await.unwrap();
    assert_eq!(&last[..], b"still there?");
    let fresh = client.connect(address, None, Channel::Api).await.unwrap();
    assert_eq!(&fresh.call(b"and you?", &CALLS).await.unwrap()[..], b"and you?");
    assert_eq!(handled.load(Ordering::SeqCst), 42, "nothing that was replayed was handled");
}
