//! State machine safety: what one node has committed at an index, no other node ever has otherwise.

use kifu::log::{Entry, LogPosition};

use super::Violation;

/// The entries that any node has committed, from index 0 on.
#[derive(Default)]
pub struct Committed {
    entries: Vec<LogPosition>,
}

impl Committed {
    /// The index after the last committed entry.
    pub fn next_index(&self) -> u64 {
        self.entries.len() as u64
    }

    /// The committed entry at an index.
    pub fn at(&self, index: u64) -> Option<&LogPosition> {
        self.entries.get(usize::try_from(index).ok()?)
    }

    /// The last committed entry that fulfils a condition.
    pub fn last(&self, condition: impl Fn(&LogPosition) -> bool) -> Option<&LogPosition> {
        self.entries.iter().rev().find(|entry| condition(entry))
    }

    /// A node has committed this entry, which others have committed before.
    pub fn see(&self, node: &str, at: &LogPosition) -> Result<(), Violation> {
        match self.at(at.index) {
            Some(known) if known.chain != at.chain || known.term != at.term => Err(format!(
                "a committed entry changed: {node} has committed entry {} of term {}, others have one of term {} there",
                at.index, at.term.0, known.term.0
            )),
            _ => Ok(()),
        }
    }

    /// Nobody has committed this entry before.
    pub fn extend(&mut self, node: &str, entry: &Entry) -> Result<(), Violation> {
        if entry.index != self.next_index() {
            return Err(format!("{node} shows entry {} where {} was asked for", entry.index, self.next_index()));
        }
        self.entries.push(entry.position());
        Ok(())
    }
}

#[test]
fn another_entry_at_a_committed_index_is_noticed() {
    use super::log_matching::testing::entry;
    let committed = Committed { entries: vec![entry(0, 1, "a"), entry(1, 1, "b")] };
    committed.see("n1", &entry(1, 1, "b")).expect("the same");
    committed.see("n1", &entry(2, 1, "c")).expect("news");
    committed.see("n1", &entry(1, 2, "b")).expect_err("another term");
    committed.see("n1", &entry(1, 1, "x")).expect_err("another history");
    assert_eq!(committed.last(|entry| entry.term.0 < 1), None);
    assert_eq!(committed.last(|entry| entry.index < 1).map(|entry| entry.index), Some(0));
}
