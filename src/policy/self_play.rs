//! How much self-play is queued: what the current generation still needs, and no more.

use super::dataset::shortfall;
use super::limits::{PRIORITY_SELF_PLAY, REPLACE_DELAY_MS, SELF_PLAY_QUEUED_MAX};
use super::names;
use super::quality::will_be_scored;
use super::teaching;
use super::view::{Decision, View};
use crate::event::config::Config;
use crate::event::jobs::{JobCancelled, JobQueued, JobSpec, SearchRecipe, SelfPlaySpec};
use crate::event::{GameKey, Real};
use crate::projection::State;
use crate::projection::campaign::Generation;
use crate::projection::games::{Batch, BatchState};
use crate::projection::jobs::{Job, JobState};
use crate::projection::key::GenerationKey;

/// Finished jobs in which a recent failure is looked for.
const FAILURES_SEEN_MAX: usize = 256;

/// `JOB_QUEUED` until the games of the current generation, verified, waiting for verification or being played, reach
/// the target; `JOB_CANCELLED` for jobs that still wait when nobody needs them any more.
pub fn decide(view: &View) -> Vec<Decision> {
    let campaign = view.campaign();
    let needing = campaign.and_then(|(config, game)| {
        let current = view.state.campaign.current(game)?;
        let needs =
            current.dataset.is_none() && current.verdict.is_none() && shortfall(view.state, config, current) > 0;
        let needs = needs && teaching::due(view, config, current).is_none();
        needs.then_some((config, current))
    });
    let mut decisions = cancel_surplus(view, needing.map(|(_, current)| current));
    if let Some((config, current)) = needing {
        decisions.extend(queue(view, config, current));
    }
    decisions
}

fn cancel_surplus(view: &View, needing: Option<&Generation>) -> Vec<Decision> {
    let unneeded = view.state.jobs.queued().filter(|job| match &job.spec {
        JobSpec::SelfPlay(spec) => {
            needing.is_none_or(|current| current.game != spec.game || current.generation != spec.generation)
        }
        _ => false,
    });
    let cancel = |job: &Job| {
        let event = JobCancelled { job: job.job.clone(), reason: "the generation has its games".to_owned() };
        let campaign = view.campaign().and_then(|(_, game)| view.state.campaign.get(game));
        Decision::new(event, [job.queued_seq].into_iter().chain(campaign.map(|row| row.changed_seq)))
    };
    unneeded.map(cancel).collect()
}

fn queue(view: &View, config: &Config, current: &Generation) -> Vec<Decision> {
    let (state, game) = (view.state, &current.game);
    let is_ours = |job: &&Job| matches!(&job.spec, JobSpec::SelfPlay(spec) if spec.game == *game && spec.generation == current.generation);
    let mut finished = state.jobs.finished().take(FAILURES_SEEN_MAX);
    let failed_lately = finished
        .find(is_ours)
        .is_some_and(|job| job.state == JobState::Failed && view.now.since(job.changed_at) < REPLACE_DELAY_MS);
    let Some(champion) = state.models.get(&current.champion).filter(|_| !failed_lately) else { return vec![] };
    let in_work: u64 = state.jobs.live().filter(is_ours).map(|job| games_of(&job.spec)).sum();
    let coming = in_work.saturating_add(waiting_games(state, current));
    let mut need = shortfall(state, config, current).saturating_sub(coming);
    let waiting = state.jobs.queued().filter(is_ours).count();
    let mut decisions = vec![];
    let mut number = current.self_play_jobs;
    while need > 0 && waiting + decisions.len() < SELF_PLAY_QUEUED_MAX {
        number = number.saturating_add(1);
        let games = u32::try_from(need).unwrap_or(u32::MAX).min(teaching::games_per_job(config, current));
        need -= u64::from(games);
        let spec = SelfPlaySpec {
            game: game.clone(),
            generation: current.generation,
            model: champion.model.clone(),
            weights: champion.weights,
            games,
            seed: seed(config, game, current.generation, number),
            search: search(config, current),
            sampled_plies: config.self_play.sampled_plies,
        };
        let event = JobQueued {
            job: names::self_play_job(game, current.generation, number),
            spec: JobSpec::SelfPlay(spec),
            priority: PRIORITY_SELF_PLAY,
            lease_ms: config.cluster.lease_ms,
            attempts_max: config.cluster.attempts_max,
            avoid: vec![],
        };
        decisions.push(Decision::new(event, [current.opened_seq]));
    }
    decisions
}

