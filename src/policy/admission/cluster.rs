//! Commands about the cluster itself.

use super::text::{is_id, is_name};
use super::{Refusal, config};
use crate::event::cluster::{ClusterCreated, NodeJoined, ProjectionDiverged, TokenCreated};
use crate::event::command::{CreateToken, FoundCluster, JoinNode, ReportDivergence};
use crate::event::config::ConfigChanged;
use crate::event::membership::ClusterVersionRaised;
use crate::event::{ClusterId, Event, Millis, NodeId, Seq, TokenId};
use crate::policy::limits::{LEARNERS_MAX, NAME_BYTES_MAX, TOKEN_TTL_MS_MAX, TOKENS_OPEN_MAX};
use crate::policy::view::Decision;
use crate::projection::State;

pub(super) fn create(state: &State, origin: NodeId, command: &FoundCluster) -> Result<Vec<Decision>, Refusal> {
    if state.cluster.get().is_some() || !state.hosts.table.is_empty() {
        return Err(Refusal::ClusterExists);
    }
    if origin != command.node.node {
        return Err(Refusal::NotYours { origin, host: command.node.node });
    }
    check_cluster(&command.cluster, &command.name)?;
    check_node(state, &command.node)?;
    config::check(&command.config)?;
    let created = ClusterCreated { cluster: command.cluster.clone(), name: command.name.clone(), ca: command.ca };
    let config = Event::from(ConfigChanged { config: command.config.clone(), actor: command.node.name.clone() });
    // The only member is the one that made this command: it reads what the configuration needs.
    let (from, to) = (state.membership.version(), config.needs());
    let raised = (to > from).then_some(ClusterVersionRaised { from, to });
    let first = [Decision::new(created, []), Decision::new(joined(&command.node, None), [])];
    let raised = raised.map(|raised| Decision::new(raised, []));
    Ok(first.into_iter().chain(raised).chain([Decision::new(config, [])]).collect())
}

pub(super) fn create_token(state: &State, command: &CreateToken, now: Millis) -> Result<Vec<Decision>, Refusal> {
    let bad = |reason: &str| Err(Refusal::BadToken { reason: reason.to_owned() });
    if state.tokens.get(&command.token).is_some() {
        return Err(Refusal::TokenExists { token: command.token.clone() });
    }
    if !is_id(command.token.as_str(), TokenId::PREFIX) || command.actor.len() > NAME_BYTES_MAX {
        return bad("its name or its actor's name is not a plain one");
    }
    if command.ttl_ms == 0 || command.ttl_ms > TOKEN_TTL_MS_MAX {
        return bad("it must be valid for more than nothing and for at most 30 days");
    }
    let open = state.tokens.table.values().filter(|token| token.used_by.is_none() && token.expires_at > now);
    if open.count() >= TOKENS_OPEN_MAX {
        return bad("too many tokens are open: wait until they are used or have expired");
    }
    let event = TokenCreated {
        token: command.token.clone(),
        secret: command.secret,
        expires_at: now.plus(command.ttl_ms),
        actor: command.actor.clone(),
    };
    Ok(vec![Decision::new(event, [])])
}

pub(super) fn join(state: &State, origin: NodeId, command: &JoinNode, now: Millis) -> Result<Vec<Decision>, Refusal> {
    if origin != command.node && !state.hosts.is_member(origin) {
        return Err(Refusal::NotAMember { node: origin });
    }
    if state.hosts.is_member(command.node) {
        return Err(Refusal::NodeExists { node: command.node });
    }
    if state.membership.removed(command.node).is_some() {
        return Err(Refusal::NodeRemoved { node: command.node });
    }
    let token = command.token.as_ref().and_then(|token| state.tokens.get(token)).ok_or(Refusal::TokenUnknown)?;
    if token.secret != command.secret {
        return Err(Refusal::TokenSecret);
    }
    if let Some(node) = token.used_by {
        return Err(Refusal::TokenUsed { node });
    }
    if token.expires_at <= now {
        return Err(Refusal::TokenExpired);
    }
    check_room(state)?;
    check_node(state, command)?;
    Ok(vec![Decision::new(joined(command, command.token.clone()), [token.created_seq])])
}

