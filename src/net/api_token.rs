//! API tokens: one line of text that lets a person or a program elsewhere use the client API.
//!
//! ```text
//! "kifu-api-v1." … fields = token id | expiry, u64 ms | CA certificate | certificate | key | address …
//! ```
//!
//! The token's secret is a key. Its holder proves in the TLS handshake to have it, and never sends it: whoever takes the
//! other side's place learns nothing that would open anything. The certificate has the role [`Role::Bearer`], which
//! opens the API and there nothing; what the holder may do stands in the log, beside the hash of the key, and ends with
//! the token's time or its revocation. The certificate outlives the token by [`TLS_GRACE`](super::pass::TLS_GRACE), so that whoever comes late gets a clear
//! answer.

use std::fmt;
use std::time::Duration;

use rand::RngCore;

use super::authority::Authority;
use super::channel::Role;
use super::error::NetError;
use super::pass::Pass;
use super::text::{decode, encode, malformed, put, take_text};
use crate::event::{ApiTokenId, Hash, Millis};

const FAMILY: &str = "kifu-api-";
const VERSION: &str = "v1";
const ID_BYTES: usize = 8;

/// An API token. Its `Debug` does not show the key.
#[derive(Clone)]
pub struct ApiToken {
    pass: Pass,
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
        let name = data_encoding::HEXLOWER.encode(&id);
        Ok(Self { pass: Pass::issue(authority, (&name, Role::Bearer), addresses, ttl, now)? })
    }

    /// The token that a bearer's certificate is of.
    pub fn id_of(name: &str) -> ApiTokenId {
        ApiTokenId::new(name)
    }

    /// The token's public part. It is the name in its certificate.
    pub fn id(&self) -> ApiTokenId {
        Self::id_of(self.pass.identity.name())
    }

    /// The hash of its public key: what the cluster keeps.
    pub fn key(&self) -> Hash {
        self.pass.identity.fingerprint()
    }

    /// Until when it is good, whom to ask, and the holder's identity.
    pub fn pass(&self) -> &Pass {
        &self.pass
    }

    /// The token as one line of text.
    pub fn encode(&self) -> String {
        let mut fields = Vec::new();
        put(&mut fields, self.pass.identity.name().as_bytes());
        self.pass.put(&mut fields);
        encode(FAMILY, VERSION, &fields)
    }

    /// Reads a token.
    ///
    /// # Errors
    /// [`NetError::ApiToken`] when the text is no token, or a damaged one.
    pub fn decode(text: &str) -> Result<Self, NetError> {
        let fields = decode(text, FAMILY, VERSION).map_err(NetError::ApiToken)?;
        let mut rest = &fields[..];
        let name = take_text(&mut rest).map_err(NetError::ApiToken)?;
        let pass = Pass::take(rest, Role::Bearer, NetError::ApiToken)?;
        if pass.identity.name() != name {
            return Err(NetError::ApiToken(malformed()));
        }
        Ok(Self { pass })
    }
}

impl fmt::Debug for ApiToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ApiToken({} for {}, until {})", self.id(), self.pass.identity.cluster(), self.pass.expires_at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::TokenError;

    fn token() -> ApiToken {
        let authority = Authority::create().expect("authority");
        let addresses = ["10.0.0.1:7400".to_owned()];
        ApiToken::create(&authority, &addresses, Duration::from_secs(60), Millis(1_800_000_000_000)).expect("token")
    }

    #[test]
    fn a_token_reads_back_and_shows_its_key_to_nobody() {
        let token = token();
        let read = ApiToken::decode(&format!(" {}\n", token.encode())).expect("own text");
        assert_eq!(
            (read.id(), read.key(), read.pass().identity.cluster()),
            (token.id(), token.key(), token.pass().identity.cluster())
        );
        assert_eq!(
            (read.pass().expires_at, &read.pass().addresses),
            (Millis(1_800_000_060_000), &token.pass().addresses)
        );
        assert_eq!(read.pass().identity.role(), Role::Bearer);
        assert_eq!(read.encode(), token.encode());
        let secret = data_encoding::HEXLOWER.encode(token.pass().identity.key().to_pkcs8());
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
