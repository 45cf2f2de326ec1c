//! Gauntlets: who is stronger, and how sure we are.

use super::body::body;
use super::id::{GameKey, GauntletId, Hash, JobId, ModelId, NodeId};
use super::jobs::{Contender, ModelContender};
use super::unit::Real;

body! {
    /// `GAUNTLET_STARTED`: the plan of a candidate's matches.
    pub struct GauntletStarted {
        /// The gauntlet.
        pub gauntlet: GauntletId,
        /// The game.
        pub game: GameKey,
        /// The candidate's generation.
        pub generation: u32,
        /// What the result is for.
        pub purpose: GauntletPurpose,
        /// Who is judged.
        pub candidate: ModelContender,
        /// Whom it meets, and how often.
        pub matches: Vec<MatchPlan>,
        /// Seed of openings and players.
        pub seed: u64,
    }

    /// What a gauntlet is for.
    #[derive(Copy)]
    pub enum GauntletPurpose {
        /// To decide on promotion.
        Promotion,
        /// To measure the last champion when the campaign ends.
        Exam,
    }

    /// Matches against one opponent.
    pub struct MatchPlan {
        /// The opponent.
        pub opponent: Contender,
        /// Pairs of games: each opening is played from both sides.
        pub pairs: u32,
    }

    /// `MATCHES_PLAYED`: results of some pairs of a gauntlet.
    pub struct MatchesPlayed {
        /// The gauntlet.
        pub gauntlet: GauntletId,
        /// The job that played them.
        pub job: JobId,
        /// The host.
        pub host: NodeId,
        /// Index of the opponent in the plan.
        pub opponent: u32,
        /// Number of the first pair.
        pub first_pair: u32,
        /// What was counted.
        pub tally: MatchTally,
    }

    /// Results of games, from the candidate's side.
    #[derive(Default)]
    pub struct MatchTally {
        /// Games that the candidate won.
        pub wins: u32,
        /// Games without a single winner.
        pub draws: u32,
        /// Games that the candidate lost.
        pub losses: u32,
        /// Pairs by the candidate's score in halves: index 0 is two losses, index 4 two wins.
        pub pairs: Vec<u32>,
        /// Hash of the weights that the worker really loaded for the candidate.
        pub candidate_weights: Hash,
        /// Net evaluations that the candidate really made.
        pub candidate_leaves: u64,
    }

    /// `GAUNTLET_CONCLUDED`: all matches are in.
    pub struct GauntletConcluded {
        /// The gauntlet.
        pub gauntlet: GauntletId,
        /// The candidate.
        pub candidate: ModelId,
        /// One score for each opponent of the plan, in order.
        pub scores: Vec<Score>,
    }

    /// A win rate and how sure we are of it. The statistical unit is the game; draws count half.
    pub struct Score {
        /// The opponent's name.
        pub opponent: String,
        /// Games.
        pub games: u32,
        /// Games that the candidate won.
        pub wins: u32,
        /// Games without a single winner.
        pub draws: u32,
        /// Games that the candidate lost.
        pub losses: u32,
        /// (wins + draws / 2) / games.
        pub rate: Real,
        /// Lower end of the 95% Wilson interval.
        pub low: Real,
        /// Upper end of the 95% Wilson interval.
        pub high: Real,
    }
}
