//! Membership: Raft follows the facts. Only the leader changes it, one change at a time; every node hangs up on whoever is
//! out.
//!
//! Who is to vote is decided elsewhere: by operators (`policy/admission/members.rs`) and by `policy/membership.rs`. Here a
//! member that is online begins to receive the log, one that moved is noted where it went, a change of voters becomes one joint change of Raft's configuration, and a
//! removed member receives nothing more. A leader that loses its seat hands over first.
//!
//! A change of voters waits until a majority of the new ones has caught up and is online: from the moment it stands in the log,
//! nothing commits without that majority, and no further change could take it back.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::heartbeat::Hearing;
use crate::event::membership::MemberRole;
use crate::event::{Event, NodeId, Seq, Term};
use crate::net::{Endpoint, Peer, Role};
use crate::policy::View;
use crate::policy::limits::{CAUGHT_UP_RECORDS, LEARNERS_MAX};
use crate::policy::membership::{decide, wanted_voters};
use crate::projection::State;
use crate::projection::hosts::Host;
use crate::replica::peers::REMOVED;
use crate::replica::{Member, Peers, RaftMembers, Replica};

/// How often the facts are compared with Raft's membership.
const COMPARE_EVERY: Duration = Duration::from_millis(200);

/// Keeps Raft's membership in step with the facts.
pub struct Members {
    /// This node.
    pub node: NodeId,
    /// The replica.
    pub replica: Arc<Replica>,
    /// The connections.
    pub peers: Arc<Peers>,
    /// Where peers knock; `node/admission` judges them.
    pub endpoint: Endpoint,
    /// Who was heard lately.
    pub hearing: Hearing,
    /// Ends the task.
    pub stop: CancellationToken,
}

/// A change of Raft's membership.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Step {
    /// Send the log to a member.
    AddLearner(NodeId, Member),
    /// Note that a member listens elsewhere.
    Move(NodeId, Member),
    /// Let exactly these vote.
    SetVoters(BTreeSet<NodeId>),
    /// Send the log to these no more.
    Drop(BTreeSet<NodeId>),
    /// Let another lead, because this node is to vote no more or because an operator asked for it.
    HandOver(NodeId),
}

/// What was done about changes that are not a step.
#[derive(Default)]
struct Noted {
    /// The last request to hand over that was followed.
    handed_over: Seq,
    /// Those who are to vote and cannot yet, when that was last told; empty when no change waits.
    waiting: BTreeSet<NodeId>,
}

impl Members {
    /// Runs until `stop`. One change at a time: Raft finishes each before the next begins.
    pub async fn run(self) {
        let leadership = self.replica.leadership();
        let (mut hung_up, mut noted) = (BTreeSet::new(), Noted::default());
        loop {
            tokio::select! {
                () = self.stop.cancelled() => return,
                () = tokio::time::sleep(COMPARE_EVERY) => {}
            }
            self.hang_up(&mut hung_up);
            if self.replica.fold().upgrade_needed().is_some() {
                self.replica.stand_back();
            }
            let leads = leadership.borrow().leader == Some(self.node);
            let Some(step) = leads.then(|| self.next(&mut noted)).flatten() else { continue };
            tracing::info!(?step, "changing the membership");
            tokio::select! {
                () = self.stop.cancelled() => return,
                taken = self.take(step.clone()) => if let Err(error) = taken {
                    tracing::info!(?step, %error, "the membership was not changed; trying again");
                }
            }
        }
    }

    /// Hangs up on members that are out.
    fn hang_up(&self, hung_up: &mut BTreeSet<NodeId>) {
        let fold = self.replica.fold();
        let out: BTreeSet<NodeId> = fold.read(|state| {
            let removed = state.membership.all_removed().map(|row| row.node);
            removed.filter(|node| state.membership.is_out(*node, &state.quorum)).collect()
        });
        if *hung_up != out {
            out.difference(hung_up).for_each(|node| self.peers.forget(*node));
            self.endpoint.recheck();
            *hung_up = out;
        }
    }

