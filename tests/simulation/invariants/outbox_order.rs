//! Outbox order: each origin's numbered proposals are admitted in the order of their numbers, without gaps.

use std::collections::BTreeMap;

use kifu::event::{NodeId, Seq};

use super::Violation;

/// The last number of each origin.
#[derive(Default)]
pub struct OutboxOrder {
    last: BTreeMap<NodeId, u64>,
}

impl OutboxOrder {
    /// A record of this origin and number was committed. Several records of one proposal follow one another.
    pub fn see(&mut self, origin: NodeId, number: u64, seq: Seq) -> Result<(), Violation> {
        if number == 0 {
            return Ok(());
        }
        let last = self.last.insert(origin, number).unwrap_or(0);
        if number == last || number == last + 1 {
            return Ok(());
        }
        Err(format!("outbox order: proposal {number} of {origin} was admitted at {seq}, after {last}"))
    }
}

#[test]
fn gaps_and_steps_back_are_noticed() {
    let mut order = OutboxOrder::default();
    let mut see = |origin, number| order.see(NodeId(origin), number, Seq(0));
    for number in [1, 0, 2, 2, 3] {
        see(1, number).expect("in order");
    }
    see(2, 1).expect("another origin");
    see(1, 5).expect_err("a gap");
    see(2, 0).expect("not numbered");
    see(1, 4).expect_err("back");
}
