//! Commands about who belongs to the cluster, and in which role.

use std::collections::BTreeSet;

use super::Refusal;
use super::cluster::is_address;
use crate::event::cluster::{HostOffline, OfflineReason};
use crate::event::command::{ChangeRoles, ConfigureMembership, MoveMember, RemoveMember, TransferLeadership};
use crate::event::membership::{
    LeaderTransferRequested, MemberMoved, MemberRemoved, MemberRole, MemberRoleChanged, MembershipConfigured,
    RoleReason,
};
use crate::event::{Millis, NodeId, Seq};
use crate::policy::limits::{NAME_BYTES_MAX, NODES_PER_COMMAND_MAX, VOTERS_MAX};
use crate::policy::membership::{settled, wanted_voters};
use crate::policy::view::Decision;
use crate::projection::State;

/// A voter counts as gone for good after a second at the earliest: a restart takes about as long.
const VOTER_GONE_MS_MIN: u64 = 1_000;

pub(super) fn change_roles(state: &State, command: &ChangeRoles) -> Result<Vec<Decision>, Refusal> {
    let ChangeRoles { promote, demote, forced, actor } = command;
    check_actor(actor)?;
    if promote.len() + demote.len() > NODES_PER_COMMAND_MAX {
        return bad(format!("at most {NODES_PER_COMMAND_MAX} nodes at a time"));
    }
    if let Some(node) = promote.iter().chain(demote).find(|node| !state.hosts.is_member(**node)) {
        return Err(Refusal::UnknownMember { node: *node });
    }
    if let Some(node) = promote.iter().find(|node| demote.contains(node)) {
        return bad(format!("{node} cannot be promoted and demoted at the same time"));
    }
    let before = wanted_voters(state);
    let mut after = before.clone();
    after.extend(promote);
    after.retain(|node| !demote.contains(node));
    check_seats(state, promote, &after)?;
    check_part(state, after.difference(&before))?;
    check_quorum(state, &before, &after, *forced)?;
    let event = |node: &NodeId, role| {
        let cause = state.hosts.get(*node).and_then(|host| host.changed_seq);
        let event = MemberRoleChanged {
            node: *node,
            role,
            reason: RoleReason::Operator,
            instead_of: None,
            offline_ms: None,
            actor: Some(actor.clone()),
            forced: *forced,
        };
        Decision::new(event, cause)
    };
    let settled_already = |node: &&NodeId, role| {
        state.membership.get(**node).is_some_and(|row| (row.role, row.reason) == (role, Some(RoleReason::Operator)))
    };
    let promoted = promote.iter().filter(|node| !before.contains(node));
    let demoted = demote.iter().filter(|node| !settled_already(node, MemberRole::Learner));
    let promoted = promoted.map(|node| event(node, MemberRole::Voter));
    Ok(promoted.chain(demoted.map(|node| event(node, MemberRole::Learner))).collect())
}

/// Whether there are seats for those that are promoted.
fn check_seats(state: &State, promote: &[NodeId], after: &BTreeSet<NodeId>) -> Result<(), Refusal> {
    let target = state.membership.rules().config.voters as usize;
    if promote.is_empty() || after == &wanted_voters(state) {
        return Ok(());
    }
    if after.len() > target {
        return bad(format!(
            "{target} voters are configured and this makes {}: name a voter to replace with --instead-of, or first \
             `kifu-node members configure --voters {}`",
            after.len(),
            (after.len() | 1).min(VOTERS_MAX as usize)
        ));
    }
    if after.len().is_multiple_of(2) {
        return bad(format!(
            "{} voters tolerate no more failures than {}: promote one more in the same command, or name a voter to \
             replace with --instead-of",
            after.len(),
            after.len() - 1
        ));
    }
    Ok(())
}

/// Whether Raft knows those that are to vote: the change of voters would wait for one that it does not know, and with it all others.
fn check_part<'a>(state: &State, mut promoted: impl Iterator<Item = &'a NodeId>) -> Result<(), Refusal> {
    let receives =
        |node| state.quorum.get().is_some_and(|row| row.voters.contains(node) || row.learners.contains(node));
    let Some(stranger) = promoted.find(|node| !receives(*node)) else { return Ok(()) };
    let name = state.hosts.get(*stranger).map_or_else(|| stranger.to_string(), |host| host.name.clone());
    bad(format!(
        "{name} does not receive the log yet, so it cannot vote: start it, wait until `kifu-node members list` shows it as a \
         learner, and promote it again; or `kifu-node members remove {name}` if it will not come"
    ))
}

