//! What each side demands of the other's certificate, during the handshake: issued by this cluster's CA, valid now, for
//! a role that fits, and, where the dialling side knows whom it expects, for that node's key. Host names play no part.

use std::sync::{Arc, Mutex, PoisonError};

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::verify_server_cert_signed_by_trust_anchor;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{CertificateError, DigitallySignedStruct, DistinguishedName, Error, RootCertStore, SignatureScheme};

use super::certificate::Certificate;
use super::channel::Role;
use super::error::Refusal;
use super::refusal::of_tls_error;
use super::tls::provider;
use crate::event::NodeId;

/// Judges the clients that dial this node: any certificate of the cluster will do here; what its role may open is
/// checked right after the handshake, when the channel is known.
#[derive(Debug)]
pub(super) struct ClientVerifier {
    chain: Arc<dyn ClientCertVerifier>,
}

impl ClientVerifier {
    /// `chain` checks issuer, dates and purpose.
    pub(super) fn new(chain: Arc<dyn ClientCertVerifier>) -> Self {
        Self { chain }
    }
}

impl ClientCertVerifier for ClientVerifier {
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        self.chain.root_hint_subjects()
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        let verified = self.chain.verify_client_cert(end_entity, intermediates, now)?;
        Certificate::parse(end_entity).map_err(|_| Error::InvalidCertificate(CertificateError::BadEncoding))?;
        Ok(verified)
    }

    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _cert: &CertificateDer<'_>,
        _dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Err(only_tls13())
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_signature(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        vec![SignatureScheme::ED25519]
    }
}

/// Judges the node that answers one dial, and remembers why it was refused.
#[derive(Debug)]
pub(super) struct ServerVerifier {
    roots: Arc<RootCertStore>,
    expected: Option<NodeId>,
    refusal: Mutex<Option<Refusal>>,
}

impl ServerVerifier {
    /// Any node of the cluster will do if none is `expected`.
    pub(super) fn new(roots: Arc<RootCertStore>, expected: Option<NodeId>) -> Self {
        Self { roots, expected, refusal: Mutex::new(None) }
    }

    /// Why the node that answered was refused here, if it was.
    pub(super) fn refusal(&self) -> Option<Refusal> {
        self.refusal.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn judge(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<(), (Refusal, Error)> {
        let unreadable = |error: Error| (of_tls_error(&error), error);
        let parsed = ParsedCertificate::try_from(end_entity).map_err(unreadable)?;
        let algorithms = provider().signature_verification_algorithms.all;
        let chain = verify_server_cert_signed_by_trust_anchor(&parsed, &self.roots, intermediates, now, algorithms);
        let denied = || Error::InvalidCertificate(CertificateError::ApplicationVerificationFailure);
        if let Err(error) = chain {
            return Err(match (&error, Certificate::parse(end_entity)) {
                (Error::InvalidCertificate(CertificateError::InvalidPurposeContext { .. }), Ok(certificate)) => {
                    (Refusal::NotANode(certificate.role()), error)
                }
                _ => (of_tls_error(&error), error),
            });
        }
        let certificate =
            Certificate::parse(end_entity).map_err(|error| (Refusal::Other(error.to_string()), denied()))?;
        if certificate.role() != Role::Node {
            return Err((Refusal::NotANode(certificate.role()), denied()));
        }
        let found = certificate.node();
        match self.expected {
            Some(expected) if expected != found => Err((Refusal::WrongNode { expected, found }, denied())),
            _ => Ok(()),
        }
    }
}

impl ServerCertVerifier for ServerVerifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        self.judge(end_entity, intermediates, now).map_err(|(refusal, error)| {
            *self.refusal.lock().unwrap_or_else(PoisonError::into_inner) = Some(refusal);
            error
        })?;
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _cert: &CertificateDer<'_>,
        _dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Err(only_tls13())
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_signature(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        vec![SignatureScheme::ED25519]
    }
}

fn verify_signature(
    message: &[u8],
    cert: &CertificateDer<'_>,
    dss: &DigitallySignedStruct,
) -> Result<HandshakeSignatureValid, Error> {
    let algorithms = provider().signature_verification_algorithms;
    rustls::crypto::verify_tls13_signature(message, cert, dss, &algorithms)
}

/// QUIC has no older TLS; rustls asks all the same.
fn only_tls13() -> Error {
    Error::PeerIncompatible(rustls::PeerIncompatible::Tls12NotOffered)
}
