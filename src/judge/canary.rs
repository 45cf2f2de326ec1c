//! The canary: whether the evaluator itself can be believed.
//!
//! A gauntlet that does not really play its model shows when chance beats that model. Then no other result of the same
//! gauntlet counts either, however good it looks.

use super::groups::{GroupScores, variance};
use crate::event::evaluation::MatchTally;

/// Normal quantile of a one-sided chance of 1 in 1000: so rarely a model that is as weak as chance is taken for a broken one.
const Z_ALARM: f64 = 3.090_232_306;

/// A model's games against uniformly random players.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Canary {
    scores: GroupScores,
}

/// Chance surely beats the model.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
#[error(
    "the model wins {share:.3} of {games} games against chance, surely less than the {parity:.3} of a random player: \
    the evaluator does not play it, or it is broken"
)]
pub struct Faulty {
    /// The share that the model won.
    pub share: f64,
    /// The share of a random player.
    pub parity: f64,
    /// Games.
    pub games: u64,
}

impl Canary {
    /// The games of a model against random players, from the model's side.
    pub fn new(seats: u32, tally: &MatchTally) -> Canary {
        let mut scores = GroupScores::new(seats);
        scores.add(tally);
        Canary { scores }
    }

    /// Whether the model is at least no worse than chance. Without games nothing is known, and nothing is wrong.
    ///
    /// # Errors
    /// When it surely is worse.
    pub fn check(&self) -> Result<(), Faulty> {
        let Some(share) = self.scores.mean() else { return Ok(()) };
        let (groups, seats) = (self.scores.groups(), self.scores.seats);
        let parity = 1.0 / f64::from(seats);
        let error = Z_ALARM * (variance(parity, seats) / groups as f64).sqrt();
        if share + error >= parity { Ok(()) } else { Err(Faulty { share, parity, games: groups * u64::from(seats) }) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn canary(pairs: [u32; 5]) -> Result<(), Faulty> {
        Canary::new(2, &MatchTally { pairs: pairs.to_vec(), ..MatchTally::default() }).check()
    }

    #[test]
    fn chance_beating_the_model_is_an_alarm() {
        assert_eq!(canary([0; 5]), Ok(()), "nothing is known");
        assert_eq!(canary([1, 0, 8, 0, 11]), Ok(()));
        assert_eq!(canary([6, 0, 10, 0, 4]), Ok(()), "bad luck is no alarm");
        let faulty = canary([12, 0, 8, 0, 0]).expect_err("8 of 40");
        assert_eq!((faulty.games, faulty.share), (40, 0.2));
        assert!(faulty.to_string().starts_with("the model wins 0.200 of 40 games against chance"));
    }
}
