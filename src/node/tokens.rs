//! Join tokens: made where the cluster's CA is.

use std::time::Duration;

use super::clock::Clock;
use crate::event::Command;
use crate::event::command::CreateToken;
use crate::net::{Authority, JoinToken, NetError};

/// Makes join tokens. Only the node that made the cluster holds the CA's key.
pub struct Tokens {
    /// The cluster's CA.
    pub authority: Authority,
    /// Where joiners find this node.
    pub addresses: Vec<String>,
    /// The clock.
    pub clock: Clock,
}

impl Tokens {
    /// A new token as text, and the command that makes the cluster accept it.
    ///
    /// # Errors
    /// When the token cannot be signed.
    pub fn create(&self, ttl_ms: u64, actor: &str) -> Result<(String, Command), NetError> {
        let ttl = Duration::from_millis(ttl_ms);
        let token = JoinToken::create(&self.authority, &self.addresses, ttl, self.clock.now())?;
        let command =
            CreateToken { token: token.id().clone(), secret: token.secret_hash(), ttl_ms, actor: actor.to_owned() };
        Ok((token.encode(), Command::CreateToken(command)))
    }
}
