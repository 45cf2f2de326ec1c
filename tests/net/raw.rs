//! QUIC without our manners: clients that trust anybody, show what they like and ask for what they like.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use kifu::net::{Channel, Identity};
use quinn::crypto::rustls::{QuicClientConfig, QuicServerConfig};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer, ServerName, UnixTime};
use rustls::{DigitallySignedStruct, SignatureScheme};

use crate::support::loopback;

/// Certificates that servers have shown.
pub type Shown = Arc<Mutex<Vec<Vec<u8>>>>;

/// Believes every server, and remembers what it showed.
#[derive(Debug)]
struct Gullible(Shown);

impl ServerCertVerifier for Gullible {
    fn verify_server_cert(
        &self,
        certificate: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        self.0.lock().unwrap().push(certificate.to_vec());
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        vec![SignatureScheme::ED25519]
    }
}

fn provider() -> Arc<rustls::crypto::CryptoProvider> {
    Arc::new(rustls::crypto::ring::default_provider())
}

fn credentials(identity: &Identity) -> (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>) {
    let key = PrivatePkcs8KeyDer::from(identity.key().to_pkcs8().to_vec());
    (vec![identity.certificate().der().clone()], PrivateKeyDer::Pkcs8(key))
}

/// A client that shows `identity`, or nothing, and asks for the protocols in `alpn`.
pub fn client(identity: Option<&Identity>, alpn: &[&str]) -> quinn::Endpoint {
    watching_client(identity, alpn).0
}

/// As [`client`], with the certificates that servers have shown to it.
pub fn watching_client(identity: Option<&Identity>, alpn: &[&str]) -> (quinn::Endpoint, Shown) {
    let shown = Shown::default();
    let tls = rustls::ClientConfig::builder_with_provider(provider())
        .with_protocol_versions(&[&rustls::version::TLS13])
        .unwrap()
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(Gullible(shown.clone())));
    let mut tls = match identity.map(credentials) {
        Some((chain, key)) => tls.with_client_auth_cert(chain, key).unwrap(),
        None => tls.with_no_client_auth(),
    };
    tls.alpn_protocols = alpn.iter().map(|name| name.as_bytes().to_vec()).collect();
    let config = quinn::ClientConfig::new(Arc::new(QuicClientConfig::try_from(tls).unwrap()));
    let mut endpoint = quinn::Endpoint::client(loopback()).unwrap();
    endpoint.set_default_client_config(config);
    (endpoint, shown)
}

/// How a raw client's attempt to get anything from `address` ends.
pub async fn attempt(client: &quinn::Endpoint, address: SocketAddr) -> quinn::ConnectionError {
    match client.connect(address, "kifu").unwrap().await {
        Err(error) => error,
        Ok(connection) => connection.closed().await,
    }
}

/// A server with a good certificate that asks for none, and that says nothing after the handshake.
pub fn mute_server(identity: &Identity) -> quinn::Endpoint {
    let (chain, key) = credentials(identity);
    let mut tls = rustls::ServerConfig::builder_with_provider(provider())
        .with_protocol_versions(&[&rustls::version::TLS13])
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .unwrap();
    tls.alpn_protocols = vec![Channel::Raft.protocol(identity.ca()).into_bytes()];
    let config = quinn::ServerConfig::with_crypto(Arc::new(QuicServerConfig::try_from(tls).unwrap()));
    quinn::Endpoint::server(config, loopback()).unwrap()
}

/// What was logged, as text.
#[derive(Clone, Default)]
pub struct Captured(Arc<Mutex<Vec<u8>>>);

impl Captured {
    /// Captures this thread's log until the guard is dropped. Works where the test has one thread only.
    pub fn start() -> (Self, tracing::subscriber::DefaultGuard) {
        let captured = Self::default();
        let writer = captured.clone();
        let subscriber = tracing_subscriber::fmt()
            .with_ansi(false)
            .with_max_level(tracing::Level::WARN)
            .with_writer(move || writer.clone())
            .finish();
        (captured, tracing::subscriber::set_default(subscriber))
    }

    pub fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

impl std::io::Write for Captured {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}
