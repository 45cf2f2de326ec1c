//! Whether the leader still has its quorum, as far as this node can know: what people are shown.
//!
//! Raft names the holder of the last vote that it heard of until another one wins. A leader that lost its quorum, and the
//! followers of one that died with it, name it for ever. Proposals go there all the same; people are told that nobody leads.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use openraft::async_runtime::watch::WatchReceiver;
use tokio::time::Instant;

use super::replica::{Leadership, Replica, Timing};
use crate::event::{NodeId, Term};

impl Timing {
    /// For how long the last sign of a leader counts: a follower that hears nothing campaigns by then, at the latest, and a
    /// leader that nobody answers may have a successor.
    pub fn contact_max(&self) -> Duration {
        Duration::from_millis(2 * self.election_max_ms)
    }
}

/// How this node stands to the leader.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Contact {
    /// The leader, while there is a sign that it leads: on the leader an answer of a quorum, on others a word of it.
    pub leader: Option<NodeId>,
    /// The current term.
    pub term: Term,
    /// On the leader: the age of what a quorum answered last. None elsewhere, and before the first answer.
    pub quorum_ack_age: Option<Duration>,
}

/// When this node was last spoken to by a leader, and by which one.
#[derive(Default)]
pub(super) struct Heard {
    last: Mutex<Option<(Term, NodeId, Instant)>>,
}

impl Heard {
    /// Notes that the leader of `term` spoke. One of an earlier term than known is none any more.
    pub(super) fn note(&self, term: Term, leader: NodeId, now: Instant) {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        if last.is_none_or(|(known, ..)| term >= known) {
            *last = Some((term, leader, now));
        }
    }

    /// How long ago this leader spoke, if it ever did.
    fn silence(&self, of: &Leadership, now: Instant) -> Option<Duration> {
        let last = *self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let (_, _, at) = last.filter(|(term, leader, _)| (*term, Some(*leader)) == (of.term, of.leader))?;
        Some(now.saturating_duration_since(at))
    }
}

impl Replica {
    /// How this node stands to the leader at this moment.
    pub fn contact(&self) -> Contact {
        let (raw, sole_voter, acked_at) = {
            let metrics = self.raft.metrics();
            let metrics = metrics.borrow_watched();
            let raw = Leadership { leader: metrics.current_leader, term: Term(metrics.current_term) };
            let voters = metrics.membership_config.membership();
            (raw, voters.voter_ids().all(|voter| voter == self.node), metrics.last_quorum_acked)
        };
        let leads = raw.leader == Some(self.node);
        let quorum_ack_age = match sole_voter {
            true => Some(Duration::ZERO),
            false => acked_at.map(|at| openraft::Instant::elapsed(&*at)),
        };
        let quorum_ack_age = quorum_ack_age.filter(|_| leads);
        let silence = if leads { quorum_ack_age } else { self.heard.silence(&raw, Instant::now()) };
        let in_touch = silence.is_some_and(|silence| silence <= self.timing.contact_max());
        Contact { leader: raw.leader.filter(|_| in_touch), term: raw.term, quorum_ack_age }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_leader_that_is_followed_is_heard() {
        let (heard, begin) = (Heard::default(), Instant::now());
        let at = |ms| begin + Duration::from_millis(ms);
        let of = |term, node| Leadership { leader: Some(NodeId(node)), term: Term(term) };
        assert_eq!(heard.silence(&of(3, 1), at(0)), None);
        heard.note(Term(3), NodeId(1), at(10));
        assert_eq!(heard.silence(&of(3, 1), at(25)), Some(Duration::from_millis(15)));
        assert_eq!(heard.silence(&of(4, 1), at(25)), None, "another term");
        heard.note(Term(4), NodeId(2), at(30));
        heard.note(Term(3), NodeId(1), at(40));
        assert_eq!(heard.silence(&of(4, 2), at(40)), Some(Duration::from_millis(10)), "a former leader is not heard");
        assert_eq!(heard.silence(&Leadership { leader: None, term: Term(4) }, at(40)), None);
    }
}
