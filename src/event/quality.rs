//! Quality of verified games.

use super::body::body;
use super::id::Hash;
use super::unit::Real;

body! {
    /// `QUALITY_SCORE_UPDATED`: what a verified batch is worth. Unverified games have no score, not a low one.
    pub struct QualityScoreUpdated {
        /// The blob.
        pub batch: Hash,
        /// From 0 (useless) to 1; the product of the parts.
        pub score: Real,
        /// Games that the score rests on.
        pub games: u32,
        /// Share of positions that carry a policy target.
        pub coverage: Real,
        /// Share of games that no other game of the batch repeats.
        pub diversity: Real,
    }

    /// `QUALITY_EXPLAINED`: the other parts of a batch's score. It comes before the batch's `QUALITY_SCORE_UPDATED`.
    pub struct QualityExplained {
        /// The blob.
        pub batch: Hash,
        /// What else the score is made of.
        pub parts: QualityParts,
    }

    /// Parts of a score that only measured batches have.
    pub struct QualityParts {
        /// Simulations really spent against those asked for, of the seat that got least.
        pub budget: Real,
        /// Share of positions that no earlier batch of the window visits, up to symmetries; an estimate.
        pub novelty: Real,
        /// By how many standard errors the games are longer than those of the same generation before; none while there are too few.
        pub length_z: Option<Real>,
        /// Whether that is so far off that somebody should look. It changes no score.
        pub length_is_odd: bool,
    }
}
