//! What a verified batch is worth.
//!
//! `score = coverage × diversity`, where coverage is the share of positions with a policy target and diversity the
//! share of distinct games. Both are facts that the verifier counted; a batch that nobody verified has no score.

use super::limits::DECISIONS_MAX;
use super::view::{Decision, View};
use crate::event::Real;
use crate::event::games::GamesTally;
use crate::event::quality::QualityScoreUpdated;
use crate::projection::games::Batch;

/// `QUALITY_SCORE_UPDATED` for every verified batch that has no score.
pub fn decide(view: &View) -> Vec<Decision> {
    view.state.games.open().filter_map(score).take(DECISIONS_MAX).collect()
}

fn score(batch: &Batch) -> Option<Decision> {
    let tally = batch.tally.as_ref()?;
    let (coverage, diversity) = (coverage(tally), diversity(tally));
    let event = QualityScoreUpdated {
        batch: batch.batch,
        score: product(coverage, diversity),
        games: tally.games,
        coverage,
        diversity,
    };
    Some(Decision::new(event, batch.decided_seq))
}

fn coverage(tally: &GamesTally) -> Real {
    Real::ratio(tally.targets, tally.positions).min(Real::ONE)
}

fn diversity(tally: &GamesTally) -> Real {
    Real::ratio(tally.distinct.into(), tally.games.into()).min(Real::ONE)
}

/// The product of two decimals between 0 and 1, rounded down.
fn product(one: Real, two: Real) -> Real {
    Real(one.0 * two.0 / Real::SCALE)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Kind;
    use crate::event::samples::sample;
    use crate::policy::testing::Given;

    #[test]
    fn verified_batches_are_scored_once_and_unverified_ones_never() {
        let given = Given::events([sample(Kind::GamesRecorded)]);
        given.clone().decide(decide).then(&[]);
        let given = given.and(sample(Kind::GamesVerified)).decide(decide);
        let fields = r#""coverage":0.99,"diversity":0.975,"games":40,"score":0.96525"#;
        let batch = crate::event::samples::hash("batch");
        given.then(&[&format!(r#"QUALITY_SCORE_UPDATED {{"batch":"{batch}",{fields}}}"#)]).settled(decide);
        let quarantined = Given::events([sample(Kind::GamesRecorded), sample(Kind::GamesQuarantined)]);
        quarantined.decide(decide).then(&[]);
    }

    #[test]
    fn an_empty_batch_is_worth_nothing() {
        let tally =
            GamesTally { games: 0, positions: 0, wins: vec![], draws: 0, distinct: 0, targets: 0, simulations: 0 };
        assert_eq!(product(coverage(&tally), diversity(&tally)), Real::ZERO);
    }
}
