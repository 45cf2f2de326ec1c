//! The last proposal of each origin: what makes a repeated proposal count once.
//!
//! Bound: one row for each origin. Admission takes numbered proposals only from members, from the node that joins with them,
//! and from registered producers, so there are never more rows than members and
//! [`PRODUCERS_MAX`](super::producers::PRODUCERS_MAX).

use super::row::row;
use super::table::Table;
use crate::event::{NodeId, Record, Seq};

row! {
    /// How far an origin's proposals are admitted.
    pub struct DedupeRow {
        /// The origin.
        pub origin: NodeId,
        /// The number of its last admitted proposal.
        pub origin_seq: u64,
        /// The last record of that proposal.
        pub seq: Seq,
    }
}

/// Last proposals by origin.
#[derive(Clone, Debug, Default)]
pub struct Dedupe {
    /// One row for each origin.
    pub table: Table<NodeId, DedupeRow>,
}

impl Dedupe {
    /// The number of the origin's last admitted proposal; 0 before the first.
    pub fn last(&self, origin: NodeId) -> u64 {
        self.table.get(&origin).map_or(0, |row| row.origin_seq)
    }

    /// Folds a record.
    pub fn apply(&mut self, record: &Record) {
        let (origin, origin_seq) = (record.draft.origin, record.draft.origin_seq);
        if origin_seq > 0 && origin_seq >= self.last(origin) {
            self.table.put(origin, DedupeRow { origin, origin_seq, seq: record.seq });
        }
    }
}