/// Whether one more member may follow the log. The token of a node that is refused stays good.
fn check_room(state: &State) -> Result<(), Refusal> {
    let (members, voters) = (state.hosts.table.len(), state.membership.rules().config.voters as usize);
    let most = voters + LEARNERS_MAX;
    if members < most { Ok(()) } else { Err(Refusal::MembersFull { members, most, voters }) }
}

pub(super) fn report_divergence(
    state: &State,
    origin: NodeId,
    command: &ReportDivergence,
) -> Result<Vec<Decision>, Refusal> {
    if origin != command.host {
        return Err(Refusal::NotYours { origin, host: command.host });
    }
    if !State::NAMES.contains(&command.projection.as_str()) {
        return Err(Refusal::UnknownProjection { name: command.projection.chars().take(NAME_BYTES_MAX).collect() });
    }
    let known = state.divergences.table.values().any(|row| {
        row.host == command.host && row.position == command.position && row.projection == command.projection
    });
    if known {
        return Ok(vec![]);
    }
    let event = ProjectionDiverged {
        host: command.host,
        position: command.position,
        projection: command.projection.clone(),
        expected: command.expected,
        found: command.found,
    };
    let cause: Option<Seq> = state.digests.last().filter(|row| row.position == command.position).map(|row| row.seq);
    Ok(vec![Decision::new(event, cause)])
}

/// What a cluster may be called.
///
/// # Errors
/// [`Refusal::BadNode`].
pub fn check_cluster_name(name: &str) -> Result<(), Refusal> {
    let bad =
        || Refusal::BadNode { reason: "the cluster's name must consist of letters, digits and -_. only".to_owned() };
    is_name(name).then_some(()).ok_or_else(bad)
}

/// What a member may be called, and where it may be dialled.
///
/// # Errors
/// [`Refusal::BadNode`].
pub fn check_member(name: &str, address: &str) -> Result<(), Refusal> {
    let bad = |reason: &str| Err(Refusal::BadNode { reason: reason.to_owned() });
    if !is_name(name) {
        return bad("its name must consist of letters, digits and -_. only");
    }
    if !is_address(address) {
        return bad("its address must be host:port");
    }
    Ok(())
}

pub(super) fn check_cluster(id: &ClusterId, name: &str) -> Result<(), Refusal> {
    if !is_id(id.as_str(), ClusterId::PREFIX) {
        return Err(Refusal::BadNode { reason: "the cluster's id is not one".to_owned() });
    }
    check_cluster_name(name)
}

pub(super) fn check_node(state: &State, node: &JoinNode) -> Result<(), Refusal> {
    let bad = |reason: &str| Err(Refusal::BadNode { reason: reason.to_owned() });
    if NodeId::of(&node.fingerprint) != node.node {
        return bad("its id does not follow from its key");
    }
    check_member(&node.name, &node.address)?;
    match state.hosts.by_name(&node.name) {
        Some(host) => Err(Refusal::NameTaken { name: node.name.clone(), node: host.host }),
        None => Ok(()),
    }
}

/// Whether others may be able to dial it. What it resolves to differs from machine to machine, so more cannot be said here.
pub(super) fn is_address(text: &str) -> bool {
    !text.is_empty() && text.len() <= NAME_BYTES_MAX && text.contains(':')
}

