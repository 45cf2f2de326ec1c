//! The network between the machines: turmoil's, with QUIC on top, and worse weather than turmoil makes by itself.
//!
//! turmoil delivers each message after a delay of its own, so messages overtake one another. What this module adds is
//! decided when a message is sent, for each direction of each pair by itself: cut, lost, twice, or late.

use std::io::{self, IoSliceMut};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::Duration;

use quinn::udp::{RecvMeta, Transmit};
use quinn::{AsyncUdpSocket, UdpPoller};
use tokio::sync::mpsc;

use crate::dice::Dice;
use crate::os;
use crate::report::Counts;
use crate::trace::Trace;
use crate::wires::{Carried, Width, Wires};

/// The port of every node.
pub const PORT: u16 = 7001;
/// The largest UDP payload that QUIC sends.
const PACKET_BYTES_MAX: usize = 1 << 16;

/// One direction between two machines.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Link {
    /// Nothing gets through.
    pub cut: bool,
    /// The share of messages that is lost.
    pub loss: f64,
    /// The share that arrives twice.
    pub twice: f64,
    /// The share that is late, and by up to how many milliseconds.
    pub late: (f64, u64),
}

/// All links, and what happened on them.
pub struct Net {
    links: Mutex<Vec<Vec<Link>>>,
    wires: Mutex<Wires>,
    usual: Link,
    dice: Mutex<Dice>,
    pub counts: Arc<Mutex<Counts>>,
    pub trace: Arc<Mutex<Trace>>,
}

impl Net {
    pub fn new(seed: u64, machines: usize, loss: f64, counts: Arc<Mutex<Counts>>, trace: Arc<Mutex<Trace>>) -> Net {
        let usual = Link { loss, ..Link::default() };
        let links = Mutex::new(vec![vec![usual; machines]; machines]);
        let wires = Mutex::new(Wires::new(machines));
        Net { links, wires, usual, dice: Mutex::new(Dice::new(seed, "net")), counts, trace }
    }

    /// Changes the link from one machine to another.
    pub fn change(&self, from: usize, to: usize, change: impl FnOnce(&mut Link)) {
        change(&mut self.links.lock().expect("no panic")[from][to]);
    }

    /// Makes all links as good as they usually are.
    pub fn heal(&self) {
        let mut links = self.links.lock().expect("no panic");
        links.iter_mut().flatten().for_each(|link| *link = self.usual);
    }

    /// Makes all links so wide: see [`Wires`].
    pub fn narrow(&self, width: Option<Width>) {
        self.wires.lock().expect("no panic").change(width);
    }

    /// What crossed the links since they became narrow.
    pub fn carried(&self) -> Carried {
        self.wires.lock().expect("no panic").carried
    }

    /// The delays after which copies of a message arrive; none when it is lost.
    fn copies(&self, from: usize, to: usize, bytes: usize) -> Vec<Duration> {
        let link = self.links.lock().expect("no panic")[from][to];
        let mut dice = self.dice.lock().expect("no panic");
        let mut counts = self.counts.lock().expect("no panic");
        counts.packets += 1;
        let mut copies = vec![Duration::ZERO];
        if link.cut {
            counts.packets_cut += 1;
            copies.clear();
        } else if link.loss > 0.0 && dice.chance(link.loss) {
            counts.packets_lost += 1;
            copies.clear();
        } else if link.twice > 0.0 && dice.chance(link.twice) {
            counts.packets_twice += 1;
            copies.push(dice.ms(1, 50));
        } else if link.late.0 > 0.0 && dice.chance(link.late.0) {
            counts.packets_late += 1;
            copies[0] = dice.ms(1, link.late.1.max(2));
        }
        let mut wires = self.wires.lock().expect("no panic");
        let left = |delay| wires.pass(from, to, bytes, os::now()).map(|left| left + delay);
        let copies: Vec<Duration> = copies.into_iter().filter_map(left).collect();
        self.trace.lock().expect("no panic").packet(from, to, bytes, copies.len());
        copies
    }
}

/// The machine at this address.
pub fn machine_at(address: IpAddr) -> usize {
    match address {
        IpAddr::V4(ip) => usize::from(ip.octets()[3]) - 1,
        IpAddr::V6(_) => unreachable!("the simulation has IPv4 addresses"),
    }
}

/// Where this machine listens.
pub fn address_of(machine: usize) -> SocketAddr {
    SocketAddr::new(Ipv4Addr::new(192, 168, 0, machine as u8 + 1).into(), PORT)
}

/// A socket of one machine.
pub struct SimSocket {
    machine: usize,
    socket: Arc<turmoil::net::UdpSocket>,
    arrivals: Mutex<mpsc::UnboundedReceiver<(Vec<u8>, SocketAddr)>>,
    net: Arc<Net>,
}

impl SimSocket {
    /// Binds the port of every node on this machine.
    pub async fn bind(machine: usize, net: Arc<Net>) -> io::Result<Arc<SimSocket>> {
        let socket = Arc::new(turmoil::net::UdpSocket::bind((Ipv4Addr::UNSPECIFIED, PORT)).await?);
        let (sender, arrivals) = mpsc::unbounded_channel();
        let from = socket.clone();
        tokio::spawn(async move {
            let mut buffer = vec![0; PACKET_BYTES_MAX];
            while let Ok((length, peer)) = from.recv_from(&mut buffer).await {
                if sender.send((buffer[..length].to_vec(), peer)).is_err() {
                    return;
                }
            }
        });
        Ok(Arc::new(SimSocket { machine, socket, arrivals: Mutex::new(arrivals), net }))
    }
}

impl std::fmt::Debug for SimSocket {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "SimSocket({})", self.machine)
    }
}

impl AsyncUdpSocket for SimSocket {
    fn create_io_poller(self: Arc<Self>) -> Pin<Box<dyn UdpPoller>> {
        Box::pin(AlwaysWritable)
    }

    fn try_send(&self, transmit: &Transmit) -> io::Result<()> {
        let to = transmit.destination;
        for delay in self.net.copies(self.machine, machine_at(to.ip()), transmit.contents.len()) {
            if delay.is_zero() {
                // A machine that is off is no error for the sender, only silence.
                self.socket.try_send_to(transmit.contents, to).ok();
                continue;
            }
            let (socket, contents) = (self.socket.clone(), transmit.contents.to_vec());
            tokio::spawn(async move {
                tokio::time::sleep(delay).await;
                socket.try_send_to(&contents, to).ok();
            });
        }
        Ok(())
    }

    fn poll_recv(
        &self,
        context: &mut Context,
        buffers: &mut [IoSliceMut<'_>],
        meta: &mut [RecvMeta],
    ) -> Poll<io::Result<usize>> {
        let mut arrivals = self.arrivals.lock().expect("no panic");
        let Poll::Ready(next) = arrivals.poll_recv(context) else { return Poll::Pending };
        let Some((packet, addr)) = next else { return Poll::Ready(Err(io::ErrorKind::NotConnected.into())) };
        let len = packet.len().min(buffers[0].len());
        buffers[0][..len].copy_from_slice(&packet[..len]);
        meta[0] = RecvMeta { addr, len, stride: len, ecn: None, dst_ip: None };
        Poll::Ready(Ok(1))
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        Ok(address_of(self.machine))
    }
}

/// UDP has no backpressure here.
#[derive(Debug)]
struct AlwaysWritable;

impl UdpPoller for AlwaysWritable {
    fn poll_writable(self: Pin<&mut Self>, _: &mut Context) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}