    fn next(&self, noted: &mut Noted) -> Option<Step> {
        let members = self.replica.members();
        let fold = self.replica.fold();
        if fold.upgrade_needed().is_some() {
            return fold.read(|state| successor(state, &members.voters, self.node)).map(Step::HandOver);
        }
        let wanted = fold.read(|state| self.wanted(state));
        let able = self.able(&members, &wanted);
        tell_who_waits(&wanted, &able, &mut noted.waiting);
        fold.read(|state| {
            let asked = state.membership.rules().transfer.filter(|asked| asked.seq > noted.handed_over);
            // One that is to vote but does not yet is asked once it does.
            let votes = |node| members.voters.contains(&node) && !members.joint;
            if let Some(asked) = asked.filter(|asked| asked.to != self.node && votes(asked.to)) {
                noted.handed_over = asked.seq;
                return Some(Step::HandOver(asked.to));
            }
            next_step(&members, state, wanted, &able, self.node)
        })
    }

    /// Who of those that are to vote could decide with the others at once: this node, and whoever is online and has caught up.
    /// While nothing is to change, all of them; the log is read for a change only.
    fn able(&self, members: &RaftMembers, wanted: &BTreeSet<NodeId>) -> BTreeSet<NodeId> {
        if !members.joint && members.voters == *wanted {
            return wanted.clone();
        }
        let caught_up = self.replica.caught_up(CAUGHT_UP_RECORDS);
        let able =
            |state: &State, node| node == self.node || (caught_up.contains(&node) && state.hosts.is_online(node));
        self.replica.fold().read(|state| wanted.iter().copied().filter(|node| able(state, *node)).collect())
    }

    /// Who is to vote. While some member cannot read facts about roles, what the policy would decide is done without them.
    fn wanted(&self, state: &State) -> BTreeSet<NodeId> {
        let mut wanted = wanted_voters(state);
        let now = self.hearing.now();
        let decisions =
            self.hearing.with(|liveness| decide(&View { state, now, liveness, leader: self.node, term: Term(0) }));
        for decision in decisions {
            match decision.event {
                Event::MemberRoleChanged(change) if change_is_unwritable(state) => match change.role {
                    MemberRole::Voter => drop(wanted.insert(change.node)),
                    MemberRole::Learner => drop(wanted.remove(&change.node)),
                },
                // It is about to be recorded.
                _ => {}
            }
        }
        wanted
    }

    async fn take(&self, step: Step) -> Result<(), crate::replica::ReplicaError> {
        match step {
            Step::AddLearner(node, member) => self.replica.add_learner(node, member).await,
            Step::Move(node, member) => self.replica.move_member(node, member).await,
            Step::SetVoters(voters) => self.replica.set_voters(voters).await,
            Step::Drop(nodes) => self.replica.drop_learners(nodes).await,
            Step::HandOver(to) => self.replica.transfer(to).await,
        }
    }
}

/// Whether a node's certificate still admits it.
///
/// # Errors
/// Why not, in the words by which the node learns that it was removed.
pub fn admitted(peer: &Peer, state: &State) -> Result<(), String> {
    match peer.role == Role::Node && state.membership.is_out(peer.node, &state.quorum) {
        true => Err(REMOVED.to_owned()),
        false => Ok(()),
    }
}

/// Whether enough of those that are to vote can decide for them all.
fn decides(wanted: &BTreeSet<NodeId>, able: &BTreeSet<NodeId>) -> bool {
    wanted.intersection(able).count() > wanted.len() / 2
}

/// Says once for whom a change of voters waits.
fn tell_who_waits(wanted: &BTreeSet<NodeId>, able: &BTreeSet<NodeId>, told: &mut BTreeSet<NodeId>) {
    let waiting: BTreeSet<NodeId> = match decides(wanted, able) {
        true => BTreeSet::new(),
        false => wanted.difference(able).copied().collect(),
    };
    if !waiting.is_empty() && *told != waiting {
        tracing::info!(?waiting, "the voters change once more of these are online and have caught up");
    }
    *told = waiting;
}

fn change_is_unwritable(state: &State) -> bool {
    crate::event::Kind::MemberRoleChanged.since() > state.membership.version()
}

