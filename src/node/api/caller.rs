//! Who asks, and in which role.

use crate::event::identity::ApiRole;
use crate::event::{ApiTokenId, Millis};
use crate::net::{Peer, Role};
use crate::node::members;
use crate::projection::{Projection, State};

/// Who asks. `actor` stands in the records of what comes of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    /// The role that counts: the certificate's, or the one that a bearer's token gives.
    pub role: Role,
    /// The name in records.
    pub actor: String,
}

impl Caller {
    /// Who the peer is to this cluster now. Asked anew for each request, so that a revoked token is of no use at once.
    ///
    /// # Errors
    /// Why a bearer's token gives no role.
    pub fn of(peer: &Peer, state: &State, now: Millis) -> Result<Caller, String> {
        if peer.role != Role::Bearer {
            return Ok(Caller { role: peer.role, actor: peer.name.clone() });
        }
        // A revocation may be among what a projection that has stopped did not see.
        state.check(Projection::ApiTokens).map_err(|halt| halt.to_string())?;
        let token = ApiTokenId::new(&peer.name);
        let row = state.api_tokens.check(&token, peer.fingerprint, now).map_err(|error| error.to_string())?;
        let role = match row.role {
            ApiRole::Operator => Role::Operator,
            ApiRole::Viewer => Role::Viewer,
        };
        Ok(Caller { role, actor: format!("{} ({token})", row.name) })
    }
}

/// Whether the peer is admitted at all: removed members and bearers whose token gives nothing are not.
///
/// # Errors
/// Why not, in words that the peer may read.
pub fn admitted(peer: &Peer, state: &State, now: Millis) -> Result<(), String> {
    match peer.role {
        Role::Bearer => Caller::of(peer, state, now).map(|_| ()),
        _ => members::admitted(peer, state),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::samples::{NODE, hash, sample};
    use crate::event::{Event, Kind};
    use crate::projection::testing::given;

    fn peer(name: &str, role: Role) -> Peer {
        Peer { node: NODE, fingerprint: hash("key of a token"), name: name.to_owned(), role }
    }

    #[test]
    fn a_bearer_has_the_role_of_its_token_until_that_ends() {
        let Event::ApiTokenCreated(body) = sample(Kind::ApiTokenCreated) else { unreachable!() };
        let bearer = peer("5f0e1c2299ab3d47", Role::Bearer);
        let before = Millis(body.expires_at.0 - 1);
        let state = given([sample(Kind::ApiTokenCreated)]);
        let caller = Caller::of(&bearer, &state, before).expect("a good token");
        assert_eq!((caller.role, caller.actor.as_str()), (Role::Operator, "grace (api-token/5f0e1c2299ab3d47)"));
        assert!(admitted(&bearer, &state, before).is_ok());
        assert!(admitted(&bearer, &state, body.expires_at).is_err(), "its time is up");
        assert!(admitted(&peer("ffffffffffffffff", Role::Bearer), &state, before).is_err(), "unknown");
        let other_key = Peer { fingerprint: hash("another key"), ..bearer.clone() };
        assert!(admitted(&other_key, &state, before).is_err(), "another key");
        let revoked = state.and(sample(Kind::ApiTokenRevoked));
        assert!(admitted(&bearer, &revoked, before).is_err(), "revoked");
    }

    #[test]
    fn others_are_what_their_certificate_says() {
        let caller = Caller::of(&peer("ada", Role::Operator), &given([]), Millis(0)).expect("no token needed");
        assert_eq!(caller, Caller { role: Role::Operator, actor: "ada".into() });
        assert!(admitted(&peer("n1", Role::Node), &given([]), Millis(0)).is_ok());
    }
}
