//! Join tokens: one line of text that lets one machine become a member.
//!
//! ```text
//! "kifu-join-v1." … fields = token id | secret | expiry, u64 ms | CA certificate | certificate | key | address …
//! ```
//!
//! The token carries a certificate of the role [`Role::Joiner`], so that even the first contact is mutual TLS, and a
//! peer without a token learns nothing. The certificate outlives the token by [`TLS_GRACE`]: whoever comes late gets a clear
//! refusal from the cluster instead of a failed handshake.

use std::fmt;
use std::time::Duration;

use rand::RngCore;

use super::authority::Authority;
use super::certificate::{CaCertificate, Certificate, Validity};
use super::channel::Role;
use super::error::NetError;
use super::identity::Identity;
use super::key::SecretKey;
use super::text::{self, malformed, put, take, take_text, take_u64};
use crate::event::{ClusterId, Hash, Millis, TokenId};

/// How much longer than the token its certificate is valid.
pub const TLS_GRACE: Duration = Duration::from_secs(24 * 3600);
/// Most addresses in a token; further ones are left out.
pub const ADDRESSES_MAX: usize = 16;

const FAMILY: &str = "kifu-join-";
const VERSION: &str = "v1";
const SECRET_BYTES: usize = 32;

/// A join token. Its `Debug` shows neither secret nor key.
#[derive(Clone)]
pub struct JoinToken {
    token: TokenId,
    secret: [u8; SECRET_BYTES],
    expires_at: Millis,
    addresses: Vec<String>,
    identity: Identity,
}

impl JoinToken {
    /// A new token, valid for `ttl` from `now`. `addresses` are those of nodes that the joiner can ask, as `host:port`.
    /// The cluster must then be told of [`JoinToken::id`] and [`JoinToken::secret_hash`].
    pub fn create(authority: &Authority, addresses: &[String], ttl: Duration, now: Millis) -> Result<Self, NetError> {
        let mut id = [0; 8];
        rand::rng().fill_bytes(&mut id);
        let mut secret = [0; SECRET_BYTES];
        rand::rng().fill_bytes(&mut secret);
        let validity = Validity::starting(now, ttl.saturating_add(TLS_GRACE));
        Ok(Self {
            token: TokenId::new(data_encoding::HEXLOWER.encode(&id)),
            secret,
            expires_at: now.plus(u64::try_from(ttl.as_millis()).unwrap_or(u64::MAX)),
            addresses: addresses.iter().take(ADDRESSES_MAX).cloned().collect(),
            identity: authority.issue_identity("joiner", Role::Joiner, validity)?,
        })
    }

    /// The token's public part.
    pub fn id(&self) -> &TokenId {
        &self.token
    }

    /// The secret part, which the joiner shows to the cluster.
    pub fn secret(&self) -> &[u8; SECRET_BYTES] {
        &self.secret
    }

    /// The hash of the secret part: what the cluster keeps.
    pub fn secret_hash(&self) -> Hash {
        Hash::of(&self.secret)
    }

    /// When the cluster stops accepting the token.
    pub fn expires_at(&self) -> Millis {
        self.expires_at
    }

    /// Nodes to ask, as `host:port`.
    pub fn addresses(&self) -> &[String] {
        &self.addresses
    }

