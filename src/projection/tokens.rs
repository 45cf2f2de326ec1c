//! Join tokens. Secrets are not in the log, only their hashes.

use super::row::row;
use super::table::Table;
use crate::event::{Event, Hash, Millis, NodeId, Record, Seq, TokenId};

/// Tokens that are kept. Beyond it the one that expires first is dropped.
pub const TOKENS_MAX: usize = 1_000;

row! {
    /// A join token.
    pub struct TokenRow {
        /// Its public part.
        pub token: TokenId,
        /// Hash of its secret part.
        pub secret: Hash,
        /// When it stops being valid.
        pub expires_at: Millis,
        /// Who asked for it.
        pub actor: String,
        /// The record that created it.
        pub created_seq: Seq,
        /// The node that used it up.
        pub used_by: Option<NodeId>,
    }
}

/// Tokens by id.
#[derive(Clone, Debug, Default)]
pub struct Tokens {
    /// At most [`TOKENS_MAX`] rows.
    pub table: Table<TokenId, TokenRow>,
}

impl Tokens {
    /// The token with this id.
    pub fn get(&self, token: &TokenId) -> Option<&TokenRow> {
        self.table.get(token)
    }

    /// Folds a record.
    pub fn apply(&mut self, record: &Record) {
        match &record.draft.event {
            Event::ClusterRestored(_) => self.table.drop_first(0),
            Event::TokenCreated(body) if !self.table.contains(&body.token) => {
                let row = TokenRow {
                    token: body.token.clone(),
                    secret: body.secret,
                    expires_at: body.expires_at,
                    actor: body.actor.clone(),
                    created_seq: record.seq,
                    used_by: None,
                };
                self.table.put(body.token.clone(), row);
                self.drop_oldest();
            }
            Event::NodeJoined(body) => {
                if let Some(token) = &body.token {
                    self.table.update(token, |row| row.used_by = Some(body.node));
                }
            }
            _ => {}
        }
    }

    fn drop_oldest(&mut self) {
        while self.table.len() > TOKENS_MAX {
            let first = self.table.values().min_by_key(|row| (row.expires_at, row.created_seq));
            let Some(first) = first.map(|row| row.token.clone()) else { return };
            self.table.remove(&first);
        }
    }
}