/// What has to change first so that Raft's membership is what the facts say. `able` are those that could decide at once.
fn next_step(
    members: &RaftMembers,
    state: &State,
    wanted: BTreeSet<NodeId>,
    able: &BTreeSet<NodeId>,
    own: NodeId,
) -> Option<Step> {
    if members.voters.is_empty() {
        return None;
    }
    let takes_part = |node: &NodeId| members.voters.contains(node) || members.learners.contains(node);
    let ready = wanted.iter().all(takes_part) && decides(&wanted, able);
    if ready && (members.joint || members.voters != wanted) {
        let successor = if wanted.contains(&own) { None } else { successor(state, &wanted, own) };
        let successor = successor.filter(|node| members.voters.contains(node));
        return Some(successor.map_or(Step::SetVoters(wanted), Step::HandOver));
    }
    let removed = |node: &&NodeId| state.membership.removed(**node).is_some();
    let removed: BTreeSet<NodeId> = members.learners.iter().filter(removed).copied().collect();
    if !removed.is_empty() && !members.joint {
        return Some(Step::Drop(removed));
    }
    if members.joint {
        return None;
    }
    let member = |host: &Host| Member { name: host.name.clone(), address: host.address.clone() };
    let moved = |host: &&Host| members.addresses.get(&host.host).is_some_and(|known| *known != host.address);
    if let Some(host) = state.hosts.table.values().find(moved) {
        return Some(Step::Move(host.host, member(host)));
    }
    if members.learners.len() >= LEARNERS_MAX {
        return None;
    }
    // A member that never came online is not waited for: it may never come.
    let host = state.hosts.online().find(|host| !takes_part(&host.host))?;
    Some(Step::AddLearner(host.host, member(host)))
}

