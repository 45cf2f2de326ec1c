//! The campaign: generation after generation.

use super::body::body;
use super::evaluation::Score;
use super::id::{GameKey, ModelId};
use super::jobs::SearchRecipe;
use super::unit::Millis;

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

    /// `STAGE_OVERDUE`: a stage of a generation takes longer than its limit. Said once for each stage of a generation; nothing is stopped by it.
    pub struct StageOverdue {
        /// The game.
        pub game: GameKey,
        /// The generation.
        pub generation: u32,
        /// What takes so long.
        pub stage: Stage,
        /// Since when it has been at it.
        pub since: Millis,
        /// The limit that it has passed, in milliseconds.
        pub limit_ms: u64,
    }

    /// `STAGE_CAUGHT_UP`: a stage that was overdue has come to its end.
    pub struct StageCaughtUp {
        /// The game.
        pub game: GameKey,
        /// The generation.
        pub generation: u32,
        /// What is done.
        pub stage: Stage,
    }

    /// What a generation goes through.
    #[derive(Copy, PartialOrd, Ord, Hash)]
    pub enum Stage {
        /// Its games are played.
        SelfPlay,
        /// A batch of them is replayed.
        Verification,
        /// Its games are there, and its dataset is to be sealed.
        Dataset,
        /// A candidate is trained.
        Training,
        /// The candidate is judged.
        Gauntlet,
        /// The gauntlet is concluded, and a verdict is due.
        Promotion,
        /// The champion that it made is copied to every host that is online.
        Distribution,
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

impl Stage {
    /// Every stage, in order.
    pub const ALL: [Stage; 7] = [
        Stage::SelfPlay,
        Stage::Verification,
        Stage::Dataset,
        Stage::Training,
        Stage::Gauntlet,
        Stage::Promotion,
        Stage::Distribution,
    ];

    /// Its name on every surface.
    pub fn name(self) -> &'static str {
        match self {
            Stage::SelfPlay => "self_play",
            Stage::Verification => "verification",
            Stage::Dataset => "dataset",
            Stage::Training => "training",
            Stage::Gauntlet => "gauntlet",
            Stage::Promotion => "promotion",
            Stage::Distribution => "distribution",
        }
    }
}
