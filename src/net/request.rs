//! A request for a certificate: a name and a key, signed with that key, so that nobody asks for a key he does not hold.
//!
//! ```text
//! u8 name length | name | public key, 32 bytes | signature, 64 bytes
//! ```

use super::certificate::check_name;
use super::error::NetError;
use super::key::{PublicKey, SecretKey};

/// What the signature covers begins with this, so that it is good for nothing else.
const CONTEXT: &[u8] = b"kifu-certificate-request-v1\0";
const KEY_BYTES: usize = 32;
const SIGNATURE_BYTES: usize = 64;

/// A request for a certificate. A value of this type has been checked: the sender holds the key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CertificateRequest {
    name: String,
    key: PublicKey,
    signature: Vec<u8>,
}

impl CertificateRequest {
    /// Asks for a certificate for `key` under `name`.
    pub fn new(name: &str, key: &SecretKey) -> Result<Self, NetError> {
        check_name(name)?;
        let signature = key.sign(&signed(name, &key.public()))?;
        Ok(Self { name: name.to_owned(), key: key.public(), signature })
    }

    /// The name asked for.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The key to certify.
    pub fn public_key(&self) -> PublicKey {
        self.key
    }

    /// The request as bytes.
    pub fn encode(&self) -> Vec<u8> {
        let length = u8::try_from(self.name.len()).expect("a checked name has at most 64 bytes");
        [&[length], self.name.as_bytes(), &self.key.0, &self.signature].concat()
    }

    /// Reads and checks a request.
    pub fn decode(bytes: &[u8]) -> Result<Self, NetError> {
        let short = || NetError::BadRequest("it is cut short or too long");
        let (&length, rest) = bytes.split_first().ok_or_else(short)?;
        let (name, rest) = rest.split_at_checked(length.into()).ok_or_else(short)?;
        let (key, signature) = rest.split_at_checked(KEY_BYTES).ok_or_else(short)?;
        let key = key.try_into().map(PublicKey).map_err(|_| short())?;
        if signature.len() != SIGNATURE_BYTES {
            return Err(short());
        }
        let name = std::str::from_utf8(name).map_err(|_| NetError::BadRequest("its name is not text"))?;
        check_name(name)?;
        if !key.verifies(&signed(name, &key), signature) {
            return Err(NetError::BadRequest("it is not signed with the key it asks for"));
        }
        Ok(Self { name: name.to_owned(), key, signature: signature.to_vec() })
    }
}

fn signed(name: &str, key: &PublicKey) -> Vec<u8> {
    [CONTEXT, &key.0, name.as_bytes()].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_reads_back_and_every_changed_byte_is_noticed() {
        let key = SecretKey::generate().expect("key");
        let request = CertificateRequest::new("node-b", &key).expect("request");
        let bytes = request.encode();
        assert_eq!(CertificateRequest::decode(&bytes).expect("own bytes"), request);
        for at in 0..bytes.len() {
            let mut changed = bytes.clone();
            changed[at] ^= 1;
            assert!(CertificateRequest::decode(&changed).is_err(), "byte {at} changed");
            assert!(CertificateRequest::decode(&bytes[..at]).is_err(), "cut at {at}");
        }
    }

    #[test]
    fn names_that_cannot_stand_in_a_certificate_are_refused() {
        let key = SecretKey::generate().expect("key");
        for name in ["", "With Space", "UPPER", "ä", &"x".repeat(65)] {
            assert!(matches!(CertificateRequest::new(name, &key), Err(NetError::BadName(_))), "{name:?}");
        }
    }
}
