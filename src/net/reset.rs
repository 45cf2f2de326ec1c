//! Stateless resets (RFC 9000, §10.3): a node that was restarted can tell a peer that their old connection is gone.
//!
//! Without them a peer would send into the void until its connection times out. The keys follow from the node's secret
//! key, so they are the same after a restart and nobody else has them.

use std::sync::Arc;

use quinn::EndpointConfig;
use quinn::crypto::{CryptoError, HmacKey};
use quinn_proto::HashedConnectionIdGenerator;

use super::identity::Identity;

/// What the two keys are for. Never used for anything else.
const CONTEXT: &str = "kifu 2026-11-23 stateless reset and connection ids";

/// The endpoint configuration of an identity.
pub(super) fn endpoint_config(identity: &Identity) -> EndpointConfig {
    let key = blake3::derive_key(CONTEXT, identity.key().to_pkcs8());
    let mut ids = [0; 8];
    ids.copy_from_slice(&blake3::keyed_hash(&key, b"connection ids").as_bytes()[..8]);
    let ids = u64::from_le_bytes(ids);
    let mut config = EndpointConfig::new(Arc::new(ResetKey(key)));
    config.cid_generator(move || Box::new(HashedConnectionIdGenerator::from_key(ids)));
    config
}

struct ResetKey([u8; 32]);

impl HmacKey for ResetKey {
    fn sign(&self, data: &[u8], signature_out: &mut [u8]) {
        signature_out.copy_from_slice(blake3::keyed_hash(&self.0, data).as_bytes());
    }

    fn signature_len(&self) -> usize {
        blake3::OUT_LEN
    }

    fn verify(&self, data: &[u8], signature: &[u8]) -> Result<(), CryptoError> {
        let signature: [u8; blake3::OUT_LEN] = signature.try_into().map_err(|_| CryptoError)?;
        // Compared in constant time.
        match blake3::keyed_hash(&self.0, data) == blake3::Hash::from_bytes(signature) {
            true => Ok(()),
            false => Err(CryptoError),
        }
    }
}
