//! The limits of an endpoint, and what happens at each.

use std::time::Duration;

/// A handshake that takes longer is given up, on both sides.
pub const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(5);
/// Handshakes that may be under way at a time. At the limit new ones are refused; above half of it, a client must first
/// show that it receives at the address it claims.
pub const HANDSHAKES_MAX: usize = 64;
/// Accepted connections at a time, from all peers. At the limit new ones are refused.
pub const CONNECTIONS_MAX: usize = 1024;
/// Accepted connections at a time from the holder of one key. At the limit new ones are refused. A node needs one per
/// channel; the rest is room for restarts (an old connection is noticed dead after [`IDLE_TIMEOUT`]) and for operators,
/// whose programs share one key.
pub const CONNECTIONS_PER_PEER_MAX: usize = 64;
/// Authenticated connections that wait for [`Endpoint::accept`](super::Endpoint::accept). At the limit further ones wait,
/// and hold their place among the handshakes.
pub const ARRIVALS_MAX: usize = 64;
/// Streams that a peer may have open on one connection, in each direction. At the limit it waits.
pub const STREAMS_MAX: u32 = 256;
/// Bytes that a peer may send on one stream ahead of their being read. At the limit it waits.
pub const STREAM_WINDOW_BYTES: u32 = 8 * 1024 * 1024;
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
    /// See [`KEEP_ALIVE`].
    pub keep_alive: Duration,
    /// See [`IDLE_TIMEOUT`].
    pub idle_timeout: Duration,
}

impl Default for EndpointLimits {
    fn default() -> Self {
        Self {
            handshake_timeout: HANDSHAKE_TIMEOUT,
            handshakes_max: HANDSHAKES_MAX,
            connections_max: CONNECTIONS_MAX,
            connections_per_peer_max: CONNECTIONS_PER_PEER_MAX,
            keep_alive: KEEP_ALIVE,
            idle_timeout: IDLE_TIMEOUT,
        }
    }
}
