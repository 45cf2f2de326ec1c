//! A linearizable read sees everything that was acknowledged, or read, before it began.

use kifu::event::Seq;

use super::Violation;

/// A read that began when `floor` had been acknowledged or read has ended at `seq`.
pub fn check(reader: &str, floor: Seq, seq: Seq) -> Result<(), Violation> {
    if seq >= floor {
        return Ok(());
    }
    Err(format!("a read went back: {reader} read up to {seq} after {floor} had been acknowledged or read"))
}

#[test]
fn an_old_state_is_noticed() {
    check("n1", Seq(5), Seq(5)).expect("as new as it must be");
    check("n1", Seq(5), Seq(6)).expect("newer");
    check("n1", Seq(5), Seq(4)).expect_err("older");
}
