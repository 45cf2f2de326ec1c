//! What a verified batch is worth.
//!
//! `score = coverage × diversity × budget`: the share of positions with a policy target, the share of distinct games, and the simulations really
//! spent on a target against those that the job asked for. All are facts that the verifier counted; a batch that nobody verified,
//! or whose job is no longer known, has no score. No score is not a low one: it passes no gate.

use super::limits::DECISIONS_MAX;
use super::view::{Decision, View};
use crate::event::Real;
use crate::event::games::GamesTally;
use crate::event::jobs::JobSpec;
use crate::event::quality::QualityScoreUpdated;
use crate::projection::State;
use crate::projection::games::Batch;

/// `QUALITY_SCORE_UPDATED` for every verified batch that has no score.
pub fn decide(view: &View) -> Vec<Decision> {
    view.state.games.open().filter_map(|batch| score(view.state, batch)).take(DECISIONS_MAX).collect()
}

/// Whether the batch has no score, and will have one as soon as it is verified.
pub(super) fn will_be_scored(state: &State, batch: &Batch) -> bool {
    state.quality.get(&batch.batch).is_none() && simulations_asked(state, batch).is_some()
}

/// Simulations a target that the batch's job asked for.
fn simulations_asked(state: &State, batch: &Batch) -> Option<u32> {
    match &state.jobs.get(&batch.job)?.spec {
        JobSpec::SelfPlay(spec) => Some(spec.search.simulations),
        _ => None,
    }
}

fn score(state: &State, batch: &Batch) -> Option<Decision> {
    let tally = batch.tally.as_ref()?;
    let (coverage, diversity) = (coverage(tally), diversity(tally));
    let budget = budget(tally, simulations_asked(state, batch)?);
    let event = QualityScoreUpdated {
        batch: batch.batch,
        score: product(product(coverage, diversity), budget),
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

/// Simulations really spent against those asked for; a search that had none to spend is complete.
fn budget(tally: &GamesTally, simulations: u32) -> Real {
    let asked = tally.targets.saturating_mul(simulations.into());
    if asked == 0 { Real::ONE } else { Real::ratio(tally.simulations, asked).min(Real::ONE) }
}

/// The product of two decimals between 0 and 1, rounded down.
fn product(one: Real, two: Real) -> Real {
    Real(one.0 * two.0 / Real::SCALE)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::jobs::JobQueued;
    use crate::event::samples::{sample, specs};
    use crate::event::{Event, Kind};
    use crate::policy::testing::Given;

    #[test]
    fn verified_batches_are_scored_once_and_unverified_ones_never() {
        let Event::GamesRecorded(recorded) = sample(Kind::GamesRecorded) else { unreachable!() };
        let spec = specs().swap_remove(0);
        let queued =
            JobQueued { job: recorded.job.clone(), spec, priority: 0, lease_ms: 1, attempts_max: 1, avoid: vec![] };
        let unknown = Given::events([recorded.clone().into(), sample(Kind::GamesVerified)]);
        unknown.decide(decide).then(&[]);
        let given = Given::events([queued.into(), recorded.into()]);
        given.clone().decide(decide).then(&[]);
        let Event::GamesVerified(mut verified) = sample(Kind::GamesVerified) else { unreachable!() };
        verified.tally.simulations /= 2;
        let given = given.and(verified).decide(decide);
        let fields = r#""coverage":0.99,"diversity":0.975,"games":40,"score":0.482625"#;
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
