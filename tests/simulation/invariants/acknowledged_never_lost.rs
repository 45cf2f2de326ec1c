//! Acknowledged, never lost: what the leader called admitted, and what an outbox has taken, is in the log in the end.

use std::collections::BTreeMap;

use kifu::event::Seq;

use super::Violation;
use crate::oracle::Oracle;

/// Compares what is recorded with what clients were told. `drained`: every outbox is empty.
pub fn check(notes: &BTreeMap<String, Seq>, oracle: &Oracle, drained: bool) -> Result<(), Violation> {
    for (text, last) in &oracle.admitted {
        match notes.get(text) {
            None => return Err(format!("lost: {text:?} was admitted (up to {last}) and is not in the log")),
            Some(seq) if seq > last => {
                return Err(format!("lost: {text:?} was admitted up to {last}, but it is at {seq}"));
            }
            Some(_) => {}
        }
    }
    let lost = oracle.stored.iter().find(|(_, text)| drained && !notes.contains_key(*text));
    match lost {
        Some(((origin, number), text)) => {
            Err(format!("lost: the outbox of {origin} took {text:?} as {number}, and it is not in the log"))
        }
        None => Ok(()),
    }
}

#[test]
fn what_is_missing_or_in_the_wrong_place_is_noticed() {
    use kifu::event::NodeId;
    use kifu::replica::propose::Outcome;
    let mut oracle = Oracle::default();
    oracle.hears("a", &Outcome::Admitted { last: Seq(4) });
    oracle.stores(NodeId(1), 1, "b");
    let notes = |list: &[(&str, u64)]| list.iter().map(|(text, seq)| ((*text).to_owned(), Seq(*seq))).collect();
    check(&notes(&[("a", 4), ("b", 9)]), &oracle, true).expect("all is there");
    check(&notes(&[("a", 4)]), &oracle, false).expect("the outbox still has it");
    check(&notes(&[("a", 4)]), &oracle, true).expect_err("the outbox lost it");
    check(&notes(&[("b", 4)]), &oracle, true).expect_err("the leader lost it");
    check(&notes(&[("a", 5), ("b", 9)]), &oracle, true).expect_err("not where it was said to be");
}
