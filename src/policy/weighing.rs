//! What the games of a dataset weigh in training: those of weaker players and of lower quality count less.
//!
//! A batch weighs its strength times its quality, both against the best of the dataset. Strength is twice the score that the player
//! is expected to make against the strongest of the dataset: 1 for an equal one, 0.72 at 100 Elo less, 0.18 at 400. Old games so
//! leave the window gently, as soon as their player is known to be weaker, and not by their age alone.
//!
//! A teacher ([`super::teaching`]) is no model and has no rating, but the first champions have all they know from it: its games weigh by their quality
//! alone, as those of the strongest.
//!
//! Any other player whom nobody has rated counts as the weakest that is rated here: unknown is never strong. Where nobody is rated all are
//! equal.

use std::collections::BTreeMap;

use super::ratings::ratings;
use crate::event::datasets::BatchWeight;
use crate::event::{GameKey, Hash, Real};
use crate::projection::State;
use crate::projection::games::Batch;

/// What every game weighs at least: it was good enough to be taken.
pub const WEIGHT_MIN: Real = Real(50_000);

/// The weights of a dataset's batches, in their order.
pub fn weigh(state: &State, game: &GameKey, batches: &[&Batch]) -> Vec<BatchWeight> {
    // Without an anchor there is no scale: nobody is rated.
    let rated = ratings(state, game).unwrap_or_default();
    let elo_of: BTreeMap<&str, Real> = rated.iter().map(|rating| (rating.player.as_str(), rating.elo)).collect();
    let taught = |batch: &Batch| {
        let generation = state.campaign.generation(game, batch.generation);
        generation.is_some_and(|generation| generation.taught.is_some())
    };
    let elo = |batch: &Batch| elo_of.get(batch.model.to_string().as_str()).copied().filter(|_| !taught(batch));
    let known: Vec<Real> = batches.iter().filter_map(|batch| elo(batch)).collect();
    let (weakest, strongest) = (known.iter().min().copied(), known.iter().max().copied());
    let quality = |batch: &Hash| state.quality.get(batch).map_or(Real::ZERO, |quality| quality.score);
    let best = batches.iter().map(|batch| quality(&batch.batch)).max().unwrap_or(Real::ZERO);
    let weight = |batch: &&Batch| {
        let (elo, quality) = (elo(batch), quality(&batch.batch));
        let unrated = if taught(batch) { strongest } else { weakest };
        let strength = elo.or(unrated).zip(strongest).map_or(1.0, |(elo, strongest)| strength(elo, strongest));
        let of_best = if best > Real::ZERO { quality.to_f64() / best.to_f64() } else { 1.0 };
        let weight = Real::from_f64(strength * of_best).unwrap_or(WEIGHT_MIN).clamp(WEIGHT_MIN, Real::ONE);
        BatchWeight { batch: batch.batch, model: batch.model.clone(), elo, quality, weight }
    };
    batches.iter().map(weight).collect()
}

