//! Ed25519 keys. A key is an identity: the hash of its public part names the node.

use std::fmt;

use rcgen::{PublicKeyData, SigningKey};
use rustls::SignatureScheme;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};

use super::error::NetError;
use super::tls;
use crate::event::{Hash, NodeId};

/// The public half of a key: 32 raw bytes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct PublicKey(pub [u8; 32]);

impl PublicKey {
    /// The key's fingerprint: the hash of its raw bytes.
    pub fn fingerprint(&self) -> Hash {
        Hash::of(&self.0)
    }

    /// The node that holds this key.
    pub fn node(&self) -> NodeId {
        NodeId::of(&self.fingerprint())
    }

    /// Whether `signature` over `message` was made with this key's secret half.
    pub fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        let provider = tls::provider();
        let known = provider.signature_verification_algorithms.mapping;
        known
            .iter()
            .find(|(scheme, _)| *scheme == SignatureScheme::ED25519)
            .and_then(|(_, algorithms)| algorithms.first())
            .is_some_and(|algorithm| algorithm.verify_signature(&self.0, message, signature).is_ok())
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PublicKey({})", self.fingerprint().short())
    }
}

impl PublicKeyData for PublicKey {
    fn der_bytes(&self) -> &[u8] {
        &self.0
    }

    fn algorithm(&self) -> &'static rcgen::SignatureAlgorithm {
        &rcgen::PKCS_ED25519
    }
}

/// The secret half of a key. Its `Debug` shows only the fingerprint.
pub struct SecretKey {
    pair: rcgen::KeyPair,
    public: PublicKey,
}

impl SecretKey {
    /// A new random key.
    pub fn generate() -> Result<Self, NetError> {
        let pair = rcgen::KeyPair::generate_for(&rcgen::PKCS_ED25519).map_err(bad_key)?;
        Self::of_pair(pair)
    }

    /// The key in these PKCS#8 bytes.
    pub fn from_pkcs8(der: &[u8]) -> Result<Self, NetError> {
        let der = PrivatePkcs8KeyDer::from(der);
        let pair = rcgen::KeyPair::from_pkcs8_der_and_sign_algo(&der, &rcgen::PKCS_ED25519).map_err(bad_key)?;
        Self::of_pair(pair)
    }

    fn of_pair(pair: rcgen::KeyPair) -> Result<Self, NetError> {
        let raw = pair.public_key_raw();
        let public = raw.try_into().map(PublicKey).map_err(|_| NetError::BadKey("not an Ed25519 key".into()))?;
        Ok(Self { pair, public })
    }

    /// The key as PKCS#8 bytes.
    pub fn to_pkcs8(&self) -> &[u8] {
        self.pair.serialized_der()
    }

    /// The key for the TLS library.
    pub(super) fn to_tls(&self) -> PrivateKeyDer<'static> {
        PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(self.to_pkcs8().to_vec()))
    }

    /// The key for the library that writes certificates.
    pub(super) fn pair(&self) -> &rcgen::KeyPair {
        &self.pair
    }

    /// The public half.
    pub fn public(&self) -> PublicKey {
        self.public
    }

    /// Signs a message.
    pub fn sign(&self, message: &[u8]) -> Result<Vec<u8>, NetError> {
        self.pair.sign(message).map_err(bad_key)
    }
}

impl fmt::Debug for SecretKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SecretKey({})", self.public.fingerprint().short())
    }
}

fn bad_key(error: rcgen::Error) -> NetError {
    NetError::BadKey(error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_survives_its_bytes_and_verifies_its_own_signature_only() {
        let key = SecretKey::generate().expect("key");
        let again = SecretKey::from_pkcs8(key.to_pkcs8()).expect("own bytes");
        assert_eq!(again.public(), key.public());
        let signature = key.sign(b"message").expect("signature");
        assert!(again.public().verifies(b"message", &signature));
        assert!(!again.public().verifies(b"massage", &signature));
        let other = SecretKey::generate().expect("key");
        assert!(!other.public().verifies(b"message", &signature));
        assert_ne!(other.public().node(), key.public().node());
    }

    #[test]
    fn garbage_is_not_a_key_and_debug_shows_no_secret() {
        assert!(SecretKey::from_pkcs8(b"garbage").is_err());
        let key = SecretKey::generate().expect("key");
        assert_eq!(format!("{key:?}").len(), "SecretKey(12345678)".len());
    }
}
