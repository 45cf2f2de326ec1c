//! Heal and converge: once all faults are over, one node leads, all others follow, and every outbox is empty.

use kifu::event::{Hash, NodeId, Seq, Term};

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
    pub leader: Option<NodeId>,
    pub term: Term,
    pub seq: Seq,
    pub digest: Hash,
    /// Proposals that wait in its outbox.
    pub waiting: u64,
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
        let expected = *first.get_or_insert(sees);
        if (sees.leader, sees.term, sees.seq, sees.digest)
            != (expected.leader, expected.term, expected.seq, expected.digest)
        {
            return Some(format!("{name} is at {} of term {}, others at {}", sees.seq, sees.term.0, expected.seq));
        }
    }
    None
}

#[test]
fn whatever_is_not_the_same_everywhere_is_noticed() {
    let seen = Seen { leader: Some(NodeId(1)), term: Term(2), seq: Seq(3), digest: Hash::of(b"a"), waiting: 0 };
    let two = |sees: Option<Seen>| {
        let standing = |name: &str, sees| Standing { name: name.to_owned(), sees };
        missing(&[standing("n1", Some(seen.clone())), standing("n2", sees)])
    };
    assert_eq!(two(Some(seen.clone())), None);
    assert!(two(None).is_some());
    for change in [
        Seen { leader: None, ..seen.clone() },
        Seen { leader: Some(NodeId(2)), ..seen.clone() },
        Seen { term: Term(3), ..seen.clone() },
        Seen { seq: Seq(4), ..seen.clone() },
        Seen { digest: Hash::of(b"b"), ..seen.clone() },
        Seen { waiting: 1, ..seen.clone() },
    ] {
        assert!(two(Some(change.clone())).is_some(), "{change:?}");
    }
}
