//! API tokens: one line of text that lets a person or a program elsewhere use the client API.
//!
//! ```text
//! "kifu-api-v1." … fields = token id | expiry, u64 ms | CA certificate | certificate | key | address …
//! ```
//!
//! The token's secret is a key. Its holder proves in the TLS handshake to have it, and never sends it: whoever takes the
//! other side's place learns nothing that would open anything. The certificate has the role [`Role::Bearer`], which
//! opens the API and there nothing; what the holder may do stands in the log, beside the hash of the key, and ends with
//! the token's time or its revocation. The certificate outlives the token by [`TLS_GRACE`], so that whoever comes late gets a clear
//! answer.

use std::fmt;
use std::time::Duration;

use rand::RngCore;

use super::authority::Authority;
use super::certificate::{CaCertificate, Certificate, Validity};
use super::channel::Role;
use super::error::{NetError, TokenError};
use super::identity::Identity;
use super::key::SecretKey;
use super::text::{decode, encode, malformed, put, take, take_text, take_u64};
use super::token::{ADDRESSES_MAX, TLS_GRACE};
use crate::event::{ApiTokenId, ClusterId, Hash, Millis};

const FAMILY: &str = "kifu-api-";
const VERSION: &str = "v1";
const ID_BYTES: usize = 8;

/// An API token. Its `Debug` does not show the key.
#[derive(Clone)]
pub struct ApiToken {
    expires_at: Millis,
    addresses: Vec<String>,
    identity: Identity,
}

impl ApiToken {
    /// A new token, valid for `ttl` from `now`. `addresses` are those of nodes to ask, as `host:port`. The cluster must then
    /// be told of [`ApiToken::id`] and [`ApiToken::key`].
    ///
    /// # Errors
    /// When its certificate cannot be signed.
    pub fn create(authority: &Authority, addresses: &[String], ttl: Duration, now: Millis) -> Result<Self, NetError> {
        let mut id = [0; ID_BYTES];
        rand::rng().fill_bytes(&mut id);
        let validity = Validity::starting(now, ttl.saturating_add(TLS_GRACE));
        Ok(Self {
            expires_at: now.plus(u64::try_from(ttl.as_millis()).unwrap_or(u64::MAX)),
            addresses: addresses.iter().take(ADDRESSES_MAX).cloned().collect(),
            identity: authority.issue_identity(&data_encoding::HEXLOWER.encode(&id), Role::Bearer, validity)?,
        })
    }

    /// The token that a bearer's certificate is of.
    pub fn id_of(name: &str) -> ApiTokenId {
        ApiTokenId::new(name)
    }

    /// The token's public part. It is the name in its certificate.
    pub fn id(&self) -> ApiTokenId {
        Self::id_of(self.identity.name())
    }

    /// The hash of its public key: what the cluster keeps.
    pub fn key(&self) -> Hash {
        self.identity.fingerprint()
    }

    /// When the cluster stops accepting the token.
    pub fn expires_at(&self) -> Millis {
        self.expires_at
    }

    /// Nodes to ask, as `host:port`.
    pub fn addresses(&self) -> &[String] {
        &self.addresses
    }

    /// The holder's identity.
    pub fn identity(&self) -> &Identity {
        &self.identity
    }

    /// The cluster that the token is for.
    pub fn cluster(&self) -> ClusterId {
        self.identity.cluster()
    }

    /// The token as one line of text.
    pub fn encode(&self) -> String {
        let mut fields = Vec::new();
        put(&mut fields, self.identity.name().as_bytes());
        put(&mut fields, &self.expires_at.0.to_le_bytes());
        put(&mut fields, self.identity.ca().der());
        put(&mut fields, self.identity.certificate().der());
        put(&mut fields, self.identity.key().to_pkcs8());
        self.addresses.iter().for_each(|address| put(&mut fields, address.as_bytes()));
        encode(FAMILY, VERSION, &fields)
    }

    /// Reads a token.
    ///
    /// # Errors
    /// [`NetError::ApiToken`] when the text is no token, or a damaged one.
    pub fn decode(text: &str) -> Result<Self, NetError> {
        let fields = decode(text, FAMILY, VERSION).map_err(NetError::ApiToken)?;
        Self::from_fields(&fields)
    }

    fn from_fields(mut fields: &[u8]) -> Result<Self, NetError> {
        let bad = |error: TokenError| NetError::ApiToken(error);
        let name = take_text(&mut fields).map_err(bad)?;
        let expires_at = Millis(take_u64(&mut fields).map_err(bad)?);
        let ca = CaCertificate::parse(take(&mut fields).map_err(bad)?)?;
        let certificate = Certificate::parse(take(&mut fields).map_err(bad)?)?;
        let key = SecretKey::from_pkcs8(take(&mut fields).map_err(bad)?)?;
        let mut addresses = Vec::new();
        while !fields.is_empty() && addresses.len() < ADDRESSES_MAX {
            addresses.push(take_text(&mut fields).map_err(bad)?);
        }
        if !fields.is_empty() || certificate.role() != Role::Bearer || certificate.name() != name {
            return Err(bad(malformed()));
        }
        Ok(Self { expires_at, addresses, identity: Identity::new(ca, certificate, key)? })
    }
}

impl fmt::Debug for ApiToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ApiToken({} for {}, until {})", self.id(), self.cluster(), self.expires_at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token() -> ApiToken {
        let authority = Authority::create().expect("authority");
        let addresses = ["10.0.0.1:7400".to_owned()];
        ApiToken::create(&authority, &addresses, Duration::from_secs(60), Millis(1_800_000_000_000)).expect("token")
    }

    #[test]
    fn a_token_reads_back_and_shows_its_key_to_nobody() {
        let token = token();
        let read = ApiToken::decode(&format!(" {}\n", token.encode())).expect("own text");
        assert_eq!((read.id(), read.key(), read.cluster()), (token.id(), token.key(), token.cluster()));
        assert_eq!((read.expires_at(), read.addresses()), (Millis(1_800_000_060_000), token.addresses()));
        assert_eq!(read.identity().role(), Role::Bearer);
        assert_eq!(read.encode(), token.encode());
        let secret = data_encoding::HEXLOWER.encode(token.identity().key().to_pkcs8());
        assert!(!format!("{token:?}").contains(&secret));
    }

    #[test]
    fn a_join_token_is_no_api_token_and_damage_is_told_apart() {
        let text = token().encode();
        let refusal = |text: &str| match ApiToken::decode(text) {
            Err(NetError::ApiToken(error)) => error,
            other => panic!("expected a refused token, got {other:?}"),
        };
        assert_eq!(refusal(&text.replace("kifu-api-", "kifu-join-")), TokenError::NotAToken);
        assert_eq!(refusal(&text.replace("-v1.", "-v2.")), TokenError::Version("v2".into()));
        assert!(matches!(refusal(&text[..text.len() - 7]), TokenError::Damaged(_)));
    }
}
