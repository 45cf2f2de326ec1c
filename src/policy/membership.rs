//! Who votes: seats are filled when there are too few voters, closed when there are too many or an even number, and given
//! to another when a voter is gone for good. What is unknown never counts: a member that was not heard is not promoted, and
//! a voter of which nothing is known is not replaced.

use std::collections::BTreeSet;

use super::limits::CAUGHT_UP_RECORDS;
use super::quorum::health;
use super::view::{Decision, View};
use crate::event::cluster::QuorumHealth;
use crate::event::membership::{MemberRole, MemberRoleChanged, RoleReason};
use crate::event::{NodeId, Seq};
use crate::projection::State;
use crate::projection::hosts::Host;

/// `MEMBER_ROLE_CHANGED` for seats that are free, that are too many, or whose voter is gone. Decides nothing before Raft's
/// first membership is recorded.
pub fn decide(view: &View) -> Vec<Decision> {
    let Some(quorum) = view.state.quorum.get().filter(|row| !row.voters.is_empty()) else { return vec![] };
    let wanted = wanted_voters(view.state);
    let candidates = candidates(view, &wanted);
    let target = view.state.membership.rules().config.voters as usize;
    let seats = odd(target.min(wanted.len() + candidates.len()));
    if wanted.len() < seats {
        let chosen = candidates.iter().take(seats - wanted.len());
        return chosen.map(|host| changed(view, host.host, MemberRole::Voter, RoleReason::SeatFree)).collect();
    }
    if wanted.len() > seats {
        let leaving = leaving(view.state, &wanted, wanted.len() - seats);
        let close = |node: &NodeId| changed(view, *node, MemberRole::Learner, RoleReason::SeatClosed);
        return leaving.iter().map(close).collect();
    }
    // One exchange at a time: the next waits until Raft has followed the last.
    if quorum.voters.iter().ne(&wanted) {
        return vec![];
    }
    exchange(view, &wanted, &candidates)
}

/// The members that are to vote.
pub fn wanted_voters(state: &State) -> BTreeSet<NodeId> {
    let votes = |host: &&Host| state.membership.role(host.host, &state.quorum) == MemberRole::Voter;
    state.hosts.table.values().filter(votes).map(|host| host.host).collect()
}

/// The voters that remain after some have left so that the number is odd: what the quorum is computed from.
pub fn settled(state: &State, voters: &BTreeSet<NodeId>) -> BTreeSet<NodeId> {
    let leaving = leaving(state, voters, voters.len() - odd(voters.len()));
    voters.iter().filter(|voter| !leaving.contains(voter)).copied().collect()
}

/// Voters that leave first when there are too many: those that are offline, then those with the highest ids. The leader
/// is the last to leave.
fn leaving(state: &State, voters: &BTreeSet<NodeId>, count: usize) -> Vec<NodeId> {
    let leader = state.leadership.current().map(|row| row.leader);
    let mut order: Vec<NodeId> = voters.iter().copied().collect();
    order.sort_by_key(|node| (Some(*node) == leader, state.hosts.is_online(*node), std::cmp::Reverse(*node)));
    order.truncate(count);
    order
}

/// The largest odd number that is not larger; 0 stays 0.
fn odd(count: usize) -> usize {
    if count.is_multiple_of(2) { count.saturating_sub(1) } else { count }
}

/// Learners that may take a seat, the one that has been online for longest first. One that an operator made a learner stays
/// one until an operator says otherwise.
fn candidates<'a>(view: &'a View, wanted: &BTreeSet<NodeId>) -> Vec<&'a Host> {
    let pinned = |node| {
        view.state
            .membership
            .get(node)
            .is_some_and(|row| (row.role, row.reason) == (MemberRole::Learner, Some(RoleReason::Operator)))
    };
    let fits = |host: &&Host| !wanted.contains(&host.host) && !pinned(host.host) && is_ready(view, host);
    let mut hosts: Vec<&Host> = view.state.hosts.online().filter(fits).collect();
    hosts.sort_by_key(|host| (host.changed_at, host.host));
    hosts
}

/// Online, heard by this leader in this start of its process, able to read what the cluster writes, and caught up.
fn is_ready(view: &View, host: &Host) -> bool {
    let heard = view.liveness.hosts.get(&host.host).filter(|heard| heard.incarnation == host.incarnation);
    heard.and_then(|heard| heard.build).is_some_and(|build| {
        let behind = view.state.seq.0.saturating_sub(build.seq.0);
        !build.halted && build.format >= view.state.membership.version() && behind <= CAUGHT_UP_RECORDS
    })
}

/// Gives the seat of one voter that is gone for good to a stable learner.
fn exchange(view: &View, wanted: &BTreeSet<NodeId>, candidates: &[&Host]) -> Vec<Decision> {
    let rules = view.state.membership.rules().config;
    let since = |host: &Host| host.changed_at.map_or(0, |at| view.now.since(at));
    let Some(learner) = candidates.iter().find(|host| since(host) >= rules.learner_stable_ms) else { return vec![] };
    let gone = |voter: &&NodeId| {
        let host = view.state.hosts.get(**voter)?;
        (!host.online && host.changed_at.is_some() && is_silent(view, host) && since(host) >= rules.voter_gone_ms)
            .then(|| (host, since(host)))
    };
    let Some((voter, offline_ms)) = wanted.iter().filter_map(|voter| gone(&voter)).next() else { return vec![] };
    let after = wanted.iter().filter(|node| **node != voter.host).chain([&learner.host]);
    let online = after.filter(|node| view.state.hosts.is_online(**node)).count();
    if health(wanted.len(), online) == QuorumHealth::Lost {
        return vec![];
    }
    let event = |node, role, reason, instead_of| MemberRoleChanged {
        node,
        role,
        reason,
        instead_of: Some(instead_of),
        offline_ms: Some(offline_ms),
        actor: None,
        forced: false,
    };
    let causes = [voter.changed_seq.unwrap_or(Seq(0)), learner.changed_seq.unwrap_or(Seq(0))];
    vec![
        Decision::new(event(learner.host, MemberRole::Voter, RoleReason::VoterGone, voter.host), causes),
        Decision::new(event(voter.host, MemberRole::Learner, RoleReason::Replaced, learner.host), causes),
    ]
}

/// Whether this leader has listened for long enough to say that the host is silent: a new leader has heard nobody yet.
fn is_silent(view: &View, host: &Host) -> bool {
    let timeout_ms = view.state.config().map_or(super::hosts::HOST_TIMEOUT_MS, |config| config.cluster.host_timeout_ms);
    let heard = view.liveness.hosts.get(&host.host).map(|heard| heard.last_heard_at).unwrap_or_default();
    view.now.since(heard.max(view.liveness.leading_since)) > timeout_ms
}

fn changed(view: &View, node: NodeId, role: MemberRole, reason: RoleReason) -> Decision {
    let event =
        MemberRoleChanged { node, role, reason, instead_of: None, offline_ms: None, actor: None, forced: false };
    let cause = view.state.hosts.get(node).and_then(|host| host.changed_seq);
    Decision::new(event, cause.into_iter().chain(view.state.quorum.get().and_then(|row| row.voters_seq)))
}

#[cfg(test)]
mod tests;
