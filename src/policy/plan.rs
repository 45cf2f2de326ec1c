//! What a command about members would do, without doing it: the records that it would become, what the policies would
//! decide because of them, and the quorum that would be left.

use super::admission::{Refusal, admit};
use super::membership::{decide, settled, wanted_voters};
use super::quorum;
use super::upgrade::is_readable;
use super::view::{Decision, View};
use crate::event::membership::{MemberRole, RoleReason};
use crate::event::{Draft, Event, NodeId, Proposal, Record};
use crate::projection::State;

/// Rounds of policies that are foreseen; a change of members settles in one or two.
const ROUNDS_MAX: usize = 4;

/// What a command would do.
#[derive(Clone, Debug)]
pub struct Plan {
    /// What would be recorded, in order.
    pub decisions: Vec<Decision>,
    /// The state afterwards, as far as it follows from these records.
    pub after: State,
}

/// Foresees a command.
///
/// # Errors
/// When it would be refused.
pub fn foresee(view: &View, proposal: &Proposal) -> Result<Plan, Refusal> {
    let mut plan = Plan { decisions: vec![], after: view.state.clone() };
    plan.after.forget_changes();
    plan.take(view, admit(view.state, proposal, view.now)?);
    for _ in 0..ROUNDS_MAX {
        let mut decisions = decide(&View { state: &plan.after, ..*view });
        decisions.retain(|decision| is_readable(&plan.after, &decision.event));
        if decisions.is_empty() {
            break;
        }
        plan.take(view, decisions);
    }
    Ok(plan)
}

impl Plan {
    fn take(&mut self, view: &View, decisions: Vec<Decision>) {
        for decision in &decisions {
            let recorded_at = view.now.max(self.after.recorded_at);
            let draft = Draft {
                recorded_at,
                observed_at: recorded_at,
                origin: view.leader,
                origin_seq: 0,
                caused_by: decision.caused_by.clone(),
                event: decision.event.clone(),
            };
            self.after.apply(&Record { seq: self.after.seq.next(), term: view.term, draft });
        }
        self.decisions.extend(decisions);
    }

    /// Who would vote and what that tolerates, in words.
    pub fn outcome(&self) -> String {
        let voters = settled(&self.after, &wanted_voters(&self.after));
        let online = voters.iter().filter(|voter| self.after.hosts.is_online(**voter)).count();
        let names: Vec<String> = voters.iter().map(|voter| name(&self.after, *voter)).collect();
        let needed = voters.len() / 2 + 1;
        format!(
            "then {} of {} voters ({}) are online and {needed} are needed to decide: {}",
            online,
            voters.len(),
            names.join(", "),
            match quorum::health(voters.len(), online) {
                crate::event::cluster::QuorumHealth::Lost => "the quorum is lost".to_owned(),
                _ => format!("{} more may fail", online - needed),
            }
        )
    }
}

/// Why a record about members would be written, in words.
pub fn why(state: &State, event: &Event) -> String {
    match event {
        Event::MemberRoleChanged(change) => {
            let node = name(state, change.node);
            let other = change.instead_of.map(|other| name(state, other)).unwrap_or_default();
            let role = match change.role {
                MemberRole::Voter => "votes",
                MemberRole::Learner => "receives the log and does not vote",
            };
            let seconds = change.offline_ms.unwrap_or_default() / 1_000;
            let reason = match change.reason {
                RoleReason::Operator => "because you ask for it".to_owned(),
                RoleReason::SeatFree => "because a seat is free, and it is online and has caught up".to_owned(),
                RoleReason::SeatClosed => {
                    "because there are more voters than seats, or an even number, which tolerates no more failures \
                     than one less"
                        .to_owned()
                }
                RoleReason::VoterGone => format!("in place of {other}, which has been offline for {seconds} s"),
                RoleReason::Replaced => format!("because {other} takes its seat after {seconds} s of silence"),
            };
            format!("{node} {role} from now on, {reason}")
        }
        Event::MemberRemoved(removed) => {
            format!("{} is no member any more: nobody listens to it, and its key never returns", removed.name)
        }
        Event::HostOffline(offline) => {
            format!("{} gets no more work, and its leases end", name(state, offline.host))
        }
        Event::MembershipConfigured(configured) => {
            let config = configured.config;
            format!(
                "{} voters are wanted; a voter is replaced after {} s of silence by a learner that was there for {} s",
                config.voters,
                config.voter_gone_ms / 1_000,
                config.learner_stable_ms / 1_000
            )
        }
        Event::LeaderTransferRequested(asked) => {
            format!("the leader asks {} to take over; writes wait until it has", name(state, asked.to))
        }
        other => format!("{} follows", other.kind()),
    }
}

/// What people call a node.
fn name(state: &State, node: NodeId) -> String {
    state.hosts.get(node).map_or_else(|| node.to_string(), |host| host.name.clone())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Command;
    use crate::event::cluster::{LeaderElected, VotersChanged};
    use crate::event::command::{RemoveMember, TransferLeadership};
    use crate::event::membership::ClusterVersionRaised;
    use crate::event::{Seq, Term};
    use crate::policy::testing::{Given, joined, online};

    fn given(voters: u64) -> Given {
        let elected = LeaderElected { leader: NodeId(1), term: Term(1), previous: None };
        let voting = VotersChanged { voters: (1..=voters).map(NodeId).collect(), learners: vec![] };
        let first: [Event; 2] = [elected.into(), ClusterVersionRaised { from: 1, to: 2 }.into()];
        let members = (1..=4).flat_map(|node| [joined(node), online(node, 7)]);
        let mut given = Given::events(first.into_iter().chain(members).chain([voting.into()]));
        for node in 1..=4 {
            given = given.heard(NodeId(node), 7, 1, 1).build(node, 2, 10);
        }
        given
    }

    fn foreseen(given: &Given, command: Command) -> Result<Plan, Refusal> {
        let view =
            View { state: &given.state, now: given.now, liveness: &given.liveness, leader: NodeId(1), term: Term(1) };
        let proposal =
            Proposal { origin: NodeId(1), origin_seq: 0, observed_at: given.now, caused_by: vec![], command };
        foresee(&view, &proposal)
    }

    fn words(plan: &Plan, state: &State) -> Vec<String> {
        plan.decisions.iter().map(|decision| why(state, &decision.event)).collect()
    }

    #[test]
    fn a_removal_shows_who_takes_the_seat() {
        let given = given(3);
        let remove =
            |node| Command::RemoveMember(RemoveMember { node: NodeId(node), forced: false, actor: "ada".into() });
        let plan = foreseen(&given, remove(2)).expect("it is allowed");
        assert_eq!(
            words(&plan, &given.state),
            [
                "n2 gets no more work, and its leases end",
                "n2 is no member any more: nobody listens to it, and its key never returns",
                "n4 votes from now on, because a seat is free, and it is online and has caught up",
            ]
        );
        assert_eq!(
            plan.outcome(),
            "then 3 of 3 voters (n1, n3, n4) are online and 2 are needed to decide: 1 more may fail"
        );
        assert_eq!(given.state.seq, Seq(11), "nothing has happened");
        assert_eq!(foreseen(&given, remove(9)).expect_err("no member").code(), "unknown_member");
    }

    #[test]
    fn a_transfer_changes_no_voter() {
        let given = given(3);
        let command = Command::TransferLeadership(TransferLeadership { to: NodeId(2), actor: "ada".into() });
        let plan = foreseen(&given, command).expect("it is allowed");
        assert_eq!(words(&plan, &given.state), ["the leader asks n2 to take over; writes wait until it has"]);
    }
}
