//! Who leads, in Raft's words: a candidate of a term, and the leader that entries name.
//!
//! Two candidates of one term cannot be compared, so a node that gave its vote keeps it: a term has at most one leader
//! (Ongaro and Ousterhout, "In Search of an Understandable Consensus Algorithm", 2014, §5.2). Raft as the library has it by
//! default orders candidates by (term, node) instead, and lets a second one win a term; its logs stay safe, but
//! LEADER_ELECTED, and people, know leaders by their term.

use std::cmp::Ordering;
use std::fmt;

use openraft::vote::{LeaderIdCompare, RaftLeaderId};
use serde::{Deserialize, Serialize};

use crate::event::NodeId;

/// Who asks for votes in a term.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Candidate {
    /// The term.
    pub term: u64,
    /// The node that asks.
    pub node_id: NodeId,
}

/// Who led the term of an entry. Every entry carries it, so that a log alone tells who wrote what.
pub type Leader = openraft::impls::leader_id_adv::LeaderId<u64, NodeId>;

impl fmt::Display for Candidate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "T{}-N{}", self.term, self.node_id)
    }
}

impl PartialOrd for Candidate {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        LeaderIdCompare::std(self, other)
    }
}

impl PartialEq<Leader> for Candidate {
    fn eq(&self, _: &Leader) -> bool {
        false
    }
}

/// Whoever leads a term is ahead of whoever asked to.
impl PartialOrd<Leader> for Candidate {
    fn partial_cmp(&self, leader: &Leader) -> Option<Ordering> {
        Some(self.term.cmp(&leader.term).then(Ordering::Less))
    }
}

impl RaftLeaderId for Candidate {
    type Term = u64;
    type NodeId = NodeId;
    type Committed = Leader;

    fn new(term: u64, node_id: NodeId) -> Self {
        Self { term, node_id }
    }

    fn term(&self) -> u64 {
        self.term
    }

    fn node_id(&self) -> &NodeId {
        &self.node_id
    }

    fn to_committed(&self) -> Leader {
        Leader { term: self.term, node_id: self.node_id }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_vote_for_one_candidate_of_a_term_is_not_taken_back_for_another() {
        let candidate = |term, node| Candidate { term, node_id: NodeId(node) };
        assert_eq!(candidate(8, 1).partial_cmp(&candidate(8, 2)), None);
        assert_eq!(candidate(8, 2).partial_cmp(&candidate(8, 1)), None);
        assert_eq!(candidate(8, 1).partial_cmp(&candidate(8, 1)), Some(Ordering::Equal));
        assert!(candidate(9, 1) > candidate(8, 2));
        let leader = candidate(8, 2).to_committed();
        assert!(candidate(8, 3) < leader && candidate(8, 2) < leader && candidate(9, 1) > leader);
    }
}
