//! Tokens for the client API. Secrets are not in the log, only hashes of public keys.

use super::row::row;
use super::table::Table;
use crate::event::identity::ApiRole;
use crate::event::{ApiTokenId, Event, Hash, Millis, Record, Seq};

/// Tokens that are kept. Beyond it the one that expires first is dropped, and opens nothing any more.
pub const API_TOKENS_MAX: usize = 1_000;

row! {
    /// A token for the client API.
    pub struct ApiTokenRow {
        /// The token.
        pub token: ApiTokenId,
        /// Hash of its public key.
        pub key: Hash,
        /// Whom it is for.
        pub name: String,
        /// What the holder may do.
        pub role: ApiRole,
        /// When it stops being valid.
        pub expires_at: Millis,
        /// Who asked for it.
        pub actor: String,
        /// The record that created it.
        pub created_seq: Seq,
        /// The record that revoked it, and who asked for that.
        pub revoked: Option<Revocation>,
    }

    /// The end of a token before its time.
    pub struct Revocation {
        /// Who asked for it.
        pub actor: String,
        /// The record.
        pub seq: Seq,
    }
}

/// Why a token opens nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unusable {
    /// The token is not one of this cluster's, or was dropped long ago.
    #[error("this token is unknown to the cluster: make one with `kifu-node token create --role …`")]
    Unknown,
    /// The key is not the token's.
    #[error("this token's key is another one")]
    Key,
    /// It was revoked.
    #[error("this token was revoked")]
    Revoked,
    /// Its time is up.
    #[error("this token has expired: make another with `kifu-node token create --role …`")]
    Expired,
}

/// Tokens by id.
#[derive(Clone, Debug, Default)]
pub struct ApiTokens {
    /// At most [`API_TOKENS_MAX`] rows.
    pub table: Table<ApiTokenId, ApiTokenRow>,
}

impl ApiTokens {
    /// The token with this id.
    pub fn get(&self, token: &ApiTokenId) -> Option<&ApiTokenRow> {
        self.table.get(token)
    }

    /// What the holder of `key` may do with `token` now.
    ///
    /// # Errors
    /// Why it may do nothing.
    pub fn check(&self, token: &ApiTokenId, key: Hash, now: Millis) -> Result<&ApiTokenRow, Unusable> {
        let row = self.get(token).ok_or(Unusable::Unknown)?;
        match () {
            () if row.key != key => Err(Unusable::Key),
            () if row.revoked.is_some() => Err(Unusable::Revoked),
            () if row.expires_at <= now => Err(Unusable::Expired),
            () => Ok(row),
        }
    }

    /// Folds a record.
    pub fn apply(&mut self, record: &Record) {
        match &record.draft.event {
            Event::ClusterRestored(_) => self.table.drop_first(0),
            Event::ApiTokenCreated(body) if !self.table.contains(&body.token) => {
                let row = ApiTokenRow {
                    token: body.token.clone(),
                    key: body.key,
                    name: body.name.clone(),
                    role: body.role,
                    expires_at: body.expires_at,
                    actor: body.actor.clone(),
                    created_seq: record.seq,
                    revoked: None,
                };
                self.table.put(body.token.clone(), row);
                self.drop_oldest();
            }
            Event::ApiTokenRevoked(body) => {
                let revocation = Revocation { actor: body.actor.clone(), seq: record.seq };
                self.table.update(&body.token, |row| row.revoked = row.revoked.take().or(Some(revocation)));
            }
            _ => {}
        }
    }

    fn drop_oldest(&mut self) {
        while self.table.len() > API_TOKENS_MAX {
            let first = self.table.values().min_by_key(|row| (row.expires_at, row.created_seq));
            let Some(first) = first.map(|row| row.token.clone()) else { return };
            self.table.remove(&first);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Kind;
    use crate::event::samples::{hash, sample};
    use crate::projection::testing::given;

    #[test]
    fn a_token_opens_until_it_is_revoked_or_expires_and_only_to_its_key() {
        let Event::ApiTokenCreated(body) = sample(Kind::ApiTokenCreated) else { unreachable!() };
        let before = Millis(body.expires_at.0 - 1);
        let state = given([sample(Kind::ApiTokenCreated)]);
        let check = |state: &crate::projection::State, key, now| {
            state.api_tokens.check(&body.token, key, now).map(|row| row.role)
        };
        assert_eq!(check(&state, body.key, before), Ok(body.role));
        assert_eq!(check(&state, hash("another"), before), Err(Unusable::Key));
        assert_eq!(check(&state, body.key, body.expires_at), Err(Unusable::Expired));
        assert_eq!(check(&given([]), body.key, before), Err(Unusable::Unknown));
        let revoked = state.and(sample(Kind::ApiTokenRevoked));
        assert_eq!(check(&revoked, body.key, before), Err(Unusable::Revoked));
        let again = revoked.and(sample(Kind::ApiTokenRevoked)).and(sample(Kind::ApiTokenCreated));
        assert_eq!(
            again.api_tokens.get(&body.token).and_then(|row| row.revoked.clone()).map(|row| row.seq),
            Some(Seq(2))
        );
    }

    #[test]
    fn the_number_of_tokens_is_bounded() {
        let Event::ApiTokenCreated(body) = sample(Kind::ApiTokenCreated) else { unreachable!() };
        let mut tokens = ApiTokens::default();
        for number in 1..=API_TOKENS_MAX as u64 + 5 {
            let token = ApiTokenId::new(number.to_string());
            let event = crate::event::identity::ApiTokenCreated { token, expires_at: Millis(number), ..body.clone() };
            tokens.apply(&crate::projection::testing::record(number, crate::event::Event::from(event)));
        }
        assert_eq!(tokens.table.len(), API_TOKENS_MAX);
        assert!(tokens.get(&ApiTokenId::new("5")).is_none() && tokens.get(&ApiTokenId::new("6")).is_some());
    }
}
