//! TLS 1.3 in both directions: each side shows a certificate of the cluster's CA, no session is ever resumed.

use std::sync::{Arc, OnceLock};

use quinn::crypto::rustls::{QuicClientConfig, QuicServerConfig};
use quinn::{IdleTimeout, TransportConfig, VarInt};
use rustls::RootCertStore;
use rustls::crypto::CryptoProvider;
use rustls::server::WebPkiClientVerifier;

use super::certificate::CaCertificate;
use super::channel::Channel;
use super::error::NetError;
use super::identity::Identity;
use super::limits::{
    ANSWER_WINDOW_BYTES, CONNECTION_WINDOW_BYTES, DATAGRAM_BUFFER_BYTES, EndpointLimits, GUEST_STREAMS_MAX,
    GUEST_WINDOW_BYTES, INCOMING_BUFFER_BYTES, INCOMING_BUFFERS_BYTES, STREAM_WINDOW_BYTES, STREAMS_MAX,
};
use super::verify::{ClientVerifier, ServerVerifier};

/// The cryptography in use: ring.
pub(super) fn provider() -> Arc<CryptoProvider> {
    static PROVIDER: OnceLock<Arc<CryptoProvider>> = OnceLock::new();
    PROVIDER.get_or_init(|| Arc::new(rustls::crypto::ring::default_provider())).clone()
}

/// The cluster's CA, as the only root of trust.
pub(super) fn roots(ca: &CaCertificate) -> Result<Arc<RootCertStore>, NetError> {
    let mut roots = RootCertStore::empty();
    roots.add(ca.der().clone()).map_err(bad)?;
    Ok(Arc::new(roots))
}

/// How an endpoint with this identity answers.
pub(super) fn server(identity: &Identity, limits: &EndpointLimits) -> Result<quinn::ServerConfig, NetError> {
    // The hint would tell strangers which CA this cluster has.
    let verifier = WebPkiClientVerifier::builder_with_provider(roots(identity.ca())?, provider())
        .clear_root_hint_subjects()
        .build()
        .map_err(bad)?;
    let mut tls = rustls::ServerConfig::builder_with_provider(provider())
        .with_protocol_versions(&[&rustls::version::TLS13])
        .map_err(bad)?
        .with_client_cert_verifier(Arc::new(ClientVerifier::new(verifier)))
        .with_single_cert(vec![identity.certificate().der().clone()], identity.key().to_tls())
        .map_err(bad)?;
    tls.alpn_protocols = Channel::ALL.into_iter().map(|channel| channel.protocol(identity.ca()).into_bytes()).collect();
    tls.send_tls13_tickets = 0;
    tls.session_storage = Arc::new(rustls::server::NoServerSessionStorage {});
    let crypto = QuicServerConfig::try_from(tls).map_err(bad)?;
    let mut config = quinn::ServerConfig::with_crypto(Arc::new(crypto));
    config.max_incoming(limits.handshakes_max);
    config.incoming_buffer_size(INCOMING_BUFFER_BYTES);
    config.incoming_buffer_size_total(INCOMING_BUFFERS_BYTES);
    config.transport_config(answering(limits)?);
    Ok(config)
}

/// How an endpoint with this identity dials; `verifier` judges who answers.
pub(super) fn client(
    identity: &Identity,
    channel: Channel,
    verifier: Arc<ServerVerifier>,
    transport: Arc<TransportConfig>,
) -> Result<quinn::ClientConfig, NetError> {
    let mut tls = rustls::ClientConfig::builder_with_provider(provider())
        .with_protocol_versions(&[&rustls::version::TLS13])
        .map_err(bad)?
        .dangerous()
        .with_custom_certificate_verifier(verifier)
        .with_client_auth_cert(vec![identity.certificate().der().clone()], identity.key().to_tls())
        .map_err(bad)?;
    tls.alpn_protocols = vec![channel.protocol(identity.ca()).into_bytes()];
    tls.resumption = rustls::client::Resumption::disabled();
    tls.enable_sni = false;
    let crypto = QuicClientConfig::try_from(tls).map_err(bad)?;
    let mut config = quinn::ClientConfig::new(Arc::new(crypto));
    config.transport_config(transport);
    Ok(config)
}

/// Windows, streams and heartbeats of connections that are dialled.
pub(super) fn transport(limits: &EndpointLimits) -> Result<Arc<TransportConfig>, NetError> {
    Ok(Arc::new(full(limits)?))
}

/// The same for connections that are answered: narrow, until [`widen`] says otherwise.
fn answering(limits: &EndpointLimits) -> Result<Arc<TransportConfig>, NetError> {
    let mut transport = full(limits)?;
    transport
        .max_concurrent_bidi_streams(VarInt::from_u32(GUEST_STREAMS_MAX))
        .max_concurrent_uni_streams(VarInt::from_u32(GUEST_STREAMS_MAX))
        .receive_window(VarInt::from_u32(GUEST_WINDOW_BYTES))
        .send_window(ANSWER_WINDOW_BYTES.into());
    Ok(Arc::new(transport))
}

/// Gives a node that was answered what nodes give each other.
pub(super) fn widen(connection: &quinn::Connection) {
    connection.set_receive_window(VarInt::from_u32(CONNECTION_WINDOW_BYTES));
    connection.set_max_concurrent_bi_streams(VarInt::from_u32(STREAMS_MAX));
    connection.set_max_concurrent_uni_streams(VarInt::from_u32(STREAMS_MAX));
}

fn full(limits: &EndpointLimits) -> Result<TransportConfig, NetError> {
    let mut transport = TransportConfig::default();
    transport
        .max_concurrent_bidi_streams(VarInt::from_u32(STREAMS_MAX))
        .max_concurrent_uni_streams(VarInt::from_u32(STREAMS_MAX))
        .stream_receive_window(VarInt::from_u32(STREAM_WINDOW_BYTES))
        .receive_window(VarInt::from_u32(CONNECTION_WINDOW_BYTES))
        .send_window(CONNECTION_WINDOW_BYTES.into())
        .datagram_receive_buffer_size(Some(DATAGRAM_BUFFER_BYTES))
        .datagram_send_buffer_size(DATAGRAM_BUFFER_BYTES)
        .keep_alive_interval(Some(limits.keep_alive))
        .max_idle_timeout(Some(IdleTimeout::try_from(limits.idle_timeout).map_err(bad)?));
    Ok(transport)
}

fn bad(error: impl std::fmt::Display) -> NetError {
    NetError::Tls(error.to_string())
}
