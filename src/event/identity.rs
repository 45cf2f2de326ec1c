//! Who may speak to the cluster: certificates of members, and the tokens of people elsewhere.
//!
//! No secret is ever in the log. A certificate and the key of a token are named by their hashes.

use super::body::body;
use super::id::{ApiTokenId, Hash, NodeId};
use super::unit::Millis;

body! {
    /// `CERTIFICATE_RENEWED`: a member has a new certificate for its key. The one before stays valid to its own end.
    pub struct CertificateRenewed {
        /// The member.
        pub host: NodeId,
        /// Hash of the new certificate.
        pub fingerprint: Hash,
        /// When it stops being valid.
        pub not_after: Millis,
        /// Who asked for it: a person, or the member itself when its time ran out.
        pub actor: String,
    }

    /// `API_TOKEN_CREATED`: whoever holds the token's key may use the client API until it expires or is revoked.
    pub struct ApiTokenCreated {
        /// The token.
        pub token: ApiTokenId,
        /// Hash of its public key. The secret half is in the token's text, and nowhere else.
        pub key: Hash,
        /// Whom it is for. Stands as actor in the records of what the holder does.
        pub name: String,
        /// What the holder may do.
        pub role: ApiRole,
        /// When it stops being valid.
        pub expires_at: Millis,
        /// Who asked for it.
        pub actor: String,
    }

    /// `API_TOKEN_REVOKED`: the token opens nothing any more.
    pub struct ApiTokenRevoked {
        /// The token.
        pub token: ApiTokenId,
        /// Who revoked it.
        pub actor: String,
    }

    /// What the holder of a token may do.
    #[derive(Copy, Hash, PartialOrd, Ord)]
    pub enum ApiRole {
        /// Command and look.
        Operator,
        /// Look.
        Viewer,
    }
}

impl std::fmt::Display for ApiRole {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            ApiRole::Operator => "operator",
            ApiRole::Viewer => "viewer",
        })
    }
}
