//! Members: what each is and is to be, and changes of that, foreseen or carried out.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::request::{Footer, Response};
use super::server::Api;
use crate::event::command::{ChangeRoles, ConfigureMembership, RemoveMember, TransferLeadership};
use crate::event::{Command, NodeId, Proposal};
use crate::policy::plan::{foresee, why};
use crate::policy::{Build, Decision, Refusal, View};
use crate::projection::State;
use crate::replica::RaftMembers;

/// What an operator wants of the members. Members are named as people call them, by id, or by an unambiguous beginning of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "change", rename_all = "snake_case")]
pub enum MemberChange {
    /// Give members other roles.
    Roles {
        /// Who is to vote.
        promote: Vec<String>,
        /// Who is no longer to vote.
        demote: Vec<String>,
        /// Do it although the quorum may be lost by it.
        forced: bool,
    },
    /// Remove a member.
    Remove {
        /// Whom.
        node: String,
        /// Do it although the quorum may be lost by it.
        forced: bool,
    },
    /// Change the rules; what is not given stays.
    Configure {
        /// Voters wanted.
        voters: Option<u32>,
        /// When a voter counts as gone for good, in milliseconds.
        voter_gone_ms: Option<u64>,
        /// When a learner counts as stable, in milliseconds.
        learner_stable_ms: Option<u64>,
    },
    /// Hand leadership over.
    Transfer {
        /// To whom.
        to: String,
    },
}

/// A name that is nobody's, in words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unknown(pub String);

impl MemberChange {
    /// The change as a command of `actor`.
    ///
    /// # Errors
    /// When a name is nobody's, or several members'.
    pub fn command(&self, state: &State, actor: &str) -> Result<Command, Unknown> {
        let all = |names: &[String]| names.iter().map(|name| resolve(state, name)).collect::<Result<Vec<_>, _>>();
        let actor = actor.to_owned();
        Ok(match self {
            MemberChange::Roles { promote, demote, forced } => {
                let (promote, demote) = (all(promote)?, all(demote)?);
                Command::ChangeRoles(ChangeRoles { promote, demote, forced: *forced, actor })
            }
            MemberChange::Remove { node, forced } => {
                Command::RemoveMember(RemoveMember { node: resolve(state, node)?, forced: *forced, actor })
            }
            MemberChange::Configure { voters, voter_gone_ms, learner_stable_ms } => {
                let mut config = state.membership.rules().config;
                config.voters = voters.unwrap_or(config.voters);
                config.voter_gone_ms = voter_gone_ms.unwrap_or(config.voter_gone_ms);
                config.learner_stable_ms = learner_stable_ms.unwrap_or(config.learner_stable_ms);
                Command::ConfigureMembership(ConfigureMembership { config, actor })
            }
            MemberChange::Transfer { to } => {
                Command::TransferLeadership(TransferLeadership { to: resolve(state, to)?, actor })
            }
        })
    }
}

/// The member with this name, this id, or the only one whose id begins like this.
fn resolve(state: &State, text: &str) -> Result<NodeId, Unknown> {
    let text = text.strip_prefix("host/").unwrap_or(text);
    if let Some(host) = state.hosts.by_name(text) {
        return Ok(host.host);
    }
    let mut begins = state.hosts.table.values().filter(|host| host.host.to_string().starts_with(text));
    match (begins.next(), begins.next()) {
        (Some(host), None) if !text.is_empty() => Ok(host.host),
        (Some(_), Some(_)) => Err(Unknown(format!("several members' ids begin with {text:?}: name one in full"))),
        _ => {
            let names: Vec<&str> = state.hosts.table.values().map(|host| host.name.as_str()).collect();
            let hint = crate::cli::closest(text, names.iter().copied());
            let hint = hint
                .map_or_else(|| format!(" (members: {})", names.join(", ")), |near| format!("; did you mean {near}?"));
            Err(Unknown(format!("no member is called {text:?}{hint}")))
        }
    }
}

