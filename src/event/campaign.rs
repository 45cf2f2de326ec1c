//! The campaign: generation after generation.

use super::body::body;
use super::evaluation::Score;
use super::id::{GameKey, ModelId};

body! {
    /// `GENERATION_OPENED`: self-play for this generation's dataset begins, with this champion.
    pub struct GenerationOpened {
        /// The game.
        pub game: GameKey,
        /// The generation, from 1.
        pub generation: u32,
        /// The model that plays.
        pub champion: ModelId,
    }

    /// `CAMPAIGN_COMPLETED`: the last generation was decided and the champion examined.
    pub struct CampaignCompleted {
        /// The game.
        pub game: GameKey,
        /// Generations that were decided.
        pub generations: u32,
        /// The last champion.
        pub champion: ModelId,
        /// Its exam.
        pub exam: Vec<Score>,
    }
}
