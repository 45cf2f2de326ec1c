//! What a verified batch is worth.
//!
//! `score = coverage × diversity × budget × (1 + novelty) / 2`:
//!
//! - coverage: the share of positions with a choice that carry a policy target;
//! - diversity: the share of distinct games;
//! - budget: the simulations really spent on a target against those that the job asked for, of the seat that got least;
//! - novelty: the share of positions that no earlier batch of the dataset's window visits ([`super::novelty`]). A batch that brings nothing
//!   new is worth half.
//!
//! All are facts that the verifier counted; a batch that nobody verified, or whose job is no longer known, has no score. No score is not a
//! low one: it passes no gate. Batches that were verified without measures (by clusters of format version 1) are scored by coverage of all positions, diversity, and the
//! budget of all seats together.
//!
//! How the length of games compares with those before is only flagged: new players play differently.

use super::limits::DECISIONS_MAX;
use super::novelty;
use super::upgrade::is_readable;
use super::view::{Decision, View};
use crate::event::games::{GamesMeasures, GamesTally};
use crate::event::jobs::JobSpec;
use crate::event::quality::{QualityExplained, QualityParts, QualityScoreUpdated};
use crate::event::{Event, Real};
use crate::projection::State;
use crate::projection::games::Batch;
use crate::projection::key::GenerationKey;

/// Standard errors from which on a length is odd.
const ODD_LENGTH_Z: f64 = 5.0;
/// Games of the same generation with which a batch's lengths are compared at least.
const LENGTH_GAMES_MIN: u64 = 30;

/// `QUALITY_EXPLAINED` and `QUALITY_SCORE_UPDATED` for every verified batch that has no score.
pub fn decide(view: &View) -> Vec<Decision> {
    view.state.games.open().filter_map(|batch| score(view, batch)).flatten().take(2 * DECISIONS_MAX).collect()
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

fn score(view: &View, batch: &Batch) -> Option<Vec<Decision>> {
    let (state, tally) = (view.state, batch.tally.as_ref()?);
    let asked = simulations_asked(state, batch)?;
    let diversity = diversity(tally);
    let explained = explain(view, batch, tally, asked);
    let (coverage, rest) = match &explained {
        Some((measures, QualityExplained { parts, .. })) => {
            let fresh = Real((Real::SCALE + parts.novelty.0) / 2);
            (share(measures.choices_targeted, measures.choices), product(parts.budget, fresh))
        }
        None => (share(tally.targets, tally.positions.max(1)), budget(tally.targets, tally.simulations, asked)),
    };
    let score = product(product(coverage, diversity), rest);
    let scored = QualityScoreUpdated { batch: batch.batch, score, games: tally.games, coverage, diversity };
    let events = explained.map(|(_, explained)| Event::from(explained)).into_iter().chain([scored.into()]);
    Some(events.map(|event| Decision::new(event, batch.decided_seq)).collect())
}

/// The parts of a measured batch, where the cluster can read them.
fn explain<'a>(
    view: &View<'a>,
    batch: &'a Batch,
    tally: &GamesTally,
    asked: u32,
) -> Option<(&'a GamesMeasures, QualityExplained)> {
    let measures = batch.measures.as_ref()?;
    let explained = QualityExplained { batch: batch.batch, parts: parts(view, batch, tally, measures, asked) };
    is_readable(view.state, &explained.clone().into()).then_some((measures, explained))
}

fn parts(view: &View, batch: &Batch, tally: &GamesTally, measures: &GamesMeasures, asked: u32) -> QualityParts {
    let seats = measures.targets_of_seats.iter().zip(&measures.simulations_of_seats);
    let of_seats = seats.filter(|(targets, _)| **targets > 0).map(|(targets, spent)| budget(*targets, *spent, asked));
    let z = length_z(view.state, batch, tally);
    QualityParts {
        budget: of_seats.min().unwrap_or(Real::ONE),
        novelty: novelty::of(view, batch, measures),
        length_z: z.and_then(Real::from_f64),
        length_is_odd: z.is_some_and(|z| z.abs() >= ODD_LENGTH_Z),
    }
}

