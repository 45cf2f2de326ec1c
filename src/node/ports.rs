//! Free ports on this machine, for nodes that are started a little later.

use std::io;
use std::net::{Ipv4Addr, TcpListener, UdpSocket};
use std::sync::atomic::{AtomicU32, Ordering};

/// The first port.
const FIRST: u32 = 10_000;
/// So many: they end below those that Linux gives to sockets that do not care (from 32768 on). One of those might be taken by any
/// connection of this machine before the node that is meant to have it has started.
const COUNT: u32 = 22_000;
/// Processes with neighbouring ids begin so far apart.
const APART: u32 = 211;

/// Ports handed out by this process.
static HANDED_OUT: AtomicU32 = AtomicU32::new(0);

/// An address on the loopback interface whose port is free for UDP and TCP, and which this process gives to nobody else before it has been through all.
///
/// # Errors
/// [`io::ErrorKind::AddrInUse`] when none is free.
pub fn free_address() -> io::Result<String> {
    let begin = std::process::id().wrapping_mul(APART);
    let next = || FIRST + begin.wrapping_add(HANDED_OUT.fetch_add(1, Ordering::Relaxed)) % COUNT;
    let mut ports = (0..COUNT).filter_map(|_| u16::try_from(next()).ok());
    let found = ports.find(|port| {
        let address = (Ipv4Addr::LOCALHOST, *port);
        UdpSocket::bind(address).is_ok() && TcpListener::bind(address).is_ok()
    });
    let port = found.ok_or_else(|| io::Error::new(io::ErrorKind::AddrInUse, "no port is free"))?;
    Ok(format!("{}:{port}", Ipv4Addr::LOCALHOST))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_free_and_differ() {
        let [first, second] = [free_address(), free_address()].map(|address| address.expect("some are free"));
        assert_ne!(first, second);
        UdpSocket::bind(&first).expect("free for UDP");
        TcpListener::bind(&second).expect("free for TCP");
    }
}
