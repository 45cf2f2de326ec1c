//! Stages that take too long: somebody is told, once. A loop that stands still must not look like one that is quiet.

use super::campaign::runs_exhausted;
use super::dataset::is_good;
use super::teaching::games_wanted;
use super::view::{Decision, View};
use crate::event::campaign::{Stage, StageCaughtUp, StageOverdue};
use crate::event::config::Config;
use crate::event::{GameKey, Millis, Seq};
use crate::projection::campaign::Generation;
use crate::projection::games::{Batch, BatchState};
use crate::projection::key::GenerationKey;
use crate::projection::models::Champion;

/// A stage that is at work.
#[derive(Clone, Copy, Debug)]
struct Running {
    stage: Stage,
    generation: u32,
    since: Millis,
    /// The record with which it began.
    cause: Seq,
}

/// `STAGE_OVERDUE` for every stage that has been at it for longer than its limit, once for each generation; `STAGE_CAUGHT_UP` when one of them is
/// over.
pub fn decide(view: &View) -> Vec<Decision> {
    let Some((config, game)) = view.campaign() else { return vec![] };
    let Some(row) = view.state.campaign.get(game) else { return vec![] };
    let running = running(view, config, game);
    let late = running.iter().filter_map(|at| {
        let limit_ms = config.stages.of(at.stage).filter(|limit_ms| view.now.since(at.since) >= *limit_ms)?;
        let Running { stage, generation, since, cause } = *at;
        let known = row.overdue.iter().any(|known| known.is(generation, stage));
        let event = StageOverdue { game: game.clone(), generation, stage, since, limit_ms };
        (!known).then(|| Decision::new(event, [cause]))
    });
    let is_over = |generation, stage| !running.iter().any(|at| (at.generation, at.stage) == (generation, stage));
    let open = row.overdue.iter().filter(|known| known.ended_seq.is_none());
    let over = open.filter(|known| is_over(known.generation, known.stage)).map(|known| {
        let event = StageCaughtUp { game: game.clone(), generation: known.generation, stage: known.stage };
        Decision::new(event, [known.seq])
    });
    late.chain(over).collect()
}

/// What is at work now: stages of the current generation, and the copying of the champion.
fn running(view: &View, config: &Config, game: &GameKey) -> Vec<Running> {
    let mut running = vec![];
    if let Some(current) = view.state.campaign.current(game).filter(|row| row.verdict.is_none()) {
        running.extend(making(view, config, current));
        running.extend(verification(view, current));
    }
    running.extend(view.state.models.champion(game).and_then(|champion| distribution(view, champion)));
    running
}

/// The one stage on the way to a verdict that the generation is at.
fn making(view: &View, config: &Config, current: &Generation) -> Option<Running> {
    let state = view.state;
    let at = |stage, since, cause| Some(Running { stage, generation: current.generation, since, cause });
    let Some(dataset) = current.dataset.as_ref().and_then(|dataset| state.datasets.get(dataset)) else {
        return match games_since(view, config, current) {
            Some((since, cause)) => at(Stage::Dataset, since, cause),
            None => at(Stage::SelfPlay, current.opened_at, current.opened_seq),
        };
    };
    let Some(candidate) = current.candidate.as_ref().and_then(|model| state.models.get(model)) else {
        return at(Stage::Training, dataset.sealed_at, dataset.sealed_seq).filter(|_| !runs_exhausted(state, current));
    };
    let gauntlet = current.gauntlet.as_ref().and_then(|gauntlet| state.gauntlets.get(gauntlet));
    match gauntlet.and_then(|gauntlet| gauntlet.concluded_at.zip(gauntlet.concluded_seq)) {
        Some((since, cause)) => at(Stage::Promotion, since, cause),
        None => at(Stage::Gauntlet, candidate.created_at, candidate.created_seq),
    }
}

/// Since when the generation has the games that it wants; none while it has not.
fn games_since(view: &View, config: &Config, current: &Generation) -> Option<(Millis, Seq)> {
    let key = GenerationKey::new(&current.game, current.generation);
    let good = view.state.games.of_generation(&key).filter(|batch| is_good(view.state, config, batch));
    let mut good: Vec<&Batch> = good.collect();
    good.sort_by_key(|batch| batch.decided_seq);
    let mut missing = u64::from(games_wanted(config, current));
    let enough = good.iter().find(|batch| {
        missing = missing.saturating_sub(batch.tally.as_ref().map_or(0, |tally| tally.games.into()));
        missing == 0
    });
    enough.and_then(|batch| batch.decided_at.zip(batch.decided_seq))
}

/// The batch that has waited longest for its replay.
fn verification(view: &View, current: &Generation) -> Option<Running> {
    let key = GenerationKey::new(&current.game, current.generation);
    let oldest = view.state.games.of_generation(&key).find(|batch| batch.state == BatchState::Recorded)?;
    let (generation, since, cause) = (current.generation, oldest.recorded_at, oldest.recorded_seq);
    Some(Running { stage: Stage::Verification, generation, since, cause })
}

