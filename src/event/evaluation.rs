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
        /// Groups of games: each opening is played in all seat rotations, by two players as a pair.
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
        /// Groups by the candidate's score. With two players in halves: index 0 is two losses, index 4 two wins. With three in sixths (0 to
        /// 18), with four in twelfths (0 to 48), so that every shared win counts its share.
        pub pairs: Vec<u32>,
        /// Hash of the weights that the worker really loaded for the candidate.
        pub candidate_weights: Hash,
        /// Net evaluations that the candidate really made.
        pub candidate_leaves: u64,
    }

    /// `GAUNTLET_CONCLUDED`: all matches that are wanted are in.
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

/// Scores that a group of games may have at most: those of four players.
const GROUP_SCORES_MAX: usize = 49;

impl MatchTally {
    /// Adds the counts of another tally; weights and leaves stay as they are.
    pub fn add(&mut self, other: &MatchTally) {
        self.wins = self.wins.saturating_add(other.wins);
        self.draws = self.draws.saturating_add(other.draws);
        self.losses = self.losses.saturating_add(other.losses);
        let scores = other.pairs.len().min(GROUP_SCORES_MAX);
        if self.pairs.len() < scores {
            self.pairs.resize(scores, 0);
        }
        for (sum, pairs) in self.pairs.iter_mut().zip(&other.pairs) {
            *sum = sum.saturating_add(*pairs);
        }
    }
}

/// The 97.5% quantile of the normal distribution: two-sided 95%.
const Z: f64 = 1.959_963_984_540_054;

impl Score {
    /// The score of a tally: the win rate with draws counted half, and its 95% interval by Wilson (1927), "Probable
    /// inference, the law of succession, and statistical inference". Without any game the interval is all of 0 to 1.
    ///
    /// Uses only operations that IEEE 754 rounds correctly, so that every node gets the same millionths.
    pub fn from_tally(opponent: String, tally: &MatchTally) -> Score {
        let games = u64::from(tally.wins) + u64::from(tally.draws) + u64::from(tally.losses);
        let halves = 2 * u64::from(tally.wins) + u64::from(tally.draws);
        let (low, high) = wilson(halves as f64 / 2.0, games as f64);
        Score {
            opponent,
            games: u32::try_from(games).unwrap_or(u32::MAX),
            wins: tally.wins,
            draws: tally.draws,
            losses: tally.losses,
            rate: Real::ratio(halves, 2 * games),
            low,
            high,
        }
    }
}

/// Wilson's interval for `points` of `games`, clamped to 0 to 1.
pub(crate) fn wilson(points: f64, games: f64) -> (Real, Real) {
    if games == 0.0 {
        return (Real::ZERO, Real::ONE);
    }
    let rate = points / games;
    let z_squared = Z * Z;
    let center = rate + z_squared / (2.0 * games);
    let margin = Z * (rate * (1.0 - rate) / games + z_squared / (4.0 * games * games)).sqrt();
    let scale = 1.0 + z_squared / games;
    let end = |value: f64| Real::from_f64((value / scale).clamp(0.0, 1.0)).expect("a number from 0 to 1");
    (end(center - margin), end(center + margin))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Checks rate, low and high in thousandths.
    fn check(wins: u32, draws: u32, losses: u32, expect: [i64; 3]) {
        let tally = MatchTally { wins, draws, losses, ..MatchTally::default() };
        let score = Score::from_tally("random".to_owned(), &tally);
        let thousandths = |real: Real| (real.0 + 500) / 1_000;
        assert_eq!([score.rate, score.low, score.high].map(thousandths), expect, "{wins}-{draws}-{losses}");
        assert_eq!((score.games, score.wins), (wins + draws + losses, wins));
    }

    #[test]
    fn intervals_agree_with_published_values() {
        check(8, 0, 2, [800, 490, 943]);
        check(0, 0, 10, [0, 0, 278]);
        check(10, 0, 0, [1000, 722, 1000]);
        check(81, 0, 263 - 81, [308, 255, 366]); // Newcombe (1998), table I, method 3
        check(15, 0, 148 - 15, [101, 62, 160]);
        check(0, 0, 20, [0, 0, 161]);
        check(1, 0, 28, [34, 6, 172]);
    }

    #[test]
    fn draws_count_half() {
        check(7, 2, 1, [800, 490, 943]);
        check(0, 10, 0, [500, 237, 763]);
    }

    #[test]
    fn without_games_nothing_is_known() {
        check(0, 0, 0, [0, 0, 1000]);
    }

    #[test]
    fn the_largest_counts_do_not_overflow() {
        let tally = MatchTally { wins: u32::MAX, draws: u32::MAX, losses: u32::MAX, ..MatchTally::default() };
        let score = Score::from_tally(String::new(), &tally);
        assert_eq!((score.games, score.rate), (u32::MAX, Real(500_000)));
        assert!(score.low < score.rate && score.rate < score.high);
    }
}