/// What a command would do: its records as rows, and the quorum that it leaves in words.
fn foretell(api: &Api, command: Command) -> Result<(Vec<Value>, String), Refusal> {
    let (state, now) = (api.replica.fold().read(Clone::clone), api.footing.heard_now());
    let leadership = api.replica.leadership().borrow().clone();
    let (node, leader) = (api.footing.node(), leadership.leader.unwrap_or(api.footing.node()));
    let proposal = Proposal { origin: node, origin_seq: 0, observed_at: now, caused_by: vec![], command };
    let plan = api.footing.with_liveness(|liveness| {
        foresee(&View { state: &state, now, liveness, leader, term: leadership.term }, &proposal)
    })?;
    let row = |(index, decision): (usize, &Decision)| {
        let kind = decision.event.kind().name();
        json!({"id": index + 1, "kind": kind, "why": why(&state, &decision.event), "body": decision.event.body_json()})
    };
    let outcome = if plan.decisions.is_empty() { "nothing changes".to_owned() } else { plan.outcome() };
    Ok((plan.decisions.iter().enumerate().map(row).collect(), outcome))
}

/// Carries a change out, or says what it would do.
pub(super) async fn change(api: &Api, change: &MemberChange, dry_run: bool, actor: &str) -> Response {
    let command = match api.replica.fold().read(|state| change.command(state, actor)) {
        Ok(command) => command,
        Err(Unknown(message)) => return Response::error("not_found", message),
    };
    let (events, outcome) = match foretell(api, command.clone()) {
        Ok(foretold) => foretold,
        // The leader knows better than a follower that is behind: only it may refuse for good.
        Err(refusal) if dry_run => return Response::error("refused", format!("{refusal} ({})", refusal.code())),
        Err(_) => (vec![], String::new()),
    };
    if dry_run {
        return Response::Plan { events, outcome, seq: None, footer: api.footing.now() };
    }
    match api.command(command).await {
        Response::Done { seq } => Response::Plan { events, outcome, seq, footer: api.footing.now() },
        refused => refused,
    }
}

/// All members and all that were removed, as this node knows them.
pub(super) fn list(api: &Api) -> Response {
    let (footer, raft) = (api.footing.now(), api.replica.members());
    let leader = api.replica.leadership().borrow().leader;
    let rows = api.replica.fold().read(|state| rows(state, |node| api.footing.build_of(node), &raft, leader));
    Response::Rows { rows, footer }
}

/// The members as of a state of the past. What Raft did then is what the log says of it; how far each was, nobody noted.
pub(super) fn list_at(state: &State, footer: Footer) -> Response {
    let (voters, learners) =
        state.quorum.get().map(|row| (row.voters.clone(), row.learners.clone())).unwrap_or_default();
    let (voters, learners) = (voters.into_iter().collect(), learners.into_iter().collect());
    let raft = RaftMembers { voters, learners, ..RaftMembers::default() };
    let leader = state.leadership.current().map(|row| row.leader);
    Response::Rows { rows: rows(state, |_| None, &raft, leader), footer }
}

/// One row for each member, and one for each node that was removed.
fn rows(
    state: &State,
    build_of: impl Fn(NodeId) -> Option<Build>,
    raft: &RaftMembers,
    leader: Option<NodeId>,
) -> Vec<Value> {
    let members = state.hosts.table.values().map(|host| {
        let build = build_of(host.host);
        let decided = state.membership.get(host.host);
        let role = match (raft.voters.contains(&host.host), raft.learners.contains(&host.host)) {
            (true, _) => "voter",
            (_, true) => "learner",
            _ => "waiting",
        };
        json!({
            "id": format!("host/{}", host.name),
            "node": host.host,
            "address": host.address,
            "role": role,
            "wanted_role": state.membership.role(host.host, &state.quorum),
            "reason": decided.and_then(|row| row.reason),
            "actor": decided.and_then(|row| row.actor.clone()),
            "decided_seq": decided.map(|row| row.seq),
            "leader": leader == Some(host.host),
            "online": host.online,
            "behind_records": build.map(|build| state.seq.0.saturating_sub(build.seq.0)),
            "format": build.map(|build| build.format),
            "upgrade_needed": build.is_some_and(|build| build.halted),
            "removed": false,
        })
    });
    let removed = state.membership.all_removed().map(|row| {
        json!({
            "id": format!("host/{}", row.removed.clone().unwrap_or_default()),
            "node": row.node,
            "role": "removed",
            "actor": row.actor,
            "decided_seq": row.seq,
            "online": false,
            "leader": false,
            "removed": true,
        })
    });
    members.chain(removed).collect()
}
