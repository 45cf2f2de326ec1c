//! The limits of an endpoint, and what happens at each.

use std::time::Duration;

use super::hello::Hello;

/// A handshake that takes longer is given up, on both sides.
pub const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(5);
/// Handshakes that may be under way at a time. At the limit new ones are refused; above half of it, a client must first
/// show that it receives at the address it claims. No address has more than three quarters of them, so that its flood leaves room
/// for others.
pub const HANDSHAKES_MAX: usize = 64;
/// Accepted connections at a time, from all peers. At the limit new ones are refused.
pub const CONNECTIONS_MAX: usize = 1024;
/// Accepted connections at a time from the holder of one key. At the limit new ones are refused. A node needs one per
/// channel; the rest is room for restarts (an old connection is noticed dead after [`IDLE_TIMEOUT`]) and for operators,
/// whose programs share one key.
pub const CONNECTIONS_PER_PEER_MAX: usize = 64;
/// Accepted connections at a time from the holder of one key that is neither a node nor an operator. At the limit new ones
/// are refused.
pub const CONNECTIONS_PER_GUEST_MAX: usize = 16;
/// Accepted connections at a time from one address (of IPv6: from one /64 network). At the limit new ones are refused. It
/// is above what a whole cluster behind one address needs.
pub const CONNECTIONS_PER_ADDRESS_MAX: usize = 512;
/// Handshakes that one address may begin at once. Beyond half of it a client must first show that it receives at its
/// address; beyond all of it new ones are refused until time has passed.
pub const HANDSHAKES_BURST: u32 = 512;
/// Handshakes that one address may begin each second in the long run. At a millisecond of CPU for each, one address costs an
/// eighth of a core at most.
pub const HANDSHAKES_PER_SECOND: u32 = 128;
/// Addresses whose handshakes are counted at a time. Beyond it further ones are counted together.
pub const ADDRESSES_MAX: usize = 4_096;
/// Bytes of packets that are kept for a handshake until it has a place, and for all of them together. Beyond it packets are
/// dropped; an honest client sends them again.
pub const INCOMING_BUFFER_BYTES: u64 = 32 * 1024;
/// See [`INCOMING_BUFFER_BYTES`].
pub const INCOMING_BUFFERS_BYTES: u64 = 2 * 1024 * 1024;
/// Authenticated connections that wait for [`Endpoint::accept`](super::Endpoint::accept). At the limit further ones wait,
/// and hold their place among the handshakes.
pub const ARRIVALS_MAX: usize = 64;
/// Streams that a peer may have open on one connection, in each direction. At the limit it waits.
pub const STREAMS_MAX: u32 = 256;
/// Bytes that a peer may send on one stream ahead of their being read. At the limit it waits.
pub const STREAM_WINDOW_BYTES: u32 = 8 * 1024 * 1024;
/// As [`STREAMS_MAX`], for peers that are not nodes, and for nodes until they have proved to be one.
pub const GUEST_STREAMS_MAX: u32 = 32;
/// As [`CONNECTION_WINDOW_BYTES`], for peers that are not nodes, and for nodes until they have proved to be one.
pub const GUEST_WINDOW_BYTES: u32 = 1024 * 1024;
/// Bytes that an answering node keeps for one connection until the peer has taken them. At the limit the answer waits.
pub const ANSWER_WINDOW_BYTES: u32 = 8 * 1024 * 1024;
/// Bytes that a peer may send on one connection ahead of their being read. At the limit it waits.
pub const CONNECTION_WINDOW_BYTES: u32 = 32 * 1024 * 1024;
/// Bytes of datagrams that wait to be sent, or to be read. At the limit the oldest are dropped.
pub const DATAGRAM_BUFFER_BYTES: usize = 64 * 1024;
/// The largest datagram. It fits the smallest packet that QUIC allows, so no path is too narrow for it.
pub const DATAGRAM_BYTES_MAX: usize = 1024;
/// How often a quiet connection shows that it is alive.
pub const KEEP_ALIVE: Duration = Duration::from_secs(2);
/// A connection on which nothing arrives for so long is dead.
pub const IDLE_TIMEOUT: Duration = Duration::from_secs(10);
/// Warnings about refused peers a second. Further ones are only counted, so that a flood does not fill the disk.
pub const WARNINGS_PER_SECOND_MAX: u32 = 10;

/// The limits that an endpoint is bound with; `default()` is right for everything but tests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EndpointLimits {
    /// See [`HANDSHAKE_TIMEOUT`].
    pub handshake_timeout: Duration,
    /// See [`HANDSHAKES_MAX`].
    pub handshakes_max: usize,
    /// See [`CONNECTIONS_MAX`].
    pub connections_max: usize,
    /// See [`CONNECTIONS_PER_PEER_MAX`].
    pub connections_per_peer_max: usize,
    /// See [`CONNECTIONS_PER_GUEST_MAX`].
    pub connections_per_guest_max: usize,
    /// See [`CONNECTIONS_PER_ADDRESS_MAX`].
    pub connections_per_address_max: usize,
    /// See [`HANDSHAKES_BURST`].
    pub handshakes_burst: u32,
    /// See [`HANDSHAKES_PER_SECOND`].
    pub handshakes_per_second: u32,
    /// See [`KEEP_ALIVE`].
    pub keep_alive: Duration,
    /// See [`IDLE_TIMEOUT`].
    pub idle_timeout: Duration,
    /// What this build speaks: nothing else is understood.
    pub hello: Hello,
}

impl Default for EndpointLimits {
    fn default() -> Self {
        Self {
            handshake_timeout: HANDSHAKE_TIMEOUT,
            handshakes_max: HANDSHAKES_MAX,
            connections_max: CONNECTIONS_MAX,
            connections_per_peer_max: CONNECTIONS_PER_PEER_MAX,
            connections_per_guest_max: CONNECTIONS_PER_GUEST_MAX,
            connections_per_address_max: CONNECTIONS_PER_ADDRESS_MAX,
            handshakes_burst: HANDSHAKES_BURST,
            handshakes_per_second: HANDSHAKES_PER_SECOND,
            keep_alive: KEEP_ALIVE,
            idle_timeout: IDLE_TIMEOUT,
            hello: Hello::default(),
        }
    }
}
