//! The dialling side of a handshake.
//!
//! In TLS 1.3 a client is done before the server has judged the client's certificate. So the server says hello on a stream
//! of its own once it has accepted the peer, and the client waits for that: a refusal is then the answer to `connect`, not
//! a surprise on the first request. Both hellos come after both proofs, so that a stranger does not even learn the version.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use quinn::{ConnectError, ConnectionError, TransportConfig};
use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;

use super::certificate::Certificate;
use super::channel::Channel;
use super::connection::{Connection, Peer};
use super::error::{NetError, Refusal, RefusedBy};
use super::gate::Gate;
use super::hello::{self, Hello};
use super::identity::Identity;
use super::refusal::{CODE_NOT_ADMITTED, CODE_VERSION, of_connection_error};
use super::tls;
use super::verify::ServerVerifier;
use crate::event::NodeId;

/// QUIC wants a server name; nobody looks at it.
const SERVER_NAME: &str = "kifu";

/// What dialling takes.
pub(super) struct Dialer<'a> {
    pub(super) quic: &'a quinn::Endpoint,
    pub(super) identity: Identity,
    pub(super) gate: &'a Arc<Gate>,
    pub(super) roots: Arc<RootCertStore>,
    pub(super) transport: Arc<TransportConfig>,
    pub(super) timeout: Duration,
    pub(super) hello: Hello,
}

/// Connects, and waits until the other side has accepted this one.
pub(super) async fn dial(
    dialer: Dialer<'_>,
    address: SocketAddr,
    expected: Option<NodeId>,
    channel: Channel,
) -> Result<Connection, NetError> {
    let verifier = Arc::new(ServerVerifier::new(dialer.roots, expected));
    let config = tls::client(&dialer.identity, channel, verifier.clone(), dialer.transport)?;
    let connecting = dialer.quic.connect_with(config, address, SERVER_NAME).map_err(|error| match error {
        ConnectError::EndpointStopping => NetError::Closed,
        other => NetError::Unreachable { address, reason: other.to_string() },
    })?;
    let handshake = async {
        let quic = connecting.await?;
        let other = hello::hear(&quic).await?;
        Ok((quic, other))
    };
    let failed = |error: ConnectionError| explain(&error, &verifier, address, channel);
    let (quic, other) = match tokio::time::timeout(dialer.timeout, handshake).await {
        Ok(outcome) => outcome.map_err(failed)?,
        Err(_) => return Err(silence(address, dialer.timeout)),
    };
    let other = other?;
    let wire = dialer.hello.agree(&other).map_err(|refusal| {
        quic.close(CODE_VERSION, refusal.to_string().as_bytes());
        NetError::Refused { address, by: RefusedBy::Us, refusal }
    })?;
    hello::say(&quic, &dialer.hello).await.map_err(failed)?;
    let certificate = peer_certificate(&quic)?;
    let peer = Arc::new(Peer::of(&certificate));
    match dialer.gate.enter(&peer, &quic) {
        Ok(entry) => Ok(Connection::new(peer, channel, quic, entry, None).speaking(wire, other)),
        Err(reason) => {
            quic.close(CODE_NOT_ADMITTED, reason.as_bytes());
            Err(NetError::Refused { address, by: RefusedBy::Us, refusal: Refusal::NotAdmitted(reason) })
        }
    }
}

/// The certificate that the peer has shown in a finished handshake.
pub(super) fn peer_certificate(quic: &quinn::Connection) -> Result<Certificate, NetError> {
    let shown = quic.peer_identity().and_then(|identity| identity.downcast::<Vec<CertificateDer<'static>>>().ok());
    let chain = shown.ok_or_else(|| NetError::BadCertificate("the peer showed none".into()))?;
    let own = chain.first().ok_or_else(|| NetError::BadCertificate("the peer showed none".into()))?;
    Certificate::parse(own)
}

fn explain(error: &ConnectionError, verifier: &ServerVerifier, address: SocketAddr, channel: Channel) -> NetError {
    if let Some(refusal) = verifier.refusal() {
        return NetError::Refused { address, by: RefusedBy::Us, refusal };
    }
    match (error, of_connection_error(error, Some(channel))) {
        (_, Some((by, refusal))) => NetError::Refused { address, by, refusal },
        (ConnectionError::LocallyClosed, None) => NetError::Closed,
        (other, None) => NetError::Unreachable { address, reason: other.to_string() },
    }
}

fn silence(address: SocketAddr, timeout: Duration) -> NetError {
    let waited_ms = timeout.as_millis();
    let reason = format!("no answer within {waited_ms} ms: does a node listen there, and does UDP get through?");
    NetError::Unreachable { address, reason }
}