    /// The joiner's identity for its first contact.
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
        put(&mut fields, self.token.as_str().as_bytes());
        put(&mut fields, &self.secret);
        put(&mut fields, &self.expires_at.0.to_le_bytes());
        put(&mut fields, self.identity.ca().der());
        put(&mut fields, self.identity.certificate().der());
        put(&mut fields, self.identity.key().to_pkcs8());
        self.addresses.iter().for_each(|address| put(&mut fields, address.as_bytes()));
        text::encode(FAMILY, VERSION, &fields)
    }

    /// Reads a token. Space around it and line breaks within, as mail programs make them, do no harm.
    pub fn decode(text: &str) -> Result<Self, NetError> {
        Self::from_fields(&text::decode(text, FAMILY, VERSION)?)
    }

    fn from_fields(mut fields: &[u8]) -> Result<Self, NetError> {
        let token = take_text(&mut fields)?;
        let secret = take(&mut fields)?.try_into().map_err(|_| malformed())?;
        let expires_at = take_u64(&mut fields)?;
        let ca = CaCertificate::parse(take(&mut fields)?)?;
        let certificate = Certificate::parse(take(&mut fields)?)?;
        let key = SecretKey::from_pkcs8(take(&mut fields)?)?;
        let mut addresses = Vec::new();
        while !fields.is_empty() && addresses.len() < ADDRESSES_MAX {
            addresses.push(take_text(&mut fields)?);
        }
        if !fields.is_empty() || !token.starts_with(TokenId::PREFIX) || certificate.role() != Role::Joiner {
            return Err(malformed().into());
        }
        let identity = Identity::new(ca, certificate, key)?;
        Ok(Self { token: TokenId(token), secret, expires_at: Millis(expires_at), addresses, identity })
    }
}

impl fmt::Debug for JoinToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "JoinToken({} for {}, until {})", self.token, self.cluster(), self.expires_at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::TokenError;
    use crate::net::text::TEXT_BYTES_MAX;

    const NOW: Millis = Millis(1_800_000_000_000);

    fn token() -> JoinToken {
        let authority = Authority::create().expect("authority");
        let addresses = ["10.0.0.1:7400".to_owned(), "[::1]:7400".to_owned()];
        JoinToken::create(&authority, &addresses, Duration::from_secs(3600), NOW).expect("token")
    }

    fn refusal(text: &str) -> TokenError {
        match JoinToken::decode(text) {
            Err(NetError::Token(error)) => error,
            other => panic!("expected a refused token, got {other:?}"),
        }
    }

    #[test]
    fn a_token_reads_back_even_with_line_breaks() {
        let token = token();
        let text = token.encode();
        let wrapped: String =
            text.chars().enumerate().flat_map(|(i, c)| [Some(c), (i % 76 == 75).then_some('\n')]).flatten().collect();
        for text in [text.clone(), format!("  {text}\n"), wrapped] {
            let read = JoinToken::decode(&text).expect("own text");
            assert_eq!(read.id(), token.id());
            assert_eq!(read.secret_hash(), token.secret_hash());
            assert_eq!(read.expires_at(), NOW.plus(3_600_000));
            assert_eq!(read.addresses(), token.addresses());
            assert_eq!(read.cluster(), token.cluster());
            assert_eq!(read.identity().node(), token.identity().node());
            assert_eq!(read.identity().role(), Role::Joiner);
        }
        let certificate = token.identity().certificate();
        assert_eq!(certificate.expires_at(), NOW.plus((3600 + 24 * 3600) * 1000));
    }

    #[test]
    fn what_is_not_a_token_is_told_apart_from_a_damaged_one_and_from_another_version() {
        let text = token().encode();
        assert_eq!(refusal("hello"), TokenError::NotAToken);
        assert_eq!(refusal(""), TokenError::NotAToken);
        assert_eq!(refusal(&"x".repeat(TEXT_BYTES_MAX + 1)), TokenError::NotAToken);
        assert_eq!(refusal(&text.replace("-v1.", "-v2.")), TokenError::Version("v2".into()));
        assert!(matches!(refusal(&text[..text.len() - 7]), TokenError::Damaged(_)));
        assert!(matches!(refusal(&text.replace("-v1.", "-v1.*")), TokenError::Damaged(_)));
        assert!(matches!(refusal("kifu-join-v1."), TokenError::Damaged(_)));
        let at = text.len() / 2;
        let other = if text.as_bytes()[at] == b'A' { "B" } else { "A" };
        let mut changed = text.clone();
        changed.replace_range(at..=at, other);
        assert_eq!(refusal(&changed), TokenError::Damaged("its checksum is wrong"));
    }

    #[test]
    fn debug_shows_no_secret() {
        let token = token();
        let secret = data_encoding::HEXLOWER.encode(token.secret());
        assert!(!format!("{token:?}").contains(&secret));
    }
}
