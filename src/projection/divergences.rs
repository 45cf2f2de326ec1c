//! Where a node's fold differed from the leader's. A row here is a bug or a broken machine.

use super::row::row;
use super::table::Table;
use crate::event::{Event, Hash, Millis, NodeId, Record, Seq};

/// Divergences that are kept; the oldest are dropped.
pub const DIVERGENCES_MAX: usize = 1_000;

row! {
    /// A node that differed.
    pub struct DivergenceRow {
        /// The record that says so.
        pub seq: Seq,
        /// When it was recorded.
        pub at: Millis,
        /// The node.
        pub host: NodeId,
        /// The position compared.
        pub position: Seq,
        /// The projection.
        pub projection: String,
        /// The leader's digest.
        pub expected: Hash,
        /// The node's digest.
        pub found: Hash,
    }
}

/// Divergences in order of record.
#[derive(Clone, Debug, Default)]
pub struct Divergences {
    /// At most [`DIVERGENCES_MAX`] rows.
    pub table: Table<Seq, DivergenceRow>,
}

impl Divergences {
    /// Folds a record.
    pub fn apply(&mut self, record: &Record) {
        if let Event::ClusterRestored(_) = &record.draft.event {
            self.table.drop_first(0);
        }
        let Event::ProjectionDiverged(body) = &record.draft.event else { return };
        let row = DivergenceRow {
            seq: record.seq,
            at: record.draft.recorded_at,
            host: body.host,
            position: body.position,
            projection: body.projection.clone(),
            expected: body.expected,
            found: body.found,
        };
        self.table.put(record.seq, row);
        self.table.drop_first(DIVERGENCES_MAX);
    }
}