/// Twice the expected score against the strongest.
fn strength(elo: Real, strongest: Real) -> f64 {
    2.0 / (1.0 + 10f64.powf((strongest.to_f64() - elo.to_f64()) / 400.0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::evaluation::{GauntletStarted, MatchPlan, MatchesPlayed};
    use crate::event::jobs::{Contender, JobQueued, JobSpec};
    use crate::event::samples::{game, sample, specs};
    use crate::event::{Event, GauntletId, JobId, Kind, ModelId};
    use crate::policy::testing::{Given, batch, config, generation_one};
    use crate::projection::key::GenerationKey;

    /// A gauntlet in which a model won so many of twenty pairs against random play.
    fn rated(model: &ModelId, won: u32) -> Vec<Event> {
        let Event::GauntletStarted(mut started) = sample(Kind::GauntletStarted) else { unreachable!() };
        let Event::MatchesPlayed(played) = sample(Kind::MatchesPlayed) else { unreachable!() };
        let JobSpec::Gauntlet(mut spec) = specs().swap_remove(4) else { unreachable!() };
        let gauntlet = GauntletId::new(format!("connect4-{won}"));
        (started.gauntlet, started.candidate.model) = (gauntlet.clone(), model.clone());
        started.matches = vec![MatchPlan { opponent: Contender::Random, pairs: 20 }];
        (spec.gauntlet, spec.opponent) = (gauntlet.clone(), Contender::Random);
        let job = JobId::new(format!("g{won}"));
        let mut tally = played.tally.clone();
        (tally.wins, tally.draws, tally.losses) = (2 * won, 0, 40 - 2 * won);
        tally.pairs = vec![20 - won, 0, 0, 0, won];
        let played = MatchesPlayed { gauntlet, job: job.clone(), opponent: 0, tally, ..played };
        let spec = JobSpec::Gauntlet(spec);
        let queued = JobQueued { job, spec, priority: 0, lease_ms: 1, attempts_max: 1, avoid: vec![] };
        [GauntletStarted::into(started), queued.into(), played.into()].into()
    }

    /// Batches of generation 1 as `weigh` takes them.
    fn weights(given: &Given) -> Vec<BatchWeight> {
        let key = GenerationKey::new(&game(), 1);
        let batches: Vec<&Batch> = given.state.games.of_generation(&key).collect();
        weigh(&given.state, &game(), &batches)
    }

    /// Two batches by the models "weak" and "strong".
    fn two() -> Given {
        let by = |name: &str, distinct| {
            let mut events = batch(name, 1, 40, distinct);
            for event in &mut events {
                if let Event::GamesRecorded(body) = event {
                    body.model = ModelId::new(name);
                }
            }
            events
        };
        generation_one(config(40)).and_all(by("weak", 40)).and_all(by("strong", 40))
    }

    #[test]
    fn games_of_weaker_players_weigh_less() {
        assert!(weights(&two()).iter().all(|of| of.weight == Real::ONE && of.elo.is_none()), "nobody is rated");
        let one = weights(&two().and_all(rated(&ModelId::new("strong"), 18)));
        assert_eq!((one[0].elo, one[0].weight), (None, Real::ONE), "the unknown one counts as the only one rated");
        let both = two().and_all(rated(&ModelId::new("strong"), 18)).and_all(rated(&ModelId::new("weak"), 12));
        let [weak, strong] = weights(&both).try_into().expect("two batches");
        assert_eq!(strong.weight, Real::ONE);
        let (weaker, stronger) = (weak.elo.expect("rated").to_f64(), strong.elo.expect("rated").to_f64());
        assert!(stronger > weaker + 100.0, "{weaker}, {stronger}");
        let expected = 2.0 / (1.0 + 10f64.powf((stronger - weaker) / 400.0));
        assert!((weak.weight.to_f64() - expected).abs() < 1e-5, "{weak:?}");
    }

    #[test]
    fn a_teachers_games_weigh_as_those_of_the_strongest() {
        let taught = two().and(sample(Kind::GenerationTaught));
        let given = taught.and_all(rated(&ModelId::new("strong"), 18)).and_all(rated(&ModelId::new("weak"), 12));
        let both = weights(&given);
        assert!(both.iter().all(|of| of.elo.is_none() && of.weight == Real::ONE), "{both:?}");
    }

    #[test]
    fn games_of_lower_quality_weigh_less_and_none_weighs_nothing() {
        let given = generation_one(config(40)).and_all(batch("a", 1, 40, 40)).and_all(batch("b", 1, 40, 20));
        let [a, b] = weights(&given).try_into().expect("two batches");
        assert_eq!(a.weight, Real::ONE);
        assert!((b.weight.to_f64() - b.quality.to_f64() / a.quality.to_f64()).abs() < 1e-5 && b.weight < a.weight);
        let far = two().and_all(rated(&ModelId::new("strong"), 20)).and_all(rated(&ModelId::new("weak"), 6));
        assert_eq!(weights(&far)[0].weight, WEIGHT_MIN);
    }
}
