//! Sealed datasets.

use super::row::row;
use super::table::Table;
use crate::event::datasets::BatchWeight;
use crate::event::{DatasetId, Event, GameKey, Hash, Millis, Real, Record, Seq};

row! {
    /// A sealed dataset.
    pub struct Dataset {
        /// The dataset.
        pub dataset: DatasetId,
        /// The game.
        pub game: GameKey,
        /// The generation whose training it feeds.
        pub generation: u32,
        /// Blobs of verified games, oldest first.
        pub batches: Vec<Hash>,
        /// Games in them.
        pub games: u64,
        /// Positions in them.
        pub positions: u64,
        /// Mean quality, weighted by games.
        pub quality: Real,
        /// The identity of the content.
        pub content: Hash,
        /// What the games of each batch weigh in training; none: all the same.
        pub weights: Vec<BatchWeight>,
        /// The record that sealed it.
        pub sealed_seq: Seq,
        /// When.
        pub sealed_at: Millis,
    }
}

/// Datasets by id.
#[derive(Clone, Debug, Default)]
pub struct Datasets {
    /// One row for each sealed dataset.
    pub table: Table<DatasetId, Dataset>,
}

impl Datasets {
    /// The dataset with this id.
    pub fn get(&self, dataset: &DatasetId) -> Option<&Dataset> {
        self.table.get(dataset)
    }

    /// Folds a record. A name is sealed once, and weighed once.
    pub fn apply(&mut self, record: &Record) {
        if let Event::DatasetWeighed(body) = &record.draft.event {
            self.table.update(&body.dataset, |row| {
                if row.weights.is_empty() {
                    row.weights.clone_from(&body.batches);
                }
            });
        }
        if let Event::DatasetSealed(body) = &record.draft.event
            && !self.table.contains(&body.dataset)
        {
            let row = Dataset {
                dataset: body.dataset.clone(),
                game: body.game.clone(),
                generation: body.generation,
                batches: body.batches.clone(),
                games: body.games,
                positions: body.positions,
                quality: body.quality,
                content: body.content,
                weights: vec![],
                sealed_seq: record.seq,
                sealed_at: record.draft.recorded_at,
            };
            self.table.put(body.dataset.clone(), row);
        }
    }
}
