//! Handing over leadership, and taking it back when nobody takes it.
//!
//! A leader that hands over proposes nothing more and sends no heartbeats, so that its successor, or failing that any voter,
//! wins the next election. Raft's author lets it go on by itself when that does not happen within an election timeout (Ongaro
//! 2014, §3.10); the library waits for ever. Where only this node can win, because it is the only voter left or holds entries that the
//! others lack, the cluster would stand still. So it steps down then, as if its successor had asked for its vote, and stands like any other. Nobody
//! is told of that vote, and whoever really asks for one must have the whole log.

use std::cmp::Reverse;
use std::sync::atomic::{AtomicU64, Ordering};

use openraft::Instant as _;
use openraft::async_runtime::watch::WatchReceiver;
use openraft::raft::VoteRequest;

use super::error::ReplicaError;
use super::replica::{Replica, stopped};
use super::types::{LogId, TypeConfig, Vote};
use super::wire::log_id;
use crate::event::{NodeId, Term};

/// The term whose hand-over is being watched: one watch is enough, however often a leader is asked. 0, which nobody leads, for none.
#[derive(Default)]
pub(super) struct Watched(AtomicU64);

impl Watched {
    /// Whether nobody watches this term yet; now somebody does.
    fn begin(&self, term: Term) -> bool {
        self.0.swap(term.0, Ordering::AcqRel) != term.0
    }

    /// The watch over this term is over.
    fn end(&self, term: Term) {
        self.0.compare_exchange(term.0, 0, Ordering::AcqRel, Ordering::Relaxed).ok();
    }
}

/// How a voter stands to the leader.
struct Candidate {
    node: NodeId,
    /// It answered of late.
    answers: bool,
    /// The last entry that it acknowledged.
    matched: Option<u64>,
}

/// The one that can take over soonest: it answers, and of those that do, it lacks least of the log. A voter that has just started, though
/// online, would be asked in vain, and nobody would lead until the others campaign.
fn best(candidates: impl Iterator<Item = Candidate>) -> Option<NodeId> {
    let rank = |candidate: &Candidate| (candidate.answers, candidate.matched, Reverse(candidate.node));
    candidates.max_by_key(rank).map(|candidate| candidate.node)
}

impl Replica {
    /// The other voter, of those that `may` lead, that can take over soonest; none when there is none. For a leader.
    pub fn successor(&self, may: impl Fn(NodeId) -> bool) -> Option<NodeId> {
        let (voters, _) = self.committed_members();
        let metrics = self.raft.metrics().borrow_watched().clone();
        let (answered, matched) = (metrics.heartbeat.unwrap_or_default(), metrics.replication.unwrap_or_default());
        let answers = |node| {
            let last = answered.get(&node).and_then(Option::as_ref);
            last.is_some_and(|at| at.elapsed() <= self.timing.contact_max())
        };
        best(voters.into_iter().filter(|voter| *voter != self.node && may(*voter)).map(|node| Candidate {
            node,
            answers: answers(node),
            matched: matched.get(&node).copied().flatten().map(|id| id.index),
        }))
    }

    /// Returns when this node knows that something is committed that the leader of `term`, or a later one, has appended.
    pub async fn has_committed(&self, term: Term) {
        let is_of_term = |id: &LogId| id.leader_id.term >= term.0;
        self.raft
            .wait(None)
            .metrics(|metrics| metrics.last_applied.is_some_and(|id| is_of_term(&id)), "committed")
            .await
            .ok();
    }

    /// Asks `to` to take over. Returns at once. If nobody has taken over some election timeouts later, this node steps down, and the next
    /// election decides. Asked for itself, it does nothing.
    ///
    /// # Errors
    /// When `to` does not vote, or Raft has stopped.
    pub async fn transfer(&self, to: NodeId) -> Result<(), ReplicaError> {
        if to == self.node {
            return Ok(());
        }
        let votes = self.raft.with_raft_state(move |state| {
            state.membership_state.effective().membership().voter_ids().any(|voter| voter == to)
        });
        if !votes.await.map_err(stopped)? {
            return Err(ReplicaError::Membership { reason: format!("{to} does not vote, so it cannot take over") });
        }
        let before = self.leadership.borrow().clone();
        self.raft.trigger().transfer_leader(to).await.map_err(stopped)?;
        // Asked again, it waits no longer than since it was asked first.
        if before.leader != Some(self.node) || !self.watched.begin(before.term) {
            return Ok(());
        }
        let (raft, log, watched) = (self.raft.clone(), self.log().clone(), self.watched.clone());
        let (leadership, patience) = (self.leadership.clone(), self.timing.contact_max());
        tokio::spawn(async move {
            tokio::time::sleep(patience).await;
            watched.end(before.term);
            if *leadership.borrow() != before {
                return;
            }
            tracing::warn!(%to, term = before.term.0, "nobody took over: this node steps down and stands again");
            // While it hands over it appends nothing, so the end of the log is where it was.
            let last = log.last().map(|at| log_id(at.term.0, at.leader, at.index));
            let mut request = VoteRequest::<TypeConfig>::new(Vote::new(before.term.0 + 1, to), last);
            request.leadership_transfer = true;
            raft.vote(request).await.ok();
        });
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_successor_answers_and_lacks_least_of_the_log() {
        let of = |candidates: &[(u64, bool, Option<u64>)]| {
            best(candidates.iter().map(|&(node, answers, matched)| Candidate { node: NodeId(node), answers, matched }))
        };
        assert_eq!(of(&[]), None);
        assert_eq!(of(&[(1, true, Some(90)), (2, true, Some(98))]), Some(NodeId(2)), "the first has just started");
        assert_eq!(of(&[(1, false, Some(98)), (2, true, Some(97))]), Some(NodeId(2)), "the first is gone");
        assert_eq!(of(&[(1, true, None), (2, true, Some(3))]), Some(NodeId(2)), "nothing is known of the first");
        assert_eq!(of(&[(2, true, Some(98)), (1, true, Some(98))]), Some(NodeId(1)), "any will do, always the same");
        assert_eq!(of(&[(1, false, None)]), Some(NodeId(1)), "better than nobody");
    }

    #[test]
    fn a_hand_over_has_one_watch_a_term() {
        let watched = Watched::default();
        assert!(watched.begin(Term(3)));
        assert!(!watched.begin(Term(3)), "asked again");
        assert!(watched.begin(Term(5)), "it leads anew, and must not wait for ever");
        watched.end(Term(3));
        assert!(!watched.begin(Term(5)), "an older watch ends for itself");
        watched.end(Term(5));
        assert!(watched.begin(Term(5)));
    }
}