/// By how many standard errors the games' mean length differs from that of the generation's games that were verified before, with
/// their variance. None while these are too few, or all equally long.
fn length_z(state: &State, batch: &Batch, tally: &GamesTally) -> Option<f64> {
    let key = GenerationKey::new(&batch.game, batch.generation);
    let (mut games, mut positions, mut squares) = (0_u64, 0_u64, 0_u64);
    for other in state.games.of_generation(&key).filter(|other| novelty::is_before(other, batch)) {
        let Some((tally, measures)) = other.tally.as_ref().zip(other.measures.as_ref()) else { continue };
        games = games.saturating_add(tally.games.into());
        positions = positions.saturating_add(tally.positions);
        squares = squares.saturating_add(measures.length_squares);
    }
    if games < LENGTH_GAMES_MIN || tally.games == 0 {
        return None;
    }
    let mean = positions as f64 / games as f64;
    let variance = squares as f64 / games as f64 - mean * mean;
    let own = tally.positions as f64 / f64::from(tally.games);
    let error = (variance * (1.0 / f64::from(tally.games) + 1.0 / games as f64)).sqrt();
    Some((own - mean) / error).filter(|z| z.is_finite())
}

fn diversity(tally: &GamesTally) -> Real {
    share(tally.distinct.into(), tally.games.max(1).into())
}

/// A share; of nothing, everything.
fn share(part: u64, whole: u64) -> Real {
    if whole == 0 { Real::ONE } else { Real::ratio(part, whole).min(Real::ONE) }
}

/// Simulations really spent against those asked for; a search that had none to spend is complete.
fn budget(targets: u64, spent: u64, asked: u32) -> Real {
    share(spent, targets.saturating_mul(asked.into()))
}

