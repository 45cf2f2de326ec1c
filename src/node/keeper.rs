//! The cluster's CA, where this node has a copy of it.

use std::path::PathBuf;
use std::time::Duration;

use super::clock::Clock;
use super::error::NodeError;
use crate::event::Command;
use crate::event::command::{CreateApiToken, CreateToken};
use crate::event::identity::ApiRole;
use crate::net::{ApiToken, Authority, JoinToken};

/// Issues what only the CA can. Its files are read anew each time, which is rarely: a copy of the CA that was imported
/// is used at once, and one that was removed no more.
#[derive(Clone)]
pub struct Keeper {
    /// The data directory.
    pub root: PathBuf,
    /// Where others find this node.
    pub addresses: Vec<String>,
    /// The clock.
    pub clock: Clock,
}

impl Keeper {
    /// The CA.
    ///
    /// # Errors
    /// [`NodeError::NoAuthority`] when this node has no copy of it.
    pub fn authority(&self) -> Result<Authority, NodeError> {
        if !Authority::exists(&self.root) {
            return Err(NodeError::NoAuthority);
        }
        Ok(Authority::load(&self.root)?)
    }

    /// A new join token as text, and the command that makes the cluster accept it.
    ///
    /// # Errors
    /// When the token cannot be signed.
    pub fn join_token(&self, ttl_ms: u64, actor: &str) -> Result<(String, Command), NodeError> {
        let ttl = Duration::from_millis(ttl_ms);
        let token = JoinToken::create(&self.authority()?, &self.addresses, ttl, self.clock.now())?;
        let command =
            CreateToken { token: token.id().clone(), secret: token.secret_hash(), ttl_ms, actor: actor.to_owned() };
        Ok((token.encode(), Command::CreateToken(command)))
    }

    /// A new API token as text, and the command that makes the cluster accept it.
    ///
    /// # Errors
    /// When the token cannot be signed.
    pub fn api_token(
        &self,
        name: &str,
        role: ApiRole,
        ttl_ms: u64,
        actor: &str,
    ) -> Result<(String, Command), NodeError> {
        let ttl = Duration::from_millis(ttl_ms);
        let token = ApiToken::create(&self.authority()?, &self.addresses, ttl, self.clock.now())?;
        let (name, actor) = (name.to_owned(), actor.to_owned());
        let command = CreateApiToken { token: token.id(), key: token.key(), name, role, ttl_ms, actor };
        Ok((token.encode(), Command::CreateApiToken(command)))
    }
}
