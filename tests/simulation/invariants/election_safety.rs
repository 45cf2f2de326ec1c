//! Election safety: a term has at most one leader.

use std::collections::BTreeMap;

use kifu::event::{NodeId, Term};

use super::Violation;

/// The leader of each term, as nodes said of themselves or as entries name them.
#[derive(Default)]
pub struct ElectionSafety {
    leaders: BTreeMap<Term, NodeId>,
}

impl ElectionSafety {
    /// `leader` leads or led `term`.
    pub fn see(&mut self, term: Term, leader: NodeId) -> Result<(), Violation> {
        match self.leaders.insert(term, leader) {
            None => Ok(()),
            Some(known) if known == leader => Ok(()),
            Some(known) => Err(format!("election safety: {known} and {leader} both led term {}", term.0)),
        }
    }
}

#[test]
fn two_leaders_of_a_term_are_noticed() {
    let mut safety = ElectionSafety::default();
    assert_eq!(safety.see(Term(1), NodeId(1)), Ok(()));
    assert_eq!(safety.see(Term(2), NodeId(2)), Ok(()));
    assert_eq!(safety.see(Term(1), NodeId(1)), Ok(()));
    assert!(safety.see(Term(1), NodeId(2)).is_err());
}
