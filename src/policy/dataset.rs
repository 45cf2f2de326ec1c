//! When a generation has enough good games: its dataset is sealed.

use super::assessment;
use super::limits::DATASET_BATCHES_MAX;
use super::names;
use super::teaching;
use super::view::{Decision, View};
use super::weighing;
use crate::event::config::Config;
use crate::event::datasets::{DatasetSealed, DatasetWeighed};
use crate::event::{GameKey, Hash, Real};
use crate::projection::State;
use crate::projection::campaign::Generation;
use crate::projection::games::{Batch, BatchState};
use crate::projection::key::GenerationKey;

/// `DATASET_SEALED` with its `DATASET_WEIGHED` when the current generation has its games. The dataset takes the good batches of a window of
/// generations, oldest first.
pub fn decide(view: &View) -> Vec<Decision> {
    let Some((config, game)) = view.campaign() else { return vec![] };
    let current = view.state.campaign.current(game);
    let Some(current) = current.filter(|row| row.dataset.is_none() && row.verdict.is_none()) else { return vec![] };
    if shortfall(view.state, config, current) > 0 {
        return vec![];
    }
    let batches = window(view.state, config, game, current.generation);
    let causes = batches.iter().rev().filter_map(|batch| Some(view.state.quality.get(&batch.batch)?.seq));
    let causes: Vec<_> = [current.opened_seq].into_iter().chain(causes).collect();
    let sealed = seal(view.state, game, current.generation, &batches);
    let batches = weighing::weigh(view.state, game, &batches);
    let weighed = DatasetWeighed { dataset: sealed.dataset.clone(), batches };
    vec![Decision::new(sealed, causes.clone()), Decision::new(weighed, causes)]
}

/// Good games that the generation's dataset still lacks. When there are enough, but their quality is not surely good enough (see
/// [`super::assessment`]), another batch of games is: more games make it surer, and self-play never waits for a quality that only
/// self-play can bring.
pub(super) fn shortfall(state: &State, config: &Config, current: &Generation) -> u64 {
    let key = GenerationKey::new(&current.game, current.generation);
    let good = state.games.of_generation(&key).filter(|batch| is_good(state, config, batch));
    let games: u64 = good.filter_map(|batch| batch.tally.as_ref()).map(|tally| u64::from(tally.games)).sum();
    let lacking = u64::from(teaching::games_wanted(config, current)).saturating_sub(games);
    if lacking > 0 {
        return lacking;
    }
    let batches: Vec<Hash> =
        window(state, config, &current.game, current.generation).iter().map(|batch| batch.batch).collect();
    let passes = assessment::dataset(state, &batches).passes(config.dataset.quality_min);
    if passes { 0 } else { teaching::games_per_job(config, current).into() }
}

/// Whether a batch is verified and good enough to learn from.
pub(super) fn is_good(state: &State, config: &Config, batch: &Batch) -> bool {
    let score = state.quality.get(&batch.batch).map(|quality| quality.score);
    batch.state == BatchState::Verified && score.is_some_and(|score| score >= config.dataset.quality_min)
}

fn window<'a>(state: &'a State, config: &Config, game: &GameKey, generation: u32) -> Vec<&'a Batch> {
    let first = generation.saturating_sub(config.dataset.window.max(1) - 1).max(1);
    let keys = (first..=generation).map(|generation| GenerationKey::new(game, generation));
    let batches = keys.flat_map(|key| state.games.of_generation(&key).collect::<Vec<_>>());
    let mut good: Vec<&Batch> = batches.filter(|batch| is_good(state, config, batch)).collect();
    good.sort_by_key(|batch| batch.recorded_seq);
    let surplus = good.len().saturating_sub(DATASET_BATCHES_MAX);
    good.split_off(surplus)
}

fn seal(state: &State, game: &GameKey, generation: u32, batches: &[&Batch]) -> DatasetSealed {
    let (mut games, mut positions, mut weighted) = (0_u64, 0_u64, 0_i128);
    let mut content = blake3::Hasher::new();
    for batch in batches {
        content.update(&batch.batch.0);
        let Some(tally) = &batch.tally else { continue };
        games = games.saturating_add(tally.games.into());
        positions = positions.saturating_add(tally.positions);
        let score = state.quality.get(&batch.batch).map_or(Real::ZERO, |quality| quality.score);
        weighted += i128::from(score.0) * i128::from(tally.games);
    }
    let mean = weighted.checked_div(i128::from(games)).unwrap_or_default();
    DatasetSealed {
        dataset: names::dataset(game, generation),
        game: game.clone(),
        generation,
        batches: batches.iter().map(|batch| batch.batch).collect(),
        games,
        positions,
        quality: Real(i64::try_from(mean).unwrap_or_default()),
        content: Hash(*content.finalize().as_bytes()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::ModelId;
    use crate::event::campaign::GenerationOpened;
    use crate::event::samples::game;
    use crate::policy::self_play;
    use crate::policy::testing::{Given, batch, config, generation_one};

    #[test]
    fn a_dataset_is_sealed_once_when_the_games_are_there() {
        let few = generation_one(config(80)).and_all(batch("a", 1, 40, 40));
        few.clone().decide(decide).then(&[]);
        let enough = few.and_all(batch("b", 1, 40, 36)).decide(decide);
        enough.then_fields(
            &[
                "DATASET_SEALED dataset/connect4-g1 80 800 0.95",
                "DATASET_WEIGHED dataset/connect4-g1 no games no positions no quality",
            ],
            &["dataset", "games", "positions", "quality"],
        );
        enough.settled(decide);
    }

    #[test]
    fn a_quality_that_is_not_sure_waits_for_more_games() {
        let unsure = generation_one(config(80)).and_all(batch("a", 1, 40, 40)).and_all(batch("b", 1, 40, 20));
        unsure.clone().decide(decide).then(&[]);
        let more = |given: Given| given.decide(self_play::decide).decisions().len();
        assert_eq!(more(unsure.clone()), 1, "self-play goes on: only it can bring what is missing");
        let sure = ["c", "d", "e", "f"].iter().fold(unsure, |given, name| given.and_all(batch(name, 1, 40, 40)));
        assert_eq!(more(sure.clone()), 0);
        sure.decide(decide).then_fields(&["DATASET_SEALED 240", "DATASET_WEIGHED no games"], &["games"]);
    }

    #[test]
    fn repeated_games_do_not_count() {
        generation_one(config(40)).and_all(batch("a", 1, 40, 10)).decide(decide).then(&[]);
    }

    #[test]
    fn games_of_older_generations_join_but_do_not_count() {
        let next = GenerationOpened { game: game(), generation: 2, champion: ModelId::new("connect4-g0-00112233") };
        let given: Given = generation_one(config(40)).and_all(batch("a", 1, 40, 40)).and(next);
        given.clone().decide(decide).then(&[]);
        let sealed = given.and_all(batch("b", 2, 40, 40)).decide(decide);
        let events = ["DATASET_SEALED dataset/connect4-g2 80", "DATASET_WEIGHED dataset/connect4-g2 no games"];
        sealed.then_fields(&events, &["dataset", "games"]);
        let applied = sealed.applied();
        let dataset = applied.state.datasets.get(&names::dataset(&game(), 2)).expect("sealed");
        let weights: Vec<Real> = dataset.weights.iter().map(|of| of.weight).collect();
        assert_eq!((weights.len(), weights[0], dataset.weights[1].batch), (2, Real::ONE, dataset.batches[1]));
    }
}
