//! One UDP port: it dials, and if its identity is a node's, it answers.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::sync::{Arc, PoisonError, RwLock};

use quinn::{AsyncUdpSocket, Runtime, TokioRuntime, TransportConfig};
use rustls::RootCertStore;
use tokio::sync::{Mutex, mpsc};
use tracing::Instrument;

use super::channel::{Channel, Role};
use super::connection::Connection;
use super::dial::{Dialer, dial};
use super::error::NetError;
use super::gate::{Gate, Judge};
use super::identity::Identity;
use super::intake::Intake;
use super::limits::{ARRIVALS_MAX, EndpointLimits};
use super::refusal::CODE_DONE;
use super::reset::endpoint_config;
use super::tls;
use crate::event::NodeId;

/// An endpoint. Clones are handles to the same one; dropping the last closes it with all its connections.
#[derive(Clone)]
pub struct Endpoint {
    inner: Arc<Inner>,
}

struct Inner {
    quic: quinn::Endpoint,
    identity: RwLock<Identity>,
    gate: Arc<Gate>,
    limits: EndpointLimits,
    roots: Arc<RootCertStore>,
    transport: Arc<TransportConfig>,
    arrivals: Mutex<mpsc::Receiver<Connection>>,
}

impl Endpoint {
    /// Listens on `address`. Must be called inside a tokio runtime, which then drives the endpoint.
    pub fn bind(address: SocketAddr, identity: &Identity, limits: EndpointLimits) -> Result<Self, NetError> {
        let failed = |source| NetError::Bind { address, source };
        let socket = UdpSocket::bind(address).map_err(failed)?;
        socket.set_nonblocking(true).map_err(failed)?;
        let runtime = Arc::new(TokioRuntime);
        let socket = runtime.wrap_udp_socket(socket).map_err(failed)?;
        Self::with_socket(socket, runtime, identity, limits)
    }

    /// An endpoint on any free port, for programs that only dial. Reaches IPv6 where the machine has it, IPv4 always.
    pub fn dialer(identity: &Identity, limits: EndpointLimits) -> Result<Self, NetError> {
        let any = |ip: std::net::IpAddr| Self::bind(SocketAddr::new(ip, 0), identity, limits);
        any(Ipv6Addr::UNSPECIFIED.into()).or_else(|_| any(Ipv4Addr::UNSPECIFIED.into()))
    }

    /// An endpoint on a socket and a runtime of the caller's making: the place where a simulated network comes in.
    pub fn with_socket(
        socket: Arc<dyn AsyncUdpSocket>,
        runtime: Arc<dyn Runtime>,
        identity: &Identity,
        limits: EndpointLimits,
    ) -> Result<Self, NetError> {
        let answers = (identity.role() == Role::Node).then(|| tls::server(identity, &limits)).transpose()?;
        let roots = tls::roots(identity.ca())?;
        let transport = tls::transport(&limits)?;
        let address = socket.local_addr().map_err(|error| NetError::Tls(error.to_string()))?;
        let quic =
            quinn::Endpoint::new_with_abstract_socket(endpoint_config(identity), answers, socket, runtime.clone())
                .map_err(|source| NetError::Bind { address, source })?;
        let (sender, receiver) = mpsc::channel(ARRIVALS_MAX);
        let gate = Arc::new(Gate::default());
        let span = tracing::info_span!("endpoint", node = %identity.node(), %address);
        runtime.spawn(Box::pin(Intake::new(quic.clone(), limits, gate.clone(), sender).run().instrument(span)));
        let arrivals = Mutex::new(receiver);
        let identity = RwLock::new(identity.clone());
        let inner = Inner { quic, identity, gate, limits, roots, transport, arrivals };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// Connects to the node at `address`. Where a node is `expected`, any other is refused. When this returns, both sides
    /// have accepted each other.
    pub async fn connect(
        &self,
        address: SocketAddr,
        expected: Option<NodeId>,
        channel: Channel,
    ) -> Result<Connection, NetError> {
        let inner = &self.inner;
        let dialer = Dialer {
            quic: &inner.quic,
            identity: self.identity(),
            gate: &inner.gate,
            roots: inner.roots.clone(),
            transport: inner.transport.clone(),
            timeout: inner.limits.handshake_timeout,
            hello: inner.limits.hello,
        };
        dial(dialer, address, expected, channel).await
    }

    /// The next peer that has connected and proved who it is; `None` when the endpoint is closed. Refused peers do not show
    /// up here, they are logged.
    pub async fn accept(&self) -> Option<Connection> {
        self.inner.arrivals.lock().await.recv().await
    }

    /// The local address.
    pub fn local_address(&self) -> Result<SocketAddr, NetError> {
        self.inner.quic.local_addr().map_err(|_| NetError::Closed)
    }

    /// Whose endpoint this is.
    pub fn identity(&self) -> Identity {
        self.inner.identity.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Shows another certificate for the same key from now on. Connections that are open stay as they are.
    ///
    /// # Errors
    /// When the identity is another one, or TLS does not take it; then nothing changes.
    pub fn renew(&self, identity: &Identity) -> Result<(), NetError> {
        let mut current = self.inner.identity.write().unwrap_or_else(PoisonError::into_inner);
        let same = (current.public_key(), current.cluster(), current.role())
            == (identity.public_key(), identity.cluster(), identity.role());
        if !same {
            return Err(NetError::BadCertificate("it is not for this endpoint's key, role and cluster".into()));
        }
        if identity.role() == Role::Node {
            self.inner.quic.set_server_config(Some(tls::server(identity, &self.inner.limits)?));
        }
        *current = identity.clone();
        Ok(())
    }

    /// From now on `judge` decides which peers with good certificates are admitted; open connections of others are closed. It
    /// is called from network tasks and must answer at once. See [`Endpoint::recheck`].
    pub fn admit(&self, judge: Judge) {
        self.inner.gate.set_judge(judge);
    }

    /// Asks the judge anew about every open connection, and closes those of peers that are no longer admitted. To be
    /// called whenever its answer may have changed. Returns how many were closed.
    pub fn recheck(&self) -> usize {
        self.inner.gate.recheck()
    }

    /// Closes all connections, tells the peers, and accepts no more. See [`Endpoint::drained`].
    pub fn close(&self, reason: &str) {
        self.inner.quic.close(CODE_DONE, reason.as_bytes());
    }

    /// Waits, after [`Endpoint::close`], until the peers have been told. Bounded by a few round trips.
    pub async fn drained(&self) {
        self.inner.quic.wait_idle().await;
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.quic.close(CODE_DONE, b"endpoint dropped");
    }
}

impl std::fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Endpoint").field("identity", &self.identity()).finish_non_exhaustive()
    }
}

/// The first address of `host:port`.
pub async fn resolve(name: &str) -> Result<SocketAddr, NetError> {
    let failed = |reason: String| NetError::Resolve { name: name.to_owned(), reason };
    let mut found = tokio::net::lookup_host(name).await.map_err(|error| failed(error.to_string()))?;
    found.next().ok_or_else(|| failed("it has no address".into()))
}
