//! Log matching: two logs that hold an entry of the same index and term are the same up to there.
//!
//! An entry's chain hash covers everything before it, so it is enough to compare chains.

use std::collections::BTreeMap;

use kifu::event::{Hash, Term};
use kifu::log::LogPosition;

use super::Violation;

/// The chain at each (index, term) that any log ever had.
#[derive(Default)]
pub struct LogMatching {
    chains: BTreeMap<(u64, Term), Hash>,
}

impl LogMatching {
    /// A log has this entry.
    pub fn see(&mut self, at: &LogPosition) -> Result<(), Violation> {
        let known = *self.chains.entry((at.index, at.term)).or_insert(at.chain);
        if known == at.chain {
            return Ok(());
        }
        Err(format!("log matching: two logs have an entry {} of term {}, and differ before it", at.index, at.term.0))
    }
}

#[cfg(test)]
pub mod testing {
    use kifu::event::{Hash, NodeId, Seq, Term};
    use kifu::log::LogPosition;

    /// An entry with a chain that follows from `history`.
    pub fn entry(index: u64, term: u64, history: &str) -> LogPosition {
        let chain = Hash::of(history.as_bytes());
        LogPosition { index, term: Term(term), leader: NodeId(term), seq: Seq(index), chain }
    }
}

#[test]
fn histories_that_differ_below_a_common_entry_are_noticed() {
    use testing::entry;
    let mut matching = LogMatching::default();
    matching.see(&entry(3, 1, "a")).expect("new");
    matching.see(&entry(3, 2, "b")).expect("another term");
    matching.see(&entry(3, 1, "a")).expect("the same");
    matching.see(&entry(3, 2, "a")).expect_err("another history");
}
