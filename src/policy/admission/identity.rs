//! Commands about certificates, and about tokens for the client API.

use super::Refusal;
use super::text::{is_id, is_name};
use crate::event::command::{CreateApiToken, RenewCertificate, RevokeApiToken};
use crate::event::identity::{ApiTokenCreated, ApiTokenRevoked, CertificateRenewed};
use crate::event::{ApiTokenId, Millis};
use crate::policy::limits::{ACTOR_BYTES_MAX, API_TOKEN_NAME_BYTES_MAX, API_TOKEN_TTL_MS_MAX, API_TOKENS_OPEN_MAX};
use crate::policy::view::Decision;
use crate::projection::State;

pub(super) fn renew(state: &State, command: &RenewCertificate, now: Millis) -> Result<Vec<Decision>, Refusal> {
    let bad = |reason: &str| Err(Refusal::BadCertificate { reason: reason.to_owned() });
    if !state.hosts.is_member(command.host) {
        return Err(Refusal::NotAMember { node: command.host });
    }
    if command.not_after <= now {
        return bad("it has expired already");
    }
    if command.actor.len() > ACTOR_BYTES_MAX {
        return bad("its actor's name is too long");
    }
    if state.certificates.get(command.host).is_some_and(|row| row.fingerprint == command.fingerprint) {
        return Ok(vec![]);
    }
    let event = CertificateRenewed {
        host: command.host,
        fingerprint: command.fingerprint,
        not_after: command.not_after,
        actor: command.actor.clone(),
    };
    Ok(vec![Decision::new(event, [])])
}

pub(super) fn create_api_token(state: &State, command: &CreateApiToken, now: Millis) -> Result<Vec<Decision>, Refusal> {
    let bad = |reason: &str| Err(Refusal::BadApiToken { reason: reason.to_owned() });
    if state.api_tokens.get(&command.token).is_some() {
        return Err(Refusal::ApiTokenExists { token: command.token.clone() });
    }
    if !is_id(command.token.as_str(), ApiTokenId::PREFIX) {
        return bad("its id is not a plain one");
    }
    if !is_name(&command.name) || command.name.len() > API_TOKEN_NAME_BYTES_MAX {
        return bad("its holder's name must consist of at most 64 letters, digits and -_. only");
    }
    if command.actor.len() > ACTOR_BYTES_MAX {
        return bad("its actor's name is too long");
    }
    if command.ttl_ms == 0 || command.ttl_ms > API_TOKEN_TTL_MS_MAX {
        return bad("it must be valid for more than nothing and for at most a year");
    }
    let open = state.api_tokens.table.values().filter(|token| token.revoked.is_none() && token.expires_at > now);
    if open.count() >= API_TOKENS_OPEN_MAX {
        return bad("too many tokens are valid: revoke some, or wait until they have expired");
    }
    let event = ApiTokenCreated {
        token: command.token.clone(),
        key: command.key,
        name: command.name.clone(),
        role: command.role,
        expires_at: now.plus(command.ttl_ms),
        actor: command.actor.clone(),
    };
    Ok(vec![Decision::new(event, [])])
}

pub(super) fn revoke_api_token(state: &State, command: &RevokeApiToken) -> Result<Vec<Decision>, Refusal> {
    let unknown = || Refusal::ApiTokenUnknown { token: command.token.clone() };
    let row = state.api_tokens.get(&command.token).ok_or_else(unknown)?;
    if command.actor.len() > ACTOR_BYTES_MAX {
        return Err(Refusal::BadApiToken { reason: "its actor's name is too long".to_owned() });
    }
    if row.revoked.is_some() {
        return Ok(vec![]);
    }
    let event = ApiTokenRevoked { token: command.token.clone(), actor: command.actor.clone() };
    Ok(vec![Decision::new(event, [row.created_seq])])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::identity::ApiRole;
    use crate::event::membership::ClusterVersionRaised;
    use crate::event::samples::hash;
    use crate::event::{Command, Event, NodeId};
    use crate::policy::testing::{Given, joined};

    const NOW: u64 = 1_700_000_000_000;

    /// All members read these kinds.
    fn raised() -> Event {
        ClusterVersionRaised { from: 1, to: 2 }.into()
    }

    fn token(name: &str, holder: &str, ttl_ms: u64) -> Command {
        let (token, key) = (ApiTokenId::new(name), hash(name));
        let (name, role, actor) = (holder.to_owned(), ApiRole::Viewer, "ada".to_owned());
        Command::CreateApiToken(CreateApiToken { token, key, name, role, ttl_ms, actor })
    }

    fn revoke(name: &str) -> Command {
        Command::RevokeApiToken(RevokeApiToken { token: ApiTokenId::new(name), actor: "ada".into() })
    }

    #[test]
    fn a_token_is_created_once_and_revoked_once() {
        let given = Given::events([joined(1), raised()]).at(NOW).when(1, token("t1", "grace", 1_000));
        let given =
            given.then_fields(&["API_TOKEN_CREATED grace viewer ada"], &["name", "role", "actor"]).applied().at(NOW);
        given.clone().when(1, token("t1", "grace", 1_000)).refused("api_token_exists");
        given.clone().when(1, revoke("t2")).refused("api_token_unknown");
        given.clone().when(9, revoke("t1")).refused("not_a_member");
        let revoked = given.when(1, revoke("t1")).then_kinds(&["API_TOKEN_REVOKED"]).caused_by(0, &[3]).applied();
        revoked.when(1, revoke("t1")).then(&[]);
    }

    #[test]
    fn bad_tokens_are_refused() {
        let given = || Given::events([joined(1), raised()]).at(NOW);
        for (name, holder, ttl_ms) in
            [("a b", "grace", 1), ("t", "", 1), ("t", &"x".repeat(65), 1), ("t", "g", 0), ("t", "g", u64::MAX)]
        {
            given().when(1, token(name, holder, ttl_ms)).refused("bad_api_token");
        }
        let Command::CreateApiToken(command) = token("t", "g", 1) else { unreachable!() };
        let long = CreateApiToken { actor: "x".repeat(ACTOR_BYTES_MAX + 1), ..command };
        given().when(1, Command::CreateApiToken(long)).refused("bad_api_token");
    }

    #[test]
    fn valid_tokens_are_bounded() {
        let mut given = Given::events([joined(1), raised()]).at(NOW);
        for number in 0..API_TOKENS_OPEN_MAX {
            let decided = given.when(1, token(&number.to_string(), "g", 1_000));
            given = decided.then_kinds(&["API_TOKEN_CREATED"]).applied().at(NOW);
        }
        given.clone().when(1, token("more", "g", 1_000)).refused("bad_api_token");
        given.at(NOW + 1_000).when(1, token("more", "g", 1_000)).then_kinds(&["API_TOKEN_CREATED"]);
    }

    #[test]
    fn a_members_new_certificate_is_noted_once() {
        let renew = |host, not_after| {
            let (fingerprint, actor) = (hash("certificate"), "n1".to_owned());
            Command::RenewCertificate(RenewCertificate {
                host: NodeId(host),
                fingerprint,
                not_after: Millis(not_after),
                actor,
            })
        };
        let given = Given::events([joined(1), raised()]).at(NOW);
        given.clone().when(1, renew(7, NOW + 1)).refused("not_a_member");
        given.clone().when(1, renew(1, NOW)).refused("bad_certificate");
        let renewed = given.when(1, renew(1, NOW + 1)).then_kinds(&["CERTIFICATE_RENEWED"]).applied().at(NOW);
        renewed.when(1, renew(1, NOW + 1)).then(&[]);
    }
}