/// The product of two decimals between 0 and 1, rounded down.
fn product(one: Real, two: Real) -> Real {
    Real(one.0 * two.0 / Real::SCALE)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::NodeId;
    use crate::event::games::GamesMeasured;
    use crate::event::jobs::JobQueued;
    use crate::event::membership::ClusterVersionRaised;
    use crate::event::samples::{sample, specs};
    use crate::event::{Event, Kind};
    use crate::policy::assessment::tests::played;
    use crate::policy::testing::{Given, config};

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
        assert_eq!(diversity(&tally), Real::ZERO);
    }

    /// Hashes below 128: the even ones, the odd ones, and half of both.
    fn sketches() -> [Vec<u64>; 3] {
        let below = |wanted: fn(u64) -> bool| (0..128).filter(|hash| wanted(*hash)).collect();
        [below(|hash| hash % 2 == 0), below(|hash| hash % 2 == 1), below(|hash| hash % 4 < 2)]
    }

    /// Measures of 40 games of 25 positions with a spread of 5, all with a choice and a target, for 48 simulations asked for.
    fn measures(sketch: &[u64]) -> GamesMeasures {
        GamesMeasures {
            choices: 1_000,
            choices_targeted: 1_000,
            targets_of_seats: vec![500, 500],
            simulations_of_seats: vec![24_000, 24_000],
            length_squares: 40 * (25 * 25 + 5 * 5),
            sketch: sketch.to_vec(),
        }
    }

    fn raised() -> Given {
        Given::events([ClusterVersionRaised { from: 1, to: 2 }.into()]).and(config(40))
    }

    /// A batch of so many positions that was recorded, measured and verified.
    fn verified((name, measures, positions): &(&str, GamesMeasures, u64)) -> Vec<Event> {
        let mut events = played(name, 40, 48);
        let batch = crate::event::samples::hash(name);
        for event in &mut events {
            if let Event::GamesVerified(body) = event {
                (body.tally.positions, body.tally.targets) = (*positions, *positions);
                body.tally.simulations = positions * 48;
            }
        }
        let measured = GamesMeasured { batch, host: NodeId(2), measures: measures.clone() };
        events.insert(events.len() - 1, measured.into());
        events
    }

    /// Batches in order, scored one after the other.
    fn scored_in(given: Given, batches: &[(&str, GamesMeasures, u64)]) -> Given {
        batches.iter().fold(given, |given, batch| given.and_all(verified(batch)).decide(decide).applied())
    }

    fn scored(batches: &[(&str, GamesMeasures, u64)]) -> Given {
        scored_in(raised(), batches)
    }

    fn score_of(given: &Given, name: &str) -> (Real, QualityParts) {
        let batch = crate::event::samples::hash(name);
        let parts = given.state.games.get(&batch).and_then(|row| row.quality.clone());
        (given.state.quality.get(&batch).expect("scored").score, parts.expect("explained"))
    }

    #[test]
    fn every_part_of_a_score_moves_it_the_right_way() {
        let [even, odd, mixed] = &sketches();
        let first = scored(&[("a", measures(even), 1_000)]);
        assert_eq!(score_of(&first, "a").0, Real::ONE, "nothing is missing");
        let uncovered = GamesMeasures { choices_targeted: 600, ..measures(even) };
        assert_eq!(score_of(&scored(&[("a", uncovered, 1_000)]), "a").0, Real(600_000));
        let starved = GamesMeasures { simulations_of_seats: vec![36_000, 12_000], ..measures(even) };
        let (score, parts) = score_of(&scored(&[("a", starved, 1_000)]), "a");
        assert_eq!((score, parts.budget), (Real(500_000), Real(500_000)), "the seat that got least counts");
        for (seen, novelty) in [(even, Real::ZERO), (mixed, Real(500_000)), (odd, Real::ONE)] {
            let both = scored(&[("a", measures(even), 1_000), ("b", measures(seen), 1_000)]);
            let (score, parts) = score_of(&both, "b");
            assert_eq!(parts.novelty, novelty);
            assert_eq!(score, Real((Real::SCALE + parts.novelty.0) / 2));
        }
    }

    #[test]
    fn games_of_an_odd_length_are_flagged_and_score_as_others_do() {
        let [even, odd, _] = &sketches();
        let batches = [("a", measures(even), 1_000), ("b", measures(odd), 1_000)];
        let (_, parts) = score_of(&scored(&batches), "b");
        assert_eq!((parts.length_z, parts.length_is_odd), (Some(Real::ZERO), false));
        let (_, parts) = score_of(&scored(&batches), "a");
        assert_eq!((parts.length_z, parts.length_is_odd), (None, false), "there is nothing to compare it with");
        let (score, parts) = score_of(&scored(&[batches[0].clone(), ("b", measures(odd), 1_400)]), "b");
        assert!(parts.length_is_odd && parts.length_z.is_some_and(|z| z > Real(8 * Real::SCALE)), "{parts:?}");
        assert_eq!(score, Real::ONE);
    }

    #[test]
    fn a_cluster_that_cannot_read_measures_scores_without_them() {
        let [even, ..] = &sketches();
        let half = GamesMeasures { choices_targeted: 500, ..measures(even) };
        let given = scored_in(Given::events([config(40)]), &[("a", half, 1_000)]);
        let batch = crate::event::samples::hash("a");
        assert_eq!(given.state.quality.get(&batch).map(|row| row.score), Some(Real::ONE));
        assert_eq!(given.state.games.get(&batch).and_then(|row| row.quality.clone()), None);
    }

    #[test]
    fn scores_do_not_depend_on_when_they_are_made() {
        let [even, _, mixed] = &sketches();
        let batches = [("a", measures(even), 1_000), ("b", measures(mixed), 1_000)];
        let one_by_one = scored(&batches);
        let together = batches.iter().fold(raised(), |given, batch| given.and_all(verified(batch)));
        let together = together.decide(decide).applied();
        for name in ["a", "b"] {
            assert_eq!(score_of(&together, name), score_of(&one_by_one, name));
        }
    }
}
