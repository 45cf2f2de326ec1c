//! Who may ask for what: the one place where that is decided.

use super::caller::Caller;
use super::request::{Noun, Request};
use crate::net::Role;

/// What a request needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Permission {
    /// To look.
    Look,
    /// To command.
    Operate,
    /// To be a member of the cluster.
    Member,
}

/// The permission that a request needs.
pub fn needed(request: &Request) -> Permission {
    match request {
        Request::List { noun: Noun::Tokens } => Permission::Operate,
        // What it asks decides: looking back needs what looking needs.
        Request::AsOf { ask, .. } => needed(ask),
        Request::List { .. } | Request::Get { .. } | Request::Status => Permission::Look,
        Request::Events { .. } | Request::Subscribe { .. } => Permission::Look,
        Request::Members | Request::ChangeMembers { dry_run: true, .. } => Permission::Look,
        Request::ChangeMembers { .. } => Permission::Operate,
        Request::CreateToken { .. } | Request::SubmitJob { .. } => Permission::Operate,
        Request::ChangeConfig { .. } | Request::Transfer { .. } | Request::Produce { .. } => Permission::Operate,
        Request::CreateApiToken { .. } | Request::RevokeApiToken { .. } => Permission::Operate,
        Request::RotateCertificate => Permission::Operate,
        Request::RenewCertificate { .. } => Permission::Member,
    }
}

/// The table: what a role may do. A bearer's role is the one that its token gives it, see [`Caller`]; by itself it may
/// do nothing.
pub fn allows(role: Role, permission: Permission) -> bool {
    match role {
        Role::Node => true,
        Role::Operator => permission != Permission::Member,
        Role::Viewer => permission == Permission::Look,
        Role::Bearer | Role::Joiner => false,
    }
}

/// Whether the caller may ask this; if not, why.
///
/// # Errors
/// Why not, in words.
pub fn check(caller: &Caller, request: &Request) -> Result<(), String> {
    let needed = needed(request);
    if allows(caller.role, needed) {
        return Ok(());
    }
    let needs = match needed {
        Permission::Look => "a role that may look",
        Permission::Operate => "operator",
        Permission::Member => "node",
    };
    Err(format!("{} has the role {}; this needs {needs}", caller.actor, caller.role))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::config::Config;
    use crate::event::identity::ApiRole;
    use crate::event::jobs::{ExternalSpec, JobSpec};
    use crate::event::{ApiTokenId, JobId, NodeId, Seq};
    use crate::node::api::MemberChange;
    use crate::replay::Moment;

    /// One of every request.
    fn requests() -> Vec<Request> {
        let spec = ExternalSpec { program: "p".into(), params: String::new(), inputs: vec![] };
        vec![
            Request::List { noun: Noun::Hosts },
            Request::List { noun: Noun::Tokens },
            Request::Get { id: "x".into() },
            Request::AsOf { at: Moment::Seq(Seq(1)), ask: Box::new(Request::Status) },
            Request::AsOf { at: Moment::Seq(Seq(1)), ask: Box::new(Request::List { noun: Noun::Tokens }) },
            Request::Status,
            Request::Events { from: Seq(1), follow: false, kinds: vec![], limit: None },
            Request::CreateToken { ttl_ms: 1 },
            Request::SubmitJob { job: JobId::new("a"), spec: Box::new(JobSpec::External(spec)), priority: 0 },
            Request::ChangeConfig { config: Box::new(Config::default()) },
            Request::Transfer { to: NodeId(1) },
            Request::Members,
            Request::ChangeMembers { change: MemberChange::Transfer { to: "n".into() }, dry_run: true },
            Request::ChangeMembers { change: MemberChange::Transfer { to: "n".into() }, dry_run: false },
            Request::Produce { name: "n".into(), producer: None },
            Request::CreateApiToken { name: "n".into(), role: ApiRole::Viewer, ttl_ms: 1 },
            Request::RevokeApiToken { token: ApiTokenId::new("t") },
            Request::RotateCertificate,
            Request::RenewCertificate { request: String::new(), actor: String::new() },
        ]
    }

    #[test]
    fn every_request_and_every_role() {
        let row = |request: &Request| {
            let json = serde_json::to_value(request).expect("plain data");
            let may = |role: &Role| {
                let caller = Caller { role: *role, actor: "x".into() };
                if check(&caller, request).is_ok() { role.as_str() } else { "-" }
            };
            let noun = json["noun"].as_str().map(|noun| format!(" {noun}")).unwrap_or_default();
            let roles: Vec<&str> = Role::ALL.iter().map(may).collect();
            format!("{}{noun}: {}", json["verb"].as_str().expect("a verb"), roles.join(" "))
        };
        let table: Vec<String> = requests().iter().map(row).collect();
        assert_eq!(
            table,
            [
                "list hosts: node operator viewer - -",
                "list tokens: node operator - - -",
                "get: node operator viewer - -",
                "as_of: node operator viewer - -",
                "as_of: node operator - - -",
                "status: node operator viewer - -",
                "events: node operator viewer - -",
                "create_token: node operator - - -",
                "submit_job: node operator - - -",
                "change_config: node operator - - -",
                "transfer: node operator - - -",
                "members: node operator viewer - -",
                "change_members: node operator viewer - -",
                "change_members: node operator - - -",
                "produce: node operator - - -",
                "create_api_token: node operator - - -",
                "revoke_api_token: node operator - - -",
                "rotate_certificate: node operator - - -",
                "renew_certificate: node - - - -",
            ]
        );
    }

    #[test]
    fn a_refusal_says_who_has_which_role_and_which_is_needed() {
        let caller = Caller { role: Role::Viewer, actor: "ada".into() };
        let words = check(&caller, &Request::CreateToken { ttl_ms: 1 }).expect_err("viewers only look");
        assert_eq!(words, "ada has the role viewer; this needs operator");
    }
}
