//! When a generation has enough good games: its dataset is sealed.

use std::collections::BTreeSet;

use super::assessment;
use super::limits::DATASET_BATCHES_MAX;
use super::names;
use super::ratings::ratings;
use super::teaching;
use super::view::{Decision, View};
use super::weighing;
use crate::event::config::Config;
use crate::event::datasets::{DatasetSealed, DatasetWeighed};
use crate::event::{GameKey, Hash, ModelId, Real};
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

/// Whether a batch is verified and good enough to learn from. Whoever measured choices is held to their coverage; without measures
/// nobody knows which positions had a choice.
pub(super) fn is_good(state: &State, config: &Config, batch: &Batch) -> bool {
    let Some(quality) = state.quality.get(&batch.batch) else { return false };
    let covered = batch.quality.is_none() || quality.coverage >= config.dataset.coverage_min;
    batch.state == BatchState::Verified && covered && quality.score >= config.dataset.quality_min
}

/// The batches of the generation's dataset, oldest first: those of a window of generations, without the games of players that are
/// surely far weaker or of a teacher that is outgrown, and as many of the newest games as the configuration allows. The generation's own games are
/// always among them.
fn window<'a>(state: &'a State, config: &Config, game: &GameKey, generation: u32) -> Vec<&'a Batch> {
    let first = generation.saturating_sub(config.dataset.window.max(1) - 1).max(1);
    let keys = (first..=generation).map(|generation| GenerationKey::new(game, generation));
    let batches = keys.flat_map(|key| state.games.of_generation(&key).collect::<Vec<_>>());
    let mut good: Vec<&Batch> = batches.filter(|batch| is_good(state, config, batch)).collect();
    let is_own = |batch: &Batch| batch.generation == generation;
    let weak = weak_players(state, config, game, &good);
    let is_left_out = |batch: &Batch| match teaching::is_taught(state, batch) {
        true => teaching::is_outgrown(state, batch, generation),
        false => weak.contains(&batch.model),
    };
    good.retain(|batch| is_own(batch) || !is_left_out(batch));
    good.sort_by_key(|batch| (is_own(batch), batch.recorded_seq));
    let mut room = if config.dataset.games_max == 0 { u64::MAX } else { config.dataset.games_max };
    let fits = |batch: &&&Batch| {
        let games = batch.tally.as_ref().map_or(0, |tally| tally.games.into());
        let fits = is_own(batch) || games <= room;
        room = if fits { room.saturating_sub(games) } else { 0 };
        fits
    };
    let taken = good.iter().rev().take(DATASET_BATCHES_MAX).take_while(fits).count();
    let mut taken = good.split_off(good.len() - taken);
    taken.sort_by_key(|batch| batch.recorded_seq);
    taken
}