/// A voter that is online and may lead instead.
fn successor(state: &State, voters: &BTreeSet<NodeId>, own: NodeId) -> Option<NodeId> {
    voters.iter().copied().find(|node| *node != own && state.hosts.is_online(*node))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::membership::{MemberMoved, MemberRemoved};
    use crate::policy::testing::{Given, joined, online};

    fn ids(nodes: impl IntoIterator<Item = u64>) -> BTreeSet<NodeId> {
        nodes.into_iter().map(NodeId).collect()
    }

    fn members(voters: &[u64], learners: &[u64]) -> RaftMembers {
        let ids = |nodes: &[u64]| ids(nodes.iter().copied());
        RaftMembers { voters: ids(voters), learners: ids(learners), ..RaftMembers::default() }
    }

    fn state(hosts: u64) -> State {
        Given::events((1..=hosts).flat_map(|host| [joined(host), online(host, 1)])).state
    }

    fn step(members: &RaftMembers, state: &State, wanted: &[u64]) -> Option<Step> {
        step_while_able(members, state, wanted, wanted)
    }

    fn step_while_able(members: &RaftMembers, state: &State, wanted: &[u64], able: &[u64]) -> Option<Step> {
        let ids = |nodes: &[u64]| ids(nodes.iter().copied());
        next_step(members, state, ids(wanted), &ids(able), NodeId(1))
    }

    #[test]
    fn whoever_is_online_receives_the_log_up_to_the_bound() {
        let added = step(&members(&[1], &[]), &state(2), &[1]);
        assert!(matches!(added, Some(Step::AddLearner(NodeId(2), _))), "{added:?}");
        assert_eq!(step(&members(&[1], &[2]), &state(2), &[1]), None);
        let learners: Vec<u64> = (2..2 + LEARNERS_MAX as u64).collect();
        assert_eq!(step(&members(&[1], &learners), &state(60), &[1]), None);
        let given = Given::events([joined(1), online(1, 1), joined(2)]);
        assert_eq!(step(&members(&[1], &[]), &given.state, &[1]), None, "it never came online");
    }

    #[test]
    fn voters_change_in_one_joint_step_and_an_unfinished_one_is_ended() {
        assert_eq!(step(&members(&[1], &[2, 3]), &state(3), &[1, 2, 3]), Some(Step::SetVoters(ids([1, 2, 3]))));
        let left = RaftMembers { joint: true, ..members(&[1, 2, 3], &[]) };
        assert_eq!(step(&left, &state(3), &[1, 2, 3]), Some(Step::SetVoters(ids([1, 2, 3]))));
        // One of them does not receive the log yet.
        let added = step(&members(&[1], &[2]), &state(3), &[1, 2, 3]);
        assert!(matches!(added, Some(Step::AddLearner(NodeId(3), _))), "{added:?}");
    }

    #[test]
    fn voters_change_once_a_majority_of_the_new_ones_has_caught_up() {
        let joined = members(&[1], &[2, 3]);
        let change = Some(Step::SetVoters(ids([1, 2, 3])));
        assert_eq!(step_while_able(&joined, &state(3), &[1, 2, 3], &[1]), None, "nothing would commit until one has");
        assert_eq!(step_while_able(&joined, &state(3), &[1, 2, 3], &[1, 3]), change);
        // A change that was left unfinished goes on with whoever can decide, and no other one begins before that.
        let left = RaftMembers { joint: true, ..members(&[1, 2, 3], &[4, 5]) };
        assert_eq!(step_while_able(&left, &state(5), &[1, 4, 5], &[1]), None);
        assert_eq!(step_while_able(&left, &state(5), &[1, 2, 3], &[1, 2]), change);
        // The rest does not wait with it.
        let added = step_while_able(&joined, &state(4), &[1, 2, 3], &[1]);
        assert!(matches!(added, Some(Step::AddLearner(NodeId(4), _))), "{added:?}");
        // It leads until others can: nor does it hand over before.
        let led = members(&[1, 2, 3], &[4, 5]);
        assert_eq!(step_while_able(&led, &state(5), &[2, 4, 5], &[2]), None);
        assert_eq!(step_while_able(&led, &state(5), &[2, 4, 5], &[2, 5]), Some(Step::HandOver(NodeId(2))));
    }

    #[test]
    fn who_waits_is_told_once() {
        let mut told = BTreeSet::new();
        tell_who_waits(&ids([1, 2, 3]), &ids([1]), &mut told);
        assert_eq!(told, ids([2, 3]));
        tell_who_waits(&ids([1, 2, 3]), &ids([1, 2]), &mut told);
        assert_eq!(told, ids([]));
    }

    #[test]
    fn a_leader_that_loses_its_seat_hands_over_first() {
        assert_eq!(step(&members(&[1, 2, 3], &[4]), &state(4), &[2, 3, 4]), Some(Step::HandOver(NodeId(2))));
        // Nobody else votes yet: Raft lets it go itself.
        assert_eq!(step(&members(&[1], &[2]), &state(2), &[2]), Some(Step::SetVoters(ids([2]))));
    }

    #[test]
    fn a_removed_member_loses_its_vote_and_then_the_log() {
        let removed = MemberRemoved { node: NodeId(3), name: "n3".into(), actor: "ada".into(), forced: false };
        let given = Given::events((1..=3).flat_map(|host| [joined(host), online(host, 1)])).and(removed);
        assert_eq!(step(&members(&[1, 2, 3], &[]), &given.state, &[1]), Some(Step::SetVoters(ids([1]))));
        assert_eq!(step(&members(&[1], &[2, 3]), &given.state, &[1]), Some(Step::Drop(ids([3]))));
        assert_eq!(step(&members(&[1], &[2]), &given.state, &[1]), None);
    }

    #[test]
    fn raft_learns_where_a_member_went() {
        let known = |port: &str| {
            let addresses = [(NodeId(2), format!("127.0.0.1:{port}"))].into();
            RaftMembers { addresses, ..members(&[1, 2], &[]) }
        };
        let moved = MemberMoved { node: NodeId(2), from: "127.0.0.1:7002".into(), to: "127.0.0.1:7902".into() };
        let given = Given::events((1..=2).flat_map(|host| [joined(host), online(host, 1)])).and(moved);
        let member = Member { name: "n2".into(), address: "127.0.0.1:7902".into() };
        assert_eq!(step(&known("7002"), &given.state, &[1, 2]), Some(Step::Move(NodeId(2), member)));
        assert_eq!(step(&known("7902"), &given.state, &[1, 2]), None);
        let joint = RaftMembers { joint: true, ..known("7002") };
        assert_eq!(step(&joint, &given.state, &[1, 2]), Some(Step::SetVoters(ids([1, 2]))), "one after the other");
    }

    #[test]
    fn before_there_is_a_membership_nothing_is_changed() {
        assert_eq!(step(&RaftMembers::default(), &state(2), &[]), None);
        assert_eq!(step(&members(&[1], &[]), &Given::events([]).state, &[]), None);
    }
}