pub(super) fn joined(node: &JoinNode, token: Option<TokenId>) -> NodeJoined {
    NodeJoined {
        node: node.node,
        name: node.name.clone(),
        address: node.address.clone(),
        fingerprint: node.fingerprint,
        token,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::config::Config;
    use crate::event::membership::{MemberRemoved, MembershipConfig, MembershipConfigured};
    use crate::event::samples::{hash, sample};
    use crate::event::{Command, Hash, Kind};
    use crate::policy::testing::{Given, joined as member};

    fn node(name: &str) -> JoinNode {
        let fingerprint = hash(name);
        let token = Some(TokenId::new("2f6c1a"));
        let (node, address) = (NodeId::of(&fingerprint), "127.0.0.1:7001".to_owned());
        JoinNode { node, name: name.into(), address, fingerprint, token, secret: hash("secret") }
    }

    fn create(config: Config) -> Command {
        let node = JoinNode { token: None, ..node("first") };
        let cluster = ClusterId::new("9b1c22aa77e0d1f3");
        FoundCluster { cluster, name: "demo".into(), ca: hash("ca"), node, config }.into()
    }

    #[test]
    fn a_cluster_begins_at_the_version_that_its_configuration_needs() {
        let mut config = Config::default();
        config.dataset.games_max = 10_000;
        let command = create(config);
        assert!(matches!(command, Command::FoundCluster(_)), "the older command cannot say it");
        let kinds = ["CLUSTER_CREATED", "NODE_JOINED", "CLUSTER_VERSION_RAISED", "CONFIG_CHANGED"];
        let given = Given::events([]).when(node("first").node.0, command).then_kinds(&kinds).applied();
        assert_eq!(given.state.membership.version(), 3);
        assert!(matches!(create(Config::default()), Command::CreateCluster(_)), "older builds read it");
    }

    #[test]
    fn a_cluster_is_created_once_by_its_first_node() {
        let first = node("first").node.0;
        let created = Given::events([]).when(first, create(Config::default()));
        let given = created.then_kinds(&["CLUSTER_CREATED", "NODE_JOINED", "CONFIG_CHANGED"]).applied();
        given.when(first, create(Config::default())).refused("cluster_exists");
        Given::events([]).when(3, create(Config::default())).refused("not_yours");
        let mut bad = Config::default();
        bad.cluster.attempts_max = 0;
        Given::events([]).when(first, create(bad)).refused("bad_config");
    }

    #[test]
    fn a_token_lets_one_node_in_until_it_expires() {
        let expires_at = 1_700_003_600_000;
        let given = Given::events([member(1), sample(Kind::TokenCreated)]).at(expires_at - 1);
        let join = |node: JoinNode| Command::JoinNode(node);
        let second = node("second");
        let origin = second.node.0;
        let joined = given.clone().when(origin, join(second.clone())).then_kinds(&["NODE_JOINED"]).caused_by(0, &[2]);
        let used = joined.applied().at(expires_at - 1);
        used.clone().when(origin, join(second.clone())).refused("node_exists");
        used.when(node("third").node.0, join(node("third"))).refused("token_used");
        given.clone().at(expires_at).when(origin, join(second.clone())).refused("token_expired");
        given
            .clone()
            .when(origin, join(JoinNode { secret: Hash::of(b"guess"), ..second.clone() }))
            .refused("token_secret");
        given.clone().when(origin, join(JoinNode { token: None, ..second.clone() })).refused("token_unknown");
        given.clone().when(77, join(second.clone())).refused("not_a_member");
        given.clone().when(1, join(second.clone())).then_kinds(&["NODE_JOINED"]);
        given.clone().when(origin, join(JoinNode { name: "n1".into(), ..second.clone() })).refused("name_taken");
        given.clone().when(origin, join(JoinNode { address: String::new(), ..second.clone() })).refused("bad_node");
        let stolen = JoinNode { node: NodeId(5), ..second };
        given.when(5, join(stolen)).refused("bad_node");
    }

    #[test]
    fn three_voters_and_fifty_learners_are_all_that_fit() {
        let join = || Command::JoinNode(node("late"));
        let origin = node("late").node.0;
        let members = |count: u64| Given::events((1..=count).map(member).chain([sample(Kind::TokenCreated)]));
        members(52).when(origin, join()).then_kinds(&["NODE_JOINED"]);
        let full = members(53);
        full.clone().when(origin, join()).refused("members_full");
        let removed = MemberRemoved { node: NodeId(9), name: "n9".into(), actor: "ada".into(), forced: false };
        full.clone().and(removed).when(origin, join()).then_kinds(&["NODE_JOINED"]);
        let config = MembershipConfig { voters: 5, ..MembershipConfig::default() };
        let wider = full.and(MembershipConfigured { config, actor: "ada".into() });
        wider.when(origin, join()).then_kinds(&["NODE_JOINED"]);
    }

    #[test]
    fn a_divergence_is_recorded_once() {
        let Event::ProjectionDiverged(body) = sample(Kind::ProjectionDiverged) else { unreachable!() };
        let command = |host| {
            let (position, projection) = (body.position, body.projection.clone());
            let (expected, found) = (body.expected, body.found);
            Command::ReportDivergence(ReportDivergence { host, position, projection, expected, found })
        };
        let given =
            Given::events([member(1)]).when(1, command(NodeId(1))).then_kinds(&["PROJECTION_DIVERGED"]).applied();
        given.clone().when(1, command(NodeId(1))).then(&[]);
        given.when(1, command(NodeId(2))).refused("not_yours");
    }
}
