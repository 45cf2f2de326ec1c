//! What the games of a dataset weigh in training: those of weaker players and of lower quality count less.
//!
//! A batch weighs its strength times its quality, both against the best of the dataset. A player is as strong as the lower end of its rating's 95%
//! interval says: few games are no merit. Strength is twice the score that the player is expected to make against the strongest of the dataset: 1 for an equal one, 0.72 at 100 Elo less, 0.18 at 400. Old games so
//! leave the window gently, as soon as their player is known to be weaker, and not by their age alone.
//!
//! A teacher ([`super::teaching`]) is no model and has no rating, but the first champions have all they know from it: its games weigh by their quality
//! alone, as those of the strongest.
//!
//! Any other player whom nobody has rated counts as the weakest that is rated here: unknown is never strong. Where nobody is rated all are
//! equal.

use std::collections::BTreeMap;

use super::ratings::ratings;
use super::teaching;
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
    let elo_of: BTreeMap<&str, Real> = rated.iter().map(|rating| (rating.player.as_str(), rating.low)).collect();
    let taught = |batch: &Batch| teaching::is_taught(state, batch);
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
    use crate::event::samples::{game, sample};
    use crate::event::{Event, Kind, ModelId};
    use crate::policy::testing::{Given, batch, config, generation_one, rated};
    use crate::projection::key::GenerationKey;

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
    fn a_rating_that_rests_on_few_games_is_worth_its_lower_end() {
        let both = two().and_all(rated(&ModelId::new("strong"), 18)).and_all(rated(&ModelId::new("weak"), 12));
        let known = ratings(&both.state, &game()).expect("an anchor");
        for of in weights(&both) {
            let rating = known.iter().find(|rating| rating.player == of.model.to_string()).expect("rated");
            assert_eq!(of.elo, Some(rating.low));
            assert!(rating.low < rating.elo);
        }
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
        let worthless = generation_one(config(40)).and_all(batch("a", 1, 40, 40)).and_all(batch("b", 1, 40, 1));
        assert_eq!(weights(&worthless)[1].weight, WEIGHT_MIN);
    }
}
