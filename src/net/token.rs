//! Join tokens: one line of text that lets one machine become a member.
//!
//! ```text
//! "kifu-join-v1." … fields = token id | secret | expiry, u64 ms | CA certificate | certificate | key | address …
//! ```
//!
//! The token carries a certificate of the role [`Role::Joiner`], so that even the first contact is mutual TLS, and a
//! peer without a token learns nothing. The certificate outlives the token by [`TLS_GRACE`](super::pass::TLS_GRACE): whoever comes late gets a clear
//! refusal from the cluster instead of a failed handshake.

use std::fmt;
use std::time::Duration;

use rand::RngCore;

use super::authority::Authority;
use super::channel::Role;
use super::error::NetError;
use super::pass::Pass;
use super::text::{self, malformed, put, take, take_text};
use crate::event::{Hash, Millis, TokenId};

const FAMILY: &str = "kifu-join-";
const VERSION: &str = "v1";
const SECRET_BYTES: usize = 32;

/// A join token. Its `Debug` shows neither secret nor key.
#[derive(Clone)]
pub struct JoinToken {
    token: TokenId,
    secret: [u8; SECRET_BYTES],
    pass: Pass,
}

impl JoinToken {
    /// A new token, valid for `ttl` from `now`. `addresses` are those of nodes that the joiner can ask, as `host:port`.
    /// The cluster must then be told of [`JoinToken::id`] and [`JoinToken::secret_hash`].
    pub fn create(authority: &Authority, addresses: &[String], ttl: Duration, now: Millis) -> Result<Self, NetError> {
        let mut id = [0; 8];
        rand::rng().fill_bytes(&mut id);
        let mut secret = [0; SECRET_BYTES];
        rand::rng().fill_bytes(&mut secret);
        Ok(Self {
            token: TokenId::new(data_encoding::HEXLOWER.encode(&id)),
            secret,
            pass: Pass::issue(authority, ("joiner", Role::Joiner), addresses, ttl, now)?,
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

    /// Until when it is good, whom to ask, and the joiner's identity for its first contact.
    pub fn pass(&self) -> &Pass {
        &self.pass
    }

    /// The token as one line of text.
    pub fn encode(&self) -> String {
        let mut fields = Vec::new();
        put(&mut fields, self.token.as_str().as_bytes());
        put(&mut fields, &self.secret);
        self.pass.put(&mut fields);
        text::encode(FAMILY, VERSION, &fields)
    }

    /// Reads a token. Space around it and line breaks within, as mail programs make them, do no harm.
    pub fn decode(text: &str) -> Result<Self, NetError> {
        Self::from_fields(&text::decode(text, FAMILY, VERSION)?)
    }

    fn from_fields(mut fields: &[u8]) -> Result<Self, NetError> {
        let token = take_text(&mut fields)?;
        let secret = take(&mut fields)?.try_into().map_err(|_| malformed())?;
        if !token.starts_with(TokenId::PREFIX) {
            return Err(malformed().into());
        }
        Ok(Self { token: TokenId(token), secret, pass: Pass::take(fields, Role::Joiner, NetError::Token)? })
    }
}

impl fmt::Debug for JoinToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "JoinToken({} for {}, until {})", self.token, self.pass.identity.cluster(), self.pass.expires_at)
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
            assert_eq!(read.pass().expires_at, NOW.plus(3_600_000));
            assert_eq!(read.pass().addresses, token.pass().addresses);
            assert_eq!(read.pass().identity.cluster(), token.pass().identity.cluster());
            assert_eq!(read.pass().identity.node(), token.pass().identity.node());
            assert_eq!(read.pass().identity.role(), Role::Joiner);
        }
        let certificate = token.pass().identity.certificate();
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
