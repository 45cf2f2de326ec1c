//! Who leads, and who led.

use super::row::row;
use super::table::Table;
use crate::event::{Event, Millis, NodeId, Record, Seq, Term};

/// Leaderships that are kept. The oldest are dropped; the log still has them.
pub const LEADERSHIPS_MAX: usize = 256;

row! {
    /// A term and its leader.
    pub struct LeadershipRow {
        /// The term.
        pub term: Term,
        /// Who leads in it.
        pub leader: NodeId,
        /// Who led before.
        pub previous: Option<NodeId>,
        /// The record that says so.
        pub seq: Seq,
        /// Since when.
        pub since: Millis,
    }
}

/// The latest leaderships by term.
#[derive(Clone, Debug, Default)]
pub struct Leadership {
    /// At most [`LEADERSHIPS_MAX`] rows.
    pub table: Table<Term, LeadershipRow>,
}

impl Leadership {
    /// The latest leadership. It says who led last, not that the leader is alive.
    pub fn current(&self) -> Option<&LeadershipRow> {
        self.table.values().next_back()
    }

    /// Folds a record. A term has one leader: the first one recorded.
    pub fn apply(&mut self, record: &Record) {
        let Event::LeaderElected(body) = &record.draft.event else { return };
        if self.table.contains(&body.term) {
            return;
        }
        let row = LeadershipRow {
            term: body.term,
            leader: body.leader,
            previous: body.previous,
            seq: record.seq,
            since: record.draft.recorded_at,
        };
        self.table.put(body.term, row);
        self.table.drop_first(LEADERSHIPS_MAX);
    }
}
