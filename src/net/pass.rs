//! What every token carries: until when it is good, whom to ask, and an identity for the holder.

use std::time::Duration;

use super::authority::Authority;
use super::certificate::{CaCertificate, Certificate, Validity};
use super::channel::Role;
use super::error::{NetError, TokenError};
use super::identity::Identity;
use super::key::SecretKey;
use super::text::{malformed, put, take, take_text, take_u64};
use crate::event::Millis;

/// How much longer than the token its certificate is valid.
pub const TLS_GRACE: Duration = Duration::from_secs(24 * 3600);
/// Most addresses in a token; further ones are left out.
pub const ADDRESSES_MAX: usize = 16;

/// The part that tokens share. It holds a key, hence no `Debug`.
#[derive(Clone)]
pub struct Pass {
    /// When the cluster stops accepting the token.
    pub expires_at: Millis,
    /// Nodes to ask, as `host:port`.
    pub addresses: Vec<String>,
    /// The holder's identity.
    pub identity: Identity,
}

impl Pass {
    /// Signs a certificate for `name` and `role`, valid [`TLS_GRACE`] longer than the pass.
    pub(super) fn issue(
        authority: &Authority,
        (name, role): (&str, Role),
        addresses: &[String],
        ttl: Duration,
        now: Millis,
    ) -> Result<Pass, NetError> {
        let validity = Validity::starting(now, ttl.saturating_add(TLS_GRACE));
        Ok(Pass {
            expires_at: now.plus(u64::try_from(ttl.as_millis()).unwrap_or(u64::MAX)),
            addresses: addresses.iter().take(ADDRESSES_MAX).cloned().collect(),
            identity: authority.issue_identity(name, role, validity)?,
        })
    }

    /// Appends the fields `expiry, u64 ms | CA certificate | certificate | key | address …`.
    pub(super) fn put(&self, fields: &mut Vec<u8>) {
        put(fields, &self.expires_at.0.to_le_bytes());
        put(fields, self.identity.ca().der());
        put(fields, self.identity.certificate().der());
        put(fields, self.identity.key().to_pkcs8());
        self.addresses.iter().for_each(|address| put(fields, address.as_bytes()));
    }

    /// Takes the rest of a token's fields. `wrap` names the kind of token in an error.
    pub(super) fn take(
        mut fields: &[u8],
        role: Role,
        wrap: impl Fn(TokenError) -> NetError + Copy,
    ) -> Result<Pass, NetError> {
        let expires_at = Millis(take_u64(&mut fields).map_err(wrap)?);
        let ca = CaCertificate::parse(take(&mut fields).map_err(wrap)?)?;
        let certificate = Certificate::parse(take(&mut fields).map_err(wrap)?)?;
        let key = SecretKey::from_pkcs8(take(&mut fields).map_err(wrap)?)?;
        let mut addresses = Vec::new();
        while !fields.is_empty() && addresses.len() < ADDRESSES_MAX {
            addresses.push(take_text(&mut fields).map_err(wrap)?);
        }
        if !fields.is_empty() || certificate.role() != role {
            return Err(wrap(malformed()));
        }
        Ok(Pass { expires_at, addresses, identity: Identity::new(ca, certificate, key)? })
    }
}