/// Who of those that played is surely more than `dataset.elo_below_max` weaker than the strongest of them that is rated. Nobody is as
/// long as nobody is rated.
fn weak_players(state: &State, config: &Config, game: &GameKey, batches: &[&Batch]) -> BTreeSet<ModelId> {
    let players: BTreeSet<&ModelId> = batches.iter().map(|batch| &batch.model).collect();
    if config.dataset.elo_below_max == Real::ZERO || players.len() < 2 {
        return BTreeSet::new();
    }
    let rated = ratings(state, game).unwrap_or_default();
    let rating = |player: &ModelId| rated.iter().find(|rating| rating.player == player.as_str());
    let strongest = players.iter().filter_map(|player| rating(player)).map(|rating| rating.elo).max();
    let Some(strongest) = strongest else { return BTreeSet::new() };
    let least = Real(strongest.0.saturating_sub(config.dataset.elo_below_max.0));
    let weak = |player: &&ModelId| rating(player).is_some_and(|rating| rating.high < least);
    players.into_iter().filter(weak).cloned().collect()
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
    use crate::event::campaign::{GenerationOpened, GenerationTaught};
    use crate::event::config::DatasetConfig;
    use crate::event::quality::QualityExplained;
    use crate::event::samples::{game, hash, sample};
    use crate::event::{Event, Kind};
    use crate::policy::self_play;
    use crate::policy::testing::{Given, batch, config, generation_one, rated};

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

    /// Games of generations 1 to 3 by three models, of which the first is rated far weaker than the second; `change` configures.
    fn three_generations(change: fn(&mut DatasetConfig)) -> Given {
        let Event::ConfigChanged(mut changed) = config(40) else { unreachable!() };
        change(&mut changed.config.dataset);
        let by = |name: &str, generation| {
            let mut events = batch(name, generation, 40, 40);
            for event in &mut events {
                if let Event::GamesRecorded(body) = event {
                    body.model = ModelId::new(name);
                }
            }
            events
        };
        let champion = ModelId::new("connect4-g0-00112233");
        let opened = |generation| GenerationOpened { game: game(), generation, champion: champion.clone() };
        let given = generation_one(changed.into()).and_all(by("weak", 1)).and(opened(2)).and_all(by("strong", 2));
        let given = given.and(opened(3)).and_all(by("own", 3));
        given.and_all(rated(&ModelId::new("weak"), 8)).and_all(rated(&ModelId::new("strong"), 19))
    }

    fn players(given: Given) -> Vec<String> {
        let sealed = given.decide(decide);
        let Event::DatasetSealed(body) = &sealed.decisions()[0].event else { panic!("a dataset") };
        let player = |batch: &Hash| sealed.state().games.get(batch).expect("a batch").model.as_str().to_owned();
        body.batches.iter().map(|batch| player(batch).replace("model/", "")).collect()
    }

    #[test]
    fn a_window_ends_at_its_games_and_leaves_out_who_is_surely_weaker() {
        assert_eq!(players(three_generations(|_| {})), ["weak", "strong", "own"]);
        assert_eq!(players(three_generations(|of| of.games_max = 119)), ["strong", "own"]);
        assert_eq!(players(three_generations(|of| of.games_max = 79)), ["own"]);
        assert_eq!(players(three_generations(|of| of.games_max = 1)), ["own"], "its own games always count");
        assert_eq!(players(three_generations(|of| of.elo_below_max = Real(100_000_000))), ["strong", "own"]);
        let far = three_generations(|of| of.elo_below_max = Real(3_000_000_000));
        assert_eq!(players(far), ["weak", "strong", "own"], "nobody is so much weaker");
    }

    #[test]
    fn a_teachers_games_are_left_out_once_a_champion_has_learned_from_them() {
        let Event::GenerationTaught(taught) = sample(Kind::GenerationTaught) else { unreachable!() };
        let taught = GenerationTaught { game: game(), generation: 1, ..taught };
        let of_second = |champion: &str| {
            let opened = GenerationOpened { game: game(), generation: 2, champion: ModelId::new(champion) };
            let given = generation_one(config(40)).and(taught.clone()).and_all(batch("a", 1, 40, 40));
            given.and(opened).and_all(batch("b", 2, 40, 40)).decide(decide)
        };
        let origin = "connect4-g0-00112233";
        of_second(origin).then_fields(&["DATASET_SEALED 80", "DATASET_WEIGHED no games"], &["games"]);
        let promoted = of_second("connect4-g1-44556677");
        promoted.then_fields(&["DATASET_SEALED 40", "DATASET_WEIGHED no games"], &["games"]);
    }

    #[test]
    fn batches_with_too_few_targets_are_left_out_however_good_the_rest_is() {
        let covered = |coverage| {
            let batch_of = batch("a", 1, 40, 40).into_iter().chain(batch("b", 1, 40, 40));
            let mut events: Vec<Event> = batch_of.collect();
            for event in &mut events {
                if let Event::QualityScoreUpdated(body) = event {
                    body.coverage = coverage;
                }
            }
            let Event::QualityExplained(explained) = sample(Kind::QualityExplained) else { unreachable!() };
            let explain = |name| QualityExplained { batch: hash(name), ..explained.clone() };
            let recorded = events.iter().position(|event| matches!(event, Event::QualityScoreUpdated(_)));
            events.insert(recorded.expect("a score"), explain("a").into());
            events.push(explain("b").into());
            generation_one(config(40)).and_all(events)
        };
        covered(Real(949_999)).decide(decide).then(&[]);
        let sealed = covered(Real(950_000)).decide(decide);
        sealed.then_fields(&["DATASET_SEALED 80", "DATASET_WEIGHED no games"], &["games"]);
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