pub(super) fn remove(state: &State, command: &RemoveMember, now: Millis) -> Result<Vec<Decision>, Refusal> {
    let RemoveMember { node, forced, actor } = command;
    check_actor(actor)?;
    let host = state.hosts.get(*node).ok_or(Refusal::UnknownMember { node: *node })?;
    let before = wanted_voters(state);
    let mut after = before.clone();
    after.remove(node);
    check_quorum(state, &before, &after, *forced)?;
    let cause = host.changed_seq.unwrap_or(host.joined_seq);
    let removed = MemberRemoved { node: *node, name: host.name.clone(), actor: actor.clone(), forced: *forced };
    let offline = HostOffline { host: *node, last_heard_at: now, reason: OfflineReason::Left };
    let offline = host.online.then(|| Decision::new(offline, [cause]));
    Ok(offline.into_iter().chain([Decision::new(removed, [cause])]).collect())
}

/// A member speaks for itself: nobody else can say where it is.
pub(super) fn moved(state: &State, origin: NodeId, command: &MoveMember) -> Result<Vec<Decision>, Refusal> {
    let MoveMember { node, address } = command;
    if origin != *node {
        return Err(Refusal::NotYours { origin, host: *node });
    }
    let host = state.hosts.get(*node).ok_or(Refusal::UnknownMember { node: *node })?;
    if host.address == *address {
        return Ok(vec![]);
    }
    if !is_address(address) {
        return Err(Refusal::BadNode { reason: "its address must be host:port".to_owned() });
    }
    let event = MemberMoved { node: *node, from: host.address.clone(), to: address.clone() };
    Ok(vec![Decision::new(event, [host.changed_seq.unwrap_or(host.joined_seq)])])
}

pub(super) fn configure(state: &State, command: &ConfigureMembership) -> Result<Vec<Decision>, Refusal> {
    check_actor(&command.actor)?;
    let config = command.config;
    if config.voters.is_multiple_of(2) || config.voters > VOTERS_MAX {
        return bad(format!("voters must be 1, 3, 5 or 7, not {}", config.voters));
    }
    if config.voter_gone_ms < VOTER_GONE_MS_MIN {
        return bad(format!("a voter counts as gone for good after {VOTER_GONE_MS_MIN} ms at the earliest"));
    }
    let rules = state.membership.rules();
    if rules.config == config && rules.config_seq.is_some() {
        return Ok(vec![]);
    }
    let event = MembershipConfigured { config, actor: command.actor.clone() };
    Ok(vec![Decision::new(event, rules.config_seq)])
}

pub(super) fn transfer(state: &State, command: &TransferLeadership) -> Result<Vec<Decision>, Refusal> {
    check_actor(&command.actor)?;
    let to = command.to;
    let host = state.hosts.get(to).ok_or(Refusal::UnknownMember { node: to })?;
    let leader = state.leadership.current();
    if leader.is_some_and(|row| row.leader == to) {
        return Ok(vec![]);
    }
    if state.membership.role(to, &state.quorum) != MemberRole::Voter {
        return bad(format!(
            "{} does not vote, so it cannot lead: `kifu-node members promote {}` first",
            host.name, host.name
        ));
    }
    if !host.online {
        return bad(format!("{} is offline: choose a voter that is online", host.name));
    }
    let event = LeaderTransferRequested { to, actor: command.actor.clone() };
    Ok(vec![Decision::new(event, [leader.map_or(Seq(0), |row| row.seq)])])
}

/// Whether the voters that remain can decide anything. A change that takes no vote away needs no force for what is
/// missing already.
fn check_quorum(
    state: &State,
    before: &BTreeSet<NodeId>,
    after: &BTreeSet<NodeId>,
    forced: bool,
) -> Result<(), Refusal> {
    if after.is_empty() {
        return bad("a cluster cannot be without a voter: promote another one first".to_owned());
    }
    let after = settled(state, after);
    let online = after.iter().filter(|node| state.hosts.is_online(**node)).count();
    let needed = after.len() / 2 + 1;
    if online < needed && !forced && &after != before {
        return Err(Refusal::QuorumAtRisk { voters: after.len(), online, needed });
    }
    Ok(())
}

