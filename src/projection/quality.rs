//! Quality scores of verified batches. A batch without a row is unknown, not bad.

use super::row::row;
use super::table::Table;
use crate::event::{Event, Hash, Real, Record, Seq};

row! {
    /// What a verified batch is worth.
    pub struct QualityRow {
        /// The blob.
        pub batch: Hash,
        /// From 0 to 1.
        pub score: Real,
        /// Games that the score rests on.
        pub games: u32,
        /// Share of positions with a policy target.
        pub coverage: Real,
        /// Share of games that are not repeats.
        pub diversity: Real,
        /// The record that says so.
        pub seq: Seq,
    }
}

/// Scores by batch.
#[derive(Clone, Debug, Default)]
pub struct Quality {
    /// One row for each scored batch.
    pub table: Table<Hash, QualityRow>,
}

impl Quality {
    /// The score of this batch.
    pub fn get(&self, batch: &Hash) -> Option<&QualityRow> {
        self.table.get(batch)
    }

    /// Folds a record. The latest score counts.
    pub fn apply(&mut self, record: &Record) {
        if let Event::QualityScoreUpdated(body) = &record.draft.event {
            let row = QualityRow {
                batch: body.batch,
                score: body.score,
                games: body.games,
                coverage: body.coverage,
                diversity: body.diversity,
                seq: record.seq,
            };
            self.table.put(body.batch, row);
        }
    }
}