/// How the champion thinks, or the teacher in its place.
fn search(config: &Config, current: &Generation) -> SearchRecipe {
    let own = || SearchRecipe {
        simulations: config.self_play.simulations,
        considered: config.self_play.considered,
        gumbel_scale: Real::ONE,
    };
    current.taught.as_ref().map_or_else(own, |teaching| teaching.search.clone())
}

fn seed(config: &Config, game: &GameKey, generation: u32, number: u32) -> u64 {
    names::seed(config.seed, &format!("self-play {game} {generation} {number}"))
}

fn games_of(spec: &JobSpec) -> u64 {
    match spec {
        JobSpec::SelfPlay(spec) => spec.games.into(),
        _ => 0,
    }
}

/// Games that are there and may still turn out to be good.
fn waiting_games(state: &State, current: &Generation) -> u64 {
    let key = GenerationKey::new(&current.game, current.generation);
    let may_count = |batch: &&Batch| match batch.state {
        BatchState::Recorded => true,
        BatchState::Verified => will_be_scored(state, batch),
        BatchState::Quarantined => false,
    };
    state.games.of_generation(&key).filter(may_count).map(counted).sum()
}

fn counted(batch: &Batch) -> u64 {
    batch.tally.as_ref().map_or(batch.games, |tally| tally.games).into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Event;
    use crate::event::games::GamesQuarantined;
    use crate::event::samples::{NODE, game, hash};
    use crate::policy::testing::{batch, config, generation_one};

    const FIELDS: &[&str] = &["job", "spec.self_play.games"];

    #[test]
    fn jobs_are_queued_up_to_the_target_and_not_beyond() {
        let given = generation_one(config(100)).decide(decide);
        given.then_fields(
            &[
                "JOB_QUEUED job/self_play-connect4-g1-1 40",
                "JOB_QUEUED job/self_play-connect4-g1-2 40",
                "JOB_QUEUED job/self_play-connect4-g1-3 20",
            ],
            FIELDS,
        );
        given.settled(decide);
    }

    #[test]
    fn every_job_has_a_seed_of_its_own() {
        let config = crate::event::samples::config();
        let of = |generation, number| seed(&config, &game(), generation, number);
        assert_eq!(of(1, 1), of(1, 1));
        assert!(of(1, 1) != of(1, 2) && of(1, 1) != of(2, 1));
    }

    #[test]
    fn the_queue_is_bounded() {
        let given = generation_one(config(1_000_000)).decide(decide);
        assert_eq!(given.decisions().len(), SELF_PLAY_QUEUED_MAX);
        given.settled(decide);
    }

    #[test]
    fn games_that_wait_for_verification_count_and_quarantined_ones_do_not() {
        let recorded = batch("a", 1, 40, 40).swap_remove(0);
        let given = generation_one(config(40)).and(recorded);
        given.clone().decide(decide).then(&[]);
        let bad = GamesQuarantined { batch: hash("a"), host: NODE, game: None, reason: "no".into() };
        given.and(Event::from(bad)).decide(decide).then_fields(&["JOB_QUEUED job/self_play-connect4-g1-1 40"], FIELDS);
    }

    #[test]
    fn jobs_that_wait_are_cancelled_when_the_games_are_there() {
        let given = generation_one(config(80)).decide(decide).applied();
        let given = given.and_all(batch("a", 1, 40, 40)).and_all(batch("b", 1, 40, 40)).decide(decide);
        given.then_kinds(&["JOB_CANCELLED", "JOB_CANCELLED"]).settled(decide);
    }
}