fn check_actor(actor: &str) -> Result<(), Refusal> {
    if actor.len() > NAME_BYTES_MAX { bad("the actor's name is too long".to_owned()) } else { Ok(()) }
}

fn bad<T>(reason: String) -> Result<T, Refusal> {
    Err(Refusal::BadMembership { reason })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::cluster::{LeaderElected, VotersChanged};
    use crate::event::membership::{ClusterVersionRaised, MembershipConfig};
    use crate::event::{Command, Event, Term};
    use crate::policy::testing::{Given, joined, online};

    /// Nodes 1 to 5 are online; 1, 2 and 3 vote, and 1 leads. The others receive the log.
    fn given() -> Given {
        let members = (1..=5).flat_map(|node| [joined(node), online(node, 7)]);
        let elected = LeaderElected { leader: NodeId(1), term: Term(1), previous: None };
        let voters =
            VotersChanged { voters: vec![NodeId(1), NodeId(2), NodeId(3)], learners: vec![NodeId(4), NodeId(5)] };
        let raised = ClusterVersionRaised { from: 1, to: 3 };
        let first: [Event; 2] = [elected.into(), raised.into()];
        Given::events(first.into_iter().chain(members).chain([voters.into()]))
    }

    fn roles(promote: &[u64], demote: &[u64], forced: bool) -> Command {
        let ids = |nodes: &[u64]| nodes.iter().copied().map(NodeId).collect();
        Command::ChangeRoles(ChangeRoles { promote: ids(promote), demote: ids(demote), forced, actor: "ada".into() })
    }

    fn remove(node: u64, forced: bool) -> Command {
        Command::RemoveMember(RemoveMember { node: NodeId(node), forced, actor: "ada".into() })
    }

    fn offline(host: u64) -> Event {
        HostOffline { host: NodeId(host), last_heard_at: Millis(1), reason: OfflineReason::Silent }.into()
    }

    #[test]
    fn a_learner_takes_the_seat_of_a_voter() {
        let given = given().when(1, roles(&[4], &[3], false)).then_kinds(&["MEMBER_ROLE_CHANGED"; 2]).applied();
        let voters: Vec<u64> = wanted_voters(&given.state).iter().map(|node| node.0).collect();
        assert_eq!(voters, [1, 2, 4]);
        // The same again changes nothing.
        given.when(1, roles(&[4], &[3], false)).then(&[]);
    }

    #[test]
    fn seats_are_not_exceeded_and_their_number_stays_odd() {
        given().when(1, roles(&[4], &[], false)).refused("bad_membership");
        let five = MembershipConfig { voters: 5, ..MembershipConfig::default() };
        let configure = |config| Command::ConfigureMembership(ConfigureMembership { config, actor: "ada".into() });
        let given = given().when(1, configure(five)).then_kinds(&["MEMBERSHIP_CONFIGURED"]).applied();
        given.clone().when(1, configure(five)).then(&[]);
        given.clone().when(1, roles(&[4], &[], false)).refused("bad_membership");
        given.clone().when(1, roles(&[4, 5], &[], false)).then_kinds(&["MEMBER_ROLE_CHANGED"; 2]);
        for voters in [0, 2, 9] {
            given.clone().when(1, configure(MembershipConfig { voters, ..five })).refused("bad_membership");
        }
    }

    #[test]
    fn a_member_is_removed_and_its_key_never_returns() {
        let given = given().when(1, remove(3, false)).then_kinds(&["HOST_OFFLINE", "MEMBER_REMOVED"]).applied();
        assert!(!given.state.hosts.is_member(NodeId(3)));
        assert_eq!(given.state.membership.removed(NodeId(3)).and_then(|row| row.removed.clone()), Some("n3".into()));
        given.clone().when(3, roles(&[4], &[], false)).refused("not_a_member");
        given.clone().when(1, remove(3, false)).refused("unknown_member");
        let again = given.when(1, crate::event::Command::JoinNode(join(3)));
        again.refused("node_removed");
    }

    #[test]
    fn a_member_that_never_received_the_log_is_not_promoted() {
        let five = MembershipConfig { voters: 5, ..MembershipConfig::default() };
        let given = given().and(MembershipConfigured { config: five, actor: "ada".into() }).and(joined(6));
        given.clone().when(1, roles(&[4, 6], &[], false)).refused("bad_membership");
        given.clone().when(1, roles(&[6], &[3], true)).refused("bad_membership");
        let learners = [4, 5, 6].map(NodeId).to_vec();
        let given = given.and(online(6, 7)).and(VotersChanged { voters: (1..=3).map(NodeId).collect(), learners });
        given.when(1, roles(&[4, 6], &[], false)).then_kinds(&["MEMBER_ROLE_CHANGED"; 2]);
    }

    fn join(node: u64) -> crate::event::command::JoinNode {
        let Event::NodeJoined(body) = joined(node) else { unreachable!() };
        let secret = crate::event::Hash::default();
        let (name, address, fingerprint) = (body.name, body.address, body.fingerprint);
        crate::event::command::JoinNode { node: NodeId(node), name, address, fingerprint, token: None, secret }
    }

    #[test]
    fn what_would_lose_the_quorum_is_refused_unless_forced() {
        // Two of three are online. Without one of them, one would have to decide with one that is offline.
        let five = MembershipConfig { voters: 5, ..MembershipConfig::default() };
        let configured = MembershipConfigured { config: five, actor: "ada".into() };
        let voters = VotersChanged { voters: (1..=5).map(NodeId).collect(), learners: vec![] };
        let given = given().and(configured).and(voters).and_all([offline(4), offline(5)]);
        given.clone().when(1, roles(&[], &[2], false)).then_kinds(&["MEMBER_ROLE_CHANGED"]);
        given.clone().and(offline(3)).when(1, remove(2, false)).refused("quorum_at_risk");
        given.clone().and(offline(3)).when(1, remove(2, true)).then_kinds(&["HOST_OFFLINE", "MEMBER_REMOVED"]);
        // One that is offline can always go.
        given.when(1, remove(5, false)).then_kinds(&["MEMBER_REMOVED"]);
    }

    #[test]
    fn the_last_voter_stays_even_by_force() {
        let alone = Given::events([joined(1), online(1, 1)]).and(ClusterVersionRaised { from: 1, to: 2 });
        let alone = alone.and(VotersChanged { voters: vec![NodeId(1)], learners: vec![] });
        alone.clone().when(1, remove(1, true)).refused("bad_membership");
        alone.when(1, roles(&[], &[1], true)).refused("bad_membership");
    }

    #[test]
    fn leadership_goes_to_voters_that_are_online() {
        let to = |node| Command::TransferLeadership(TransferLeadership { to: NodeId(node), actor: "ada".into() });
        given().when(1, to(2)).then_kinds(&["LEADER_TRANSFER_REQUESTED"]).caused_by(0, &[1]);
        given().when(1, to(1)).then(&[]);
        given().when(1, to(4)).refused("bad_membership");
        given().when(1, to(9)).refused("unknown_member");
        given().and(offline(2)).when(1, to(2)).refused("bad_membership");
    }

    #[test]
    fn nothing_is_written_that_a_member_cannot_read() {
        let old = Given::events([joined(1), online(1, 1), joined(2), online(2, 1)]);
        let old = old.and(VotersChanged { voters: vec![NodeId(1)], learners: vec![NodeId(2)] });
        old.when(1, remove(2, true)).refused("needs_upgrade");
    }
    #[test]
    fn a_member_says_itself_where_it_went() {
        let moved =
            |node, address: &str| Command::MoveMember(MoveMember { node: NodeId(node), address: address.into() });
        let expected = r#"MEMBER_MOVED {"node":"0000000000000002","from":"127.0.0.1:7002","to":"10.0.0.2:7400"}"#;
        let there = given().when(2, moved(2, "10.0.0.2:7400")).then(&[expected]).applied();
        assert_eq!(there.state.hosts.get(NodeId(2)).map(|host| host.address.as_str()), Some("10.0.0.2:7400"));
        there.when(2, moved(2, "10.0.0.2:7400")).then(&[]);
        given().when(1, moved(2, "10.0.0.2:7400")).refused("not_yours");
        given().when(2, moved(2, "nowhere")).refused("bad_node");
        given().when(9, moved(9, "10.0.0.9:7400")).refused("not_a_member");
        let old = Given::events([joined(1), joined(2)]);
        old.when(2, moved(2, "10.0.0.2:7400")).refused("needs_upgrade");
    }
}
