//! Given members, then seats.

use super::*;
use crate::event::cluster::{HostOffline, LeaderElected, OfflineReason, VotersChanged};
use crate::event::membership::{ClusterVersionRaised, MembershipConfig, MembershipConfigured};
use crate::event::{Event, Millis, Term};
use crate::policy::testing::{Given, joined, online};

const FIELDS: &[&str] = &["node", "role", "reason", "instead_of"];

fn id(node: u64) -> String {
    NodeId(node).to_string()
}

fn voters(voters: &[u64]) -> Event {
    VotersChanged { voters: voters.iter().copied().map(NodeId).collect(), learners: vec![] }.into()
}

fn offline(host: u64) -> Event {
    HostOffline { host: NodeId(host), last_heard_at: Millis(1), reason: OfflineReason::Silent }.into()
}

/// Hosts 1 to `hosts`, online and caught up, of which some vote; node 1 leads.
fn cluster(hosts: u64, voting: &[u64]) -> Given {
    let elected = LeaderElected { leader: NodeId(1), term: Term(1), previous: None };
    let raised = ClusterVersionRaised { from: 1, to: 2 };
    let members = (1..=hosts).flat_map(|host| [joined(host), online(host, 7)]);
    let events = [elected.into(), raised.into()].into_iter().chain(members).chain([voters(voting)]);
    let mut given = Given::events(events);
    let seq = given.state.seq.0;
    for host in 1..=hosts {
        given = given.heard(NodeId(host), 7, 1, 1).build(host, 2, seq);
    }
    given
}

fn configured(voters: u32) -> Event {
    let config = MembershipConfig { voters, voter_gone_ms: 60_000, learner_stable_ms: 30_000 };
    MembershipConfigured { config, actor: "ada".into() }.into()
}

#[test]
fn a_second_member_gets_no_seat_and_a_third_brings_two() {
    cluster(2, &[1]).decide(decide).then(&[]);
    cluster(3, &[1])
        .decide(decide)
        .then_fields(
            &[
                &format!("MEMBER_ROLE_CHANGED {} voter seat_free null", id(2)),
                &format!("MEMBER_ROLE_CHANGED {} voter seat_free null", id(3)),
            ],
            FIELDS,
        )
        .settled(decide);
    cluster(4, &[1, 2, 3]).decide(decide).then(&[]);
}

#[test]
fn the_number_of_seats_is_configured_and_odd() {
    let given = cluster(6, &[1, 2, 3]).and(configured(5));
    let given = given.decide(decide).then_kinds(&["MEMBER_ROLE_CHANGED"; 2]).settled(decide);
    assert_eq!(wanted_voters(&given.state).len(), 5);
    let given = given.and(voters(&[1, 2, 3, 4, 5])).and(configured(3)).decide(decide).then_fields(
        &[
            &format!("MEMBER_ROLE_CHANGED {} learner seat_closed null", id(5)),
            &format!("MEMBER_ROLE_CHANGED {} learner seat_closed null", id(4)),
        ],
        FIELDS,
    );
    given.settled(decide);
    // Seven are wanted, four are there: three of them vote.
    cluster(4, &[1, 2, 3]).and(configured(7)).decide(decide).then(&[]);
}

#[test]
fn an_even_number_shrinks_by_the_one_that_is_offline_and_never_by_the_leader() {
    let pinned = MemberRoleChanged {
        node: NodeId(3),
        role: MemberRole::Learner,
        reason: RoleReason::Operator,
        instead_of: None,
        offline_ms: None,
        actor: Some("ada".into()),
        forced: false,
    };
    let given = cluster(3, &[1, 2, 3]).and(pinned);
    let closed = |node| format!("MEMBER_ROLE_CHANGED {} learner seat_closed null", id(node));
    given.clone().decide(decide).then_fields(&[&closed(2)], FIELDS).settled(decide);
    let elected = LeaderElected { leader: NodeId(2), term: Term(2), previous: None };
    given.and(elected).decide(decide).then_fields(&[&closed(1)], FIELDS).settled(decide);
}

#[test]
fn whoever_is_not_heard_behind_halted_or_too_old_gets_no_seat() {
    let seq = cluster(3, &[1]).state.seq.0;
    let fresh = || cluster(3, &[1]);
    fresh().build(3, 1, seq).decide(decide).then(&[]);
    let late = CAUGHT_UP_RECORDS + 1;
    let mut far = fresh();
    far.state.seq.0 += late;
    far.decide(decide).then(&[]);
    let mut unheard = fresh();
    unheard.liveness.hosts.remove(&NodeId(3));
    unheard.decide(decide).then(&[]);
    let mut halted = fresh();
    let heard = halted.liveness.hosts.get_mut(&NodeId(3)).expect("it was heard");
    heard.build.as_mut().expect("it said so").halted = true;
    halted.decide(decide).then(&[]);
    // It started anew and has said nothing since.
    fresh().and(online(3, 8)).decide(decide).then(&[]);
}

#[test]
fn a_voter_that_is_gone_for_good_is_replaced_by_a_stable_learner() {
    let given = cluster(4, &[1, 2, 3]).and(configured(3)).and(offline(2));
    given.clone().later(59_999).decide(decide).then(&[]);
    let given = given.later(60_000).decide(decide).then_fields(
        &[
            &format!("MEMBER_ROLE_CHANGED {} voter voter_gone {}", id(4), id(2)),
            &format!("MEMBER_ROLE_CHANGED {} learner replaced {}", id(2), id(4)),
        ],
        FIELDS,
    );
    let given = given.settled(decide);
    // The one that was replaced comes back: a learner, and no seat is free.
    given.and(voters(&[1, 3, 4])).and(online(2, 9)).heard(NodeId(2), 9, 1, 2).build(2, 2, 20).decide(decide).then(&[]);
}

#[test]
fn a_voter_is_not_replaced_while_that_is_not_certain_or_does_not_help() {
    let given = cluster(4, &[1, 2, 3]).and(configured(3)).and(offline(2)).later(70_000);
    // A leader that has just been elected has heard nobody yet.
    given.clone().leading_since(given.now.0 - 1_000).decide(decide).then(&[]);
    // It is heard again: `HOST_ONLINE` is about to be recorded.
    given.clone().heard(NodeId(2), 7, 1, given.now.0 - 1).decide(decide).then(&[]);
    // The learner came back a moment ago.
    let back = given.clone().and(offline(4)).and(online(4, 7)).later(10_000);
    back.decide(decide).then(&[]);
    // A voter that was never online is unknown, not gone.
    let never = cluster(4, &[1, 2, 3]).and(joined(9)).and(voters(&[1, 2, 9])).and(configured(3)).later(99_000);
    let replaced = never.decide(decide);
    assert!(replaced.decisions().iter().all(|it| !it.event.body_json().to_string().contains("gone")));
}

#[test]
fn one_voter_is_replaced_at_a_time_and_none_when_that_would_not_bring_a_quorum() {
    let given = cluster(5, &[1, 2, 3]).and(configured(3)).and_all([offline(2), offline(3)]).later(70_000);
    let given = given.decide(decide).then_kinds(&["MEMBER_ROLE_CHANGED"; 2]);
    // Raft has not followed yet.
    let given = given.settled(decide);
    let given = given.and(voters(&[1, 3, 4])).decide(decide);
    given.then_kinds(&["MEMBER_ROLE_CHANGED"; 2]).settled(decide);
    let five = cluster(6, &[1, 2, 3, 4, 5]).and(configured(5)).and_all([2, 3, 4, 5].map(offline));
    five.later(70_000).decide(decide).then(&[]);
}
