//! An authenticated connection to one peer, for one channel.

use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use quinn::{ConnectionError, RecvStream, SendDatagramError, SendStream};

use super::certificate::Certificate;
use super::channel::{Channel, Role};
use super::error::NetError;
use super::gate::Entry;
use super::hello::Hello;
use super::limits::DATAGRAM_BYTES_MAX;
use super::refusal::CODE_DONE;
use super::registry::Permit;
use crate::event::{Hash, NodeId};

/// Who is on the other side, as its certificate says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Peer {
    /// The node that its key names. Operators and joiners have keys, and so numbers, too.
    pub node: NodeId,
    /// The hash of its public key.
    pub fingerprint: Hash,
    /// What people call it.
    pub name: String,
    /// What it is.
    pub role: Role,
}

impl Peer {
    pub(super) fn of(certificate: &Certificate) -> Self {
        Self {
            node: certificate.node(),
            fingerprint: certificate.public_key().fingerprint(),
            name: certificate.name().to_owned(),
            role: certificate.role(),
        }
    }
}

/// A connection. Clones are handles to the same one. It closes when the last handle and the last of its streams are
/// dropped, and counts against the limits of the endpoint that accepted it until the last handle is dropped: hold one
/// for as long as its streams are in use.
#[derive(Clone, Debug)]
pub struct Connection {
    peer: Arc<Peer>,
    channel: Channel,
    quic: quinn::Connection,
    wire: u16,
    format: u32,
    lease_ms: Option<u32>,
    /// Its place in the list of those that are closed when the cluster no longer admits the peer.
    _entry: Arc<Entry>,
    _permit: Option<Arc<Permit>>,
}

impl Connection {
    pub(super) fn new(
        peer: Arc<Peer>,
        channel: Channel,
        quic: quinn::Connection,
        entry: Entry,
        permit: Option<Permit>,
    ) -> Self {
        Self {
            peer,
            channel,
            quic,
            wire: 0,
            format: 0,
            lease_ms: None,
            _entry: Arc::new(entry),
            _permit: permit.map(Arc::new),
        }
    }

    /// The same, after both sides have said hello.
    pub(super) fn speaking(self, wire: u16, other: Hello) -> Self {
        Self { wire, format: other.format, lease_ms: other.lease_ms, ..self }
    }

    /// The version of the wire protocol that both sides speak.
    pub fn wire(&self) -> u16 {
        self.wire
    }

    /// The format version of events that the other side's build reads.
    pub fn peer_format(&self) -> u32 {
        self.format
    }

    /// How long the other side's process, having answered a leader, votes for nobody else; none when it did not say.
    pub fn peer_lease_ms(&self) -> Option<u32> {
        self.lease_ms
    }

    /// The other side.
    pub fn peer(&self) -> &Peer {
        &self.peer
    }

    /// What the connection is for.
    pub fn channel(&self) -> Channel {
        self.channel
    }

    /// The other side's address, as seen from here.
    pub fn remote_address(&self) -> SocketAddr {
        self.quic.remote_address()
    }

    /// Opens a stream in both directions. Waits while the peer has too many open. The peer notices the stream with the
    /// first byte.
    pub async fn open(&self) -> Result<(SendStream, RecvStream), NetError> {
        self.quic.open_bi().await.map_err(|error| self.lost(&error))
    }

    /// The next stream that the peer opens; `None` when either side has closed the connection in good order.
    pub async fn accept(&self) -> Result<Option<(SendStream, RecvStream)>, NetError> {
        match self.quic.accept_bi().await {
            Ok(streams) => Ok(Some(streams)),
            Err(ConnectionError::LocallyClosed) => Ok(None),
            Err(ConnectionError::ApplicationClosed(close)) if close.error_code == CODE_DONE => Ok(None),
            Err(error) => Err(self.lost(&error)),
        }
    }

    /// Sends a datagram of at most [`DATAGRAM_BYTES_MAX`] bytes. It may be lost, and nobody will say so.
    pub fn send_datagram(&self, bytes: Bytes) -> Result<(), NetError> {
        if bytes.len() > DATAGRAM_BYTES_MAX {
            return Err(NetError::TooLarge { bytes: bytes.len() as u64, bytes_max: DATAGRAM_BYTES_MAX as u64 });
        }
        let bytes_len = bytes.len() as u64;
        self.quic.send_datagram(bytes).map_err(|error| match error {
            SendDatagramError::TooLarge => {
                let bytes_max = self.quic.max_datagram_size().unwrap_or(0) as u64;
                NetError::TooLarge { bytes: bytes_len, bytes_max }
            }
            SendDatagramError::ConnectionLost(error) => self.lost(&error),
            _ => NetError::NoDatagrams { peer: self.peer.node },
        })
    }

    /// The next datagram.
    pub async fn receive_datagram(&self) -> Result<Bytes, NetError> {
        self.quic.read_datagram().await.map_err(|error| self.lost(&error))
    }

    /// Closes the connection at once, with all its streams. What has not arrived yet is lost.
    pub fn close(&self, reason: &str) {
        self.quic.close(CODE_DONE, reason.as_bytes());
    }

    /// Why the connection has ended, once it has.
    pub fn ended(&self) -> Option<NetError> {
        self.quic.close_reason().map(|error| self.lost(&error))
    }

    /// Waits until the connection has ended, and says why.
    pub async fn closed(&self) -> NetError {
        self.lost(&self.quic.closed().await)
    }

    fn lost(&self, error: &ConnectionError) -> NetError {
        NetError::Lost { peer: self.peer.node, address: self.remote_address(), reason: error.to_string() }
    }
}
