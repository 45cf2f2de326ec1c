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
}
