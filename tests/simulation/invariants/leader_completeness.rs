//! Leader completeness: whoever is elected has every entry that was committed in an earlier term.

use kifu::event::Term;
use kifu::log::LogPosition;

use super::Violation;
use super::committed_never_changes::Committed;

/// A node leads `term`; `entry` looks into its log.
pub fn check(
    node: &str,
    term: Term,
    committed: &Committed,
    entry: impl FnOnce(u64) -> Option<LogPosition>,
) -> Result<(), Violation> {
    // The chain covers everything before.
    let Some(last) = committed.last(|entry| entry.term < term) else { return Ok(()) };
    match entry(last.index) {
        Some(own) if own.chain == last.chain => Ok(()),
        own => Err(format!(
            "leader completeness: {node} was elected in term {} without the committed entry {} of term {} (it has {:?})",
            term.0,
            last.index,
            last.term.0,
            own.map(|own| own.term.0)
        )),
    }
}

#[test]
fn a_leader_without_a_committed_entry_is_noticed() {
    use super::log_matching::testing::entry;
    let mut committed = Committed::default();
    check("n1", Term(1), &committed, |_| None).expect("nothing is committed");
    let first = kifu::log::Entry {
        index: 0,
        term: Term(1),
        leader: kifu::event::NodeId(1),
        first_seq: kifu::event::Seq(1),
        chain: entry(0, 1, "a").chain,
        payload: kifu::log::Payload::Blank,
    };
    committed.extend("n1", &first).expect("the first");
    check("n1", Term(1), &committed, |_| None).expect("its own term's entries are not due");
    check("n1", Term(2), &committed, |index| Some(entry(index, 1, "a"))).expect("it has it");
    check("n1", Term(2), &committed, |index| Some(entry(index, 1, "b"))).expect_err("another entry");
    check("n1", Term(2), &committed, |_| None).expect_err("none");
}
