//! Heal and converge: once all faults are over, one node leads, all others follow, every outbox is empty, and Raft's members are
//! those of the facts: all machines, and nobody who was removed.

use std::collections::BTreeSet;

use kifu::event::{Hash, NodeId, Seq, Term};
use kifu::replica::RaftMembers;

/// How a node stands when it should have recovered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standing {
    pub name: String,
    /// None when it does not run.
    pub sees: Option<Seen>,
}

/// What a running node sees.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    /// Who it is.
    pub node: NodeId,
    pub leader: Option<NodeId>,
    pub term: Term,
    pub seq: Seq,
    pub digest: Hash,
    /// Proposals that wait in its outbox.
    pub waiting: u64,
    /// Who takes part in Raft.
    pub members: RaftMembers,
    /// Who is to vote.
    pub wanted: BTreeSet<NodeId>,
}

/// What is still missing, if anything.
pub fn missing(standings: &[Standing]) -> Option<String> {
    let mut first: Option<&Seen> = None;
    for Standing { name, sees } in standings {
        let Some(sees) = sees else { return Some(format!("{name} does not run")) };
        if sees.leader.is_none() {
            return Some(format!("{name} knows no leader"));
        }
        if sees.waiting > 0 {
            return Some(format!("{} proposals wait in the outbox of {name}", sees.waiting));
        }
        if seen_members_differ(sees, standings) {
            return Some(format!("{name} has the members {:?}, and {:?} are to vote", sees.members, sees.wanted));
        }
        let expected = *first.get_or_insert(sees);
        if (sees.leader, sees.term, sees.seq, sees.digest)
            != (expected.leader, expected.term, expected.seq, expected.digest)
        {
            return Some(format!("{name} is at {} of term {}, others at {}", sees.seq, sees.term.0, expected.seq));
        }
    }
    None
}

/// Whether somebody else takes part in Raft, or votes, than the facts say.
fn seen_members_differ(seen: &Seen, standings: &[Standing]) -> bool {
    let machines: BTreeSet<NodeId> = standings.iter().filter_map(|it| Some(it.sees.as_ref()?.node)).collect();
    let RaftMembers { voters, learners, joint, .. } = &seen.members;
    *joint || *voters != seen.wanted || voters.union(learners).copied().collect::<BTreeSet<_>>() != machines
}

#[test]
fn whatever_is_not_the_same_everywhere_is_noticed() {
    let ids = |nodes: &[u64]| nodes.iter().copied().map(NodeId).collect::<BTreeSet<_>>();
    let seen = Seen {
        node: NodeId(2),
        leader: Some(NodeId(1)),
        term: Term(2),
        seq: Seq(3),
        digest: Hash::of(b"a"),
        waiting: 0,
        members: RaftMembers { voters: ids(&[1]), learners: ids(&[2]), ..RaftMembers::default() },
        wanted: ids(&[1]),
    };
    let two = |sees: Option<Seen>| {
        let standing = |name: &str, sees| Standing { name: name.to_owned(), sees };
        missing(&[standing("n1", Some(Seen { node: NodeId(1), ..seen.clone() })), standing("n2", sees)])
    };
    assert_eq!(two(Some(seen.clone())), None);
    assert!(two(None).is_some());
    let members = |voters: &[u64], learners: &[u64], joint| {
        let (voters, learners) = (ids(voters), ids(learners));
        RaftMembers { voters, learners, joint, ..RaftMembers::default() }
    };
    for change in [
        Seen { leader: None, ..seen.clone() },
        Seen { leader: Some(NodeId(2)), ..seen.clone() },
        Seen { term: Term(3), ..seen.clone() },
        Seen { seq: Seq(4), ..seen.clone() },
        Seen { digest: Hash::of(b"b"), ..seen.clone() },
        Seen { waiting: 1, ..seen.clone() },
        Seen { members: members(&[1], &[], false), ..seen.clone() },
        Seen { members: members(&[1], &[2, 3], false), ..seen.clone() },
        Seen { members: members(&[1, 2], &[], false), ..seen.clone() },
        Seen { members: members(&[1], &[2], true), ..seen.clone() },
        Seen { wanted: ids(&[1, 2]), ..seen.clone() },
    ] {
        assert!(two(Some(change.clone())).is_some(), "{change:?}");
    }
}
