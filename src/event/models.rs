//! Models, and which of them is champion.

use super::body::body;
use super::config::PromotionGate;
use super::evaluation::Score;
use super::id::{GameKey, GauntletId, Hash, ModelId};

body! {
    /// `MODEL_INITIALIZED`: generation 0 exists: random weights.
    pub struct ModelInitialized {
        /// The model.
        pub model: ModelId,
        /// The game.
        pub game: GameKey,
        /// Its weights.
        pub weights: Hash,
        /// Family of the net.
        pub net: String,
        /// Trainable parameters of the net.
        pub parameters: u64,
    }

    /// `MODEL_PROMOTED`: this model is champion from now on.
    pub struct ModelPromoted {
        /// The model.
        pub model: ModelId,
        /// Its generation.
        pub generation: u32,
        /// The champion before.
        pub previous: Option<ModelId>,
        /// The gauntlet that it won; none for generation 0.
        pub gauntlet: Option<GauntletId>,
        /// The evidence, as concluded.
        pub evidence: Vec<Score>,
        /// The thresholds that it passed.
        pub gate: PromotionGate,
    }

    /// `PROMOTION_REJECTED`: the candidate is not better, or not surely better.
    pub struct PromotionRejected {
        /// The candidate.
        pub model: ModelId,
        /// Its generation.
        pub generation: u32,
        /// The gauntlet.
        pub gauntlet: GauntletId,
        /// The evidence, as concluded.
        pub evidence: Vec<Score>,
        /// The thresholds that it met.
        pub gate: PromotionGate,
        /// What was not passed, in words.
        pub reasons: Vec<String>,
    }
}
