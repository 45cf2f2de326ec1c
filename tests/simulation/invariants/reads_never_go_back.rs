//! A linearizable read sees everything that was acknowledged, or read, before it began; so does one that trusts the leader's
//! lease, while timers run as evenly as is promised. A local read sees what the same life of the same node has shown before.

use kifu::event::Seq;
use kifu::replica::Consistency;

use super::Violation;

/// A read that must show what stands up to `floor` has ended at `seq`.
pub fn check(reader: &str, consistency: Consistency, floor: Seq, seq: Seq) -> Result<(), Violation> {
    if seq >= floor {
        return Ok(());
    }
    let before = match consistency {
        Consistency::Local => "it had shown",
        Consistency::Lease | Consistency::Linearizable => "others had been told of",
    };
    Err(format!("a {consistency} read went back: {reader} read up to {seq} after {before} {floor}"))
}

#[test]
fn an_old_state_is_noticed() {
    for consistency in [Consistency::Local, Consistency::Lease, Consistency::Linearizable] {
        check("n1", consistency, Seq(5), Seq(5)).expect("as new as it must be");
        check("n1", consistency, Seq(5), Seq(6)).expect("newer");
        check("n1", consistency, Seq(5), Seq(4)).expect_err("older");
    }
}