/// The host that has lacked the champion longest, of those that are online.
fn distribution(view: &View, champion: &Champion) -> Option<Running> {
    let artifact = view.state.artifacts.get(&champion.weights)?;
    let lacks = view.state.hosts.online().filter(|host| !artifact.is_on(host.host));
    let since = lacks.map(|host| host.changed_at.unwrap_or_default().max(champion.since)).min()?;
    Some(Running { stage: Stage::Distribution, generation: champion.generation, since, cause: champion.seq })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::config::ConfigChanged;
    use crate::event::games::GamesQuarantined;
    use crate::event::samples::{NODE, hash, sample};
    use crate::event::{Event, Kind};
    use crate::policy::dataset;
    use crate::policy::testing::{Given, batch, candidate_one, config, generation_one};

    const FIELDS: &[&str] = &["stage", "generation", "limit_ms"];

    /// The configuration with limits of 10 to 70 seconds, in order of the stages.
    fn strict() -> Event {
        let Event::ConfigChanged(ConfigChanged { mut config, actor }) = config(40) else { unreachable!() };
        let stages = &mut config.stages;
        (stages.self_play_ms, stages.verification_ms, stages.dataset_ms) = (10_000, 20_000, 30_000);
        (stages.training_ms, stages.gauntlet_ms, stages.promotion_ms) = (40_000, 50_000, 60_000);
        stages.distribution_ms = 70_000;
        ConfigChanged { config, actor }.into()
    }

    #[test]
    fn a_generation_without_games_is_told_once_and_ends_when_they_are_there() {
        let given = generation_one(strict());
        given.clone().later(9_999).decide(decide).then(&[]);
        let late = given.later(10_000).decide(decide);
        let late = late.then_fields(&["STAGE_OVERDUE self_play 1 10000"], FIELDS).caused_by(0, &[9]).settled(decide);
        let late = late.later(1_000_000);
        late.clone().decide(decide).then(&[]);
        let played = late.and_all(batch("a", 1, 40, 40)).decide(decide);
        played.then_fields(&["STAGE_CAUGHT_UP self_play 1 no limit_ms"], FIELDS).settled(decide);
    }

    #[test]
    fn games_that_grow_without_a_dataset_are_told() {
        // Their quality is not surely good enough, so that no dataset is sealed.
        let unsure = generation_one(strict()).and_all(batch("a", 1, 20, 20)).and_all(batch("b", 1, 20, 10));
        unsure.clone().decide(dataset::decide).then(&[]);
        let late = unsure.later(30_000).decide(decide);
        let late = late.then_fields(&["STAGE_OVERDUE dataset 1 30000"], FIELDS).settled(decide);
        let sealed = late.and(sample(Kind::DatasetSealed)).decide(decide);
        sealed.then_fields(&["STAGE_CAUGHT_UP dataset 1 no limit_ms"], FIELDS).settled(decide);
    }

    #[test]
    fn every_later_stage_has_its_limit() {
        let recorded = batch("a", 1, 40, 40).swap_remove(0);
        let waiting = generation_one(strict()).and(recorded).later(20_000).decide(decide);
        let both = ["STAGE_OVERDUE self_play 1 10000", "STAGE_OVERDUE verification 1 20000"];
        let waiting = waiting.then_fields(&both, FIELDS).settled(decide);
        let bad = GamesQuarantined { batch: hash("a"), host: NODE, game: None, reason: "no".into() };
        let decided = waiting.and(Event::from(bad)).decide(decide);
        decided.then_fields(&["STAGE_CAUGHT_UP verification 1 no limit_ms"], FIELDS);
        let sealed = generation_one(strict()).and(sample(Kind::DatasetSealed));
        sealed.later(40_000).decide(decide).then_fields(&["STAGE_OVERDUE training 1 40000"], FIELDS);
        let candidate = || candidate_one(strict());
        candidate().later(50_000).decide(decide).then_fields(&["STAGE_OVERDUE gauntlet 1 50000"], FIELDS);
        let judged = candidate().and(sample(Kind::GauntletStarted)).and(sample(Kind::GauntletConcluded));
        judged.later(60_000).decide(decide).then_fields(&["STAGE_OVERDUE promotion 1 60000"], FIELDS);
    }

    #[test]
    fn a_champion_that_does_not_reach_every_host_is_told() {
        use crate::event::NodeId;
        use crate::event::artifacts::{ArtifactKind, ArtifactStored, ArtifactVerified};
        let Event::ModelInitialized(origin) = sample(Kind::ModelInitialized) else { unreachable!() };
        let (artifact, bytes) = (origin.weights, 1);
        let here = ArtifactStored { artifact, kind: ArtifactKind::Model, bytes, host: NodeId(1) };
        let given = generation_one(strict()).and(here);
        let late = given.later(70_000).decide(decide).applied().decide(decide).then(&[]).applied();
        let open = late.state.campaign.get(&crate::event::samples::game()).expect("a campaign").overdue.clone();
        let stages: Vec<_> = open.iter().map(|known| (known.stage, known.generation)).collect();
        assert_eq!(stages, [(Stage::SelfPlay, 1), (Stage::Distribution, 0)]);
        let there = late.and(ArtifactVerified { artifact, host: NodeId(2) }).decide(decide);
        there.then_fields(&["STAGE_CAUGHT_UP distribution 0 no limit_ms"], FIELDS).settled(decide);
    }

    #[test]
    fn a_limit_of_zero_is_none() {
        let Event::ConfigChanged(mut changed) = strict() else { unreachable!() };
        changed.config.stages.self_play_ms = 0;
        let given: Given = generation_one(changed.into());
        given.later(1_000_000_000).decide(decide).then(&[]);
    }
}
