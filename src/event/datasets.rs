//! Datasets: sealed lists of verified games.

use super::body::body;
use super::id::{DatasetId, GameKey, Hash};
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
}
