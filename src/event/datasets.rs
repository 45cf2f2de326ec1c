//! Datasets: sealed lists of verified games.

use super::body::body;
use super::id::{DatasetId, GameKey, Hash, ModelId};
use super::unit::Real;

body! {
    /// `DATASET_SEALED`: from now on this name means exactly these games.
    pub struct DatasetSealed {
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
        /// Mean quality score, weighted by games.
        pub quality: Real,
        /// BLAKE3 of the batches' hashes in order: the identity of the content.
        pub content: Hash,
    }

    /// `DATASET_WEIGHED`: how much the games of each batch of a sealed dataset count in training. A dataset is weighed once, when it is
    /// sealed.
    pub struct DatasetWeighed {
        /// The dataset.
        pub dataset: DatasetId,
        /// Its batches, in order.
        pub batches: Vec<BatchWeight>,
    }

    /// What the games of a batch weigh, and why.
    pub struct BatchWeight {
        /// The batch.
        pub batch: Hash,
        /// Who played it.
        pub model: ModelId,
        /// How strong that model is at least: the lower end of its rating's 95% interval. None when nobody knows.
        pub elo: Option<Real>,
        /// The batch's quality score.
        pub quality: Real,
        /// What follows: above 0 and at most 1.
        pub weight: Real,
    }
}
