//! The campaign: generation after generation.

use super::body::body;
use super::evaluation::Score;
use super::id::{GameKey, ModelId};
use super::jobs::SearchRecipe;

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

    /// `GENERATION_TAUGHT`: a teacher plays this generation's games instead of its champion.
    pub struct GenerationTaught {
        /// The game.
        pub game: GameKey,
        /// The generation.
        pub generation: u32,
        /// What the teacher does.
        pub teaching: Teaching,
    }

    /// Games of a teacher: a search whose leaves the game itself judges, without a net.
    pub struct Teaching {
        /// How it thinks.
        pub search: SearchRecipe,
        /// Games wanted of it.
        pub games: u32,
        /// Games a job.
        pub games_per_job: u32,
        /// Steps of the run that learns from them.
        pub steps: u32,
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
