//! Equal digests at equal positions: every node folds the same records to the same state.

use std::collections::BTreeMap;

use kifu::event::{Hash, Seq};

use super::Violation;

/// The digest of the state at each position at which any node was seen.
#[derive(Default)]
pub struct EqualDigests {
    digests: BTreeMap<Seq, (Hash, String)>,
}

impl EqualDigests {
    /// A node's state at `seq`. True when it was compared with another's.
    pub fn see(&mut self, node: &str, seq: Seq, digest: Hash) -> Result<bool, Violation> {
        let Some((known, other)) = self.digests.get(&seq) else {
            self.digests.insert(seq, (digest, node.to_owned()));
            return Ok(false);
        };
        if *known == digest {
            return Ok(other != node);
        }
        Err(format!("digests differ: {other} and {node} have different states at {seq}"))
    }
}

#[test]
fn different_states_at_a_position_are_noticed() {
    let mut digests = EqualDigests::default();
    assert_eq!(digests.see("n1", Seq(1), Hash::of(b"a")), Ok(false));
    assert_eq!(digests.see("n1", Seq(1), Hash::of(b"a")), Ok(false), "compared with itself");
    assert_eq!(digests.see("n2", Seq(1), Hash::of(b"a")), Ok(true));
    assert_eq!(digests.see("n2", Seq(2), Hash::of(b"b")), Ok(false));
    assert!(digests.see("n3", Seq(1), Hash::of(b"b")).is_err());
}
