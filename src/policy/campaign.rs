//! The frame of a campaign: generation 0, one generation after the other, and the end.

use super::canary;
use super::limits::{FAILED_GENERATIONS_MAX, PRIORITY_INIT, REPLACE_DELAY_MS, RUNS_MAX};
use super::names;
use super::upgrade::is_readable;
use super::view::{Decision, View};
use crate::event::campaign::{CampaignCompleted, GenerationOpened};
use crate::event::config::Config;
use crate::event::jobs::{InitModelSpec, JobQueued, JobSpec};
use crate::event::judgement::CampaignStalled;
use crate::event::models::ModelPromoted;
use crate::event::{GameKey, Seq};
use crate::projection::State;
use crate::projection::campaign::{CampaignRow, Generation, Verdict};
use crate::projection::models::{Champion, ModelState};
use crate::projection::training::RunState;

/// Generation 0: `JOB_QUEUED` for random weights, then `MODEL_PROMOTED` without a gauntlet. After that
/// `GENERATION_OPENED` whenever the one before is over, `CAMPAIGN_STALLED` instead when too many in a row brought no champion, and `CAMPAIGN_COMPLETED` after the exam.
pub fn decide(view: &View) -> Vec<Decision> {
    let Some((config, game)) = view.campaign() else { return vec![] };
    let decision = match view.state.models.champion(game) {
        None => first_champion(view, config, game),
        Some(champion) => next(view, config, game, champion),
    };
    decision.into_iter().collect()
}

/// The generation whose exam is due or running: all wanted generations are over, and it was not completed yet.
pub(super) fn exam_due(state: &State, config: &Config, game: &GameKey) -> Option<u32> {
    let row = state.campaign.get(game)?;
    state.models.champion(game)?;
    let due = is_over(state, game, row.generation)
        && (row.generation >= config.generations || is_stalled(state, row))
        && row.completed != Some(row.generation);
    due.then_some(row.generation)
}

/// Whether a generation was decided, or can make no candidate any more. Generation 0 is over once there is a champion.
fn is_over(state: &State, game: &GameKey, generation: u32) -> bool {
    let Some(row) = state.campaign.generation(game, generation) else { return generation == 0 };
    row.verdict.is_some() || runs_exhausted(state, row)
}

/// Whether the campaign stalled and nobody has changed the configuration since.
fn is_stalled(state: &State, row: &CampaignRow) -> bool {
    let changed = state.config.get().map_or(Seq(0), |config| config.changed_seq);
    row.stalled_seq.is_some_and(|stalled| stalled > changed)
}

/// `CAMPAIGN_STALLED` when too many generations in a row brought no champion: counted back from the last one to a champion, or to
/// where the campaign stalled before.
fn stalls(state: &State, game: &GameKey, generation: u32) -> Option<Decision> {
    let row = state.campaign.get(game)?;
    let since = row.stalled_seq.unwrap_or(Seq(0));
    let tried = (1..=generation).rev().map_while(|number| state.campaign.generation(game, number));
    let in_vain = tried.take_while(|one| one.verdict != Some(Verdict::Promoted) && one.opened_seq > since);
    let failed = u32::try_from(in_vain.count()).unwrap_or(u32::MAX);
    if failed < FAILED_GENERATIONS_MAX {
        return None;
    }
    let last = state.campaign.generation(game, generation)?;
    let candidate = last.candidate.as_ref().and_then(|model| state.models.get(model));
    let verdict = candidate.and_then(|model| model.verdict.as_ref());
    let reasons =
        verdict.map_or_else(|| vec!["no training run brought a candidate".to_owned()], |it| it.reasons.clone());
    let event = CampaignStalled { game: game.clone(), generation, failed, reasons };
    let champion = state.models.champion(game)?;
    Some(Decision::new(event, [over_since(state, game, generation, champion)]))
}

/// Whether all training runs that a generation may have were tried and failed.
pub(super) fn runs_exhausted(state: &State, row: &Generation) -> bool {
    let failed = |run| state.training.get(run).is_some_and(|run| run.state == RunState::Failed);
    row.runs.len() >= RUNS_MAX && row.runs.iter().all(failed)
}

fn first_champion(view: &View, config: &Config, game: &GameKey) -> Option<Decision> {
    let candidate = view.state.models.of_generation(game, 0).find(|model| model.state == ModelState::Candidate);
    if let Some(model) = candidate {
        let event = ModelPromoted {
            model: model.model.clone(),
            generation: 0,
            previous: None,
            gauntlet: None,
            evidence: vec![],
            gate: config.gate.clone(),
        };
        return Some(Decision::new(event, [model.created_seq]));
    }
    let row = view.state.campaign.get(game);
    if let Some(id) = row.and_then(|row| row.init_job.as_ref())
        && let Some(job) = view.state.jobs.get(id)
        && (!job.state.is_finished() || view.now.since(job.changed_at) < REPLACE_DELAY_MS)
    {
        return None;
    }
    let event = JobQueued {
        job: names::init_job(game, row.map_or(0, |row| row.init_jobs) + 1),
        spec: JobSpec::InitModel(InitModelSpec {
            game: game.clone(),
            net: config.net.clone(),
            seed: names::seed(config.seed, &format!("weights {game}")),
        }),
        priority: PRIORITY_INIT,
        lease_ms: config.cluster.lease_ms,
        attempts_max: config.cluster.attempts_max,
        avoid: vec![],
    };
    Some(Decision::new(event, [view.config_seq()]))
}

fn next(view: &View, config: &Config, game: &GameKey, champion: &Champion) -> Option<Decision> {
    let state = view.state;
    let generation = state.campaign.get(game).map_or(0, |row| row.generation);
    let stalled = state.campaign.get(game).is_some_and(|row| is_stalled(state, row));
    if is_over(state, game, generation) && generation < config.generations && !stalled {
        if let Some(stall) = stalls(state, game, generation).filter(|stall| is_readable(state, &stall.event)) {
            return Some(stall);
        }
        let event = GenerationOpened {
            game: game.clone(),
            generation: generation.saturating_add(1),
            champion: champion.model.clone(),
        };
        return Some(Decision::new(event, [over_since(state, game, generation, champion)]));
    }
    let generations = exam_due(state, config, game)?;
    let exam = state.gauntlets.get(&names::exam(game, generations))?;
    let event = CampaignCompleted {
        game: game.clone(),
        generations,
        champion: champion.model.clone(),
        // An exam of a faulty evaluator says nothing.
        exam: canary::alarm(exam).map_or_else(|| exam.scores.clone(), |_| vec![]),
    };
    Some(Decision::new(event, [exam.concluded_seq?]))
}

/// The record by which a generation was over.
fn over_since(state: &State, game: &GameKey, generation: u32, champion: &Champion) -> Seq {
    let Some(row) = state.campaign.generation(game, generation) else { return champion.seq };
    let last_run = || row.runs.last().and_then(|run| state.training.get(run)).map(|run| run.changed_seq);
    row.decided_seq.or_else(last_run).unwrap_or(row.opened_seq)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::ModelId;
    use crate::event::jobs::JobCancelled;
    use crate::event::membership::ClusterVersionRaised;
    use crate::event::samples::{game, sample};
    use crate::event::training::TrainingFailed;
    use crate::event::{Event, Kind, RunId};
    use crate::policy::testing::{Given, config, generation_one};

    #[test]
    fn nothing_runs_without_a_game() {
        Given::events([]).decide(decide).then(&[]);
    }

    #[test]
    fn generation_zero_is_made_and_promoted_without_a_gauntlet() {
        let given = Given::events([config(40)]).decide(decide);
        given.then_fields(&["JOB_QUEUED job/init_model-connect4-1"], &["job"]).caused_by(0, &[1]);
        let given = given.settled(decide).and(sample(Kind::ModelInitialized)).decide(decide);
        given.then_fields(&["MODEL_PROMOTED 0 null []"], &["generation", "gauntlet", "evidence"]);
        let given = given.applied().decide(decide);
        given.then_fields(&["GENERATION_OPENED 1"], &["generation"]).settled(decide);
    }

    #[test]
    fn a_failed_start_is_tried_again_after_a_while() {
        let cancelled = JobCancelled { job: names::init_job(&game(), 1), reason: "by hand".into() };
        let given = Given::events([config(40)]).decide(decide).applied().and(Event::from(cancelled));
        given.clone().decide(decide).then(&[]);
        given
            .at(3_000 + REPLACE_DELAY_MS)
            .decide(decide)
            .then_fields(&["JOB_QUEUED job/init_model-connect4-2"], &["job"]);
    }

    /// Generation 1 and so many further ones, each without a candidate.
    fn tried_in_vain(mut given: Given, generations: std::ops::RangeInclusive<u32>) -> Given {
        for generation in generations {
            let opened = GenerationOpened { game: game(), generation, champion: ModelId::new("connect4-g0-00112233") };
            given =
                if given.state.campaign.generation(&game(), generation).is_some() { given } else { given.and(opened) };
            for number in 1..=RUNS_MAX {
                let run: RunId = names::run(&game(), generation, number);
                let Event::TrainingTriggered(mut body) = sample(Kind::TrainingTriggered) else { unreachable!() };
                (body.run, body.generation) = (run.clone(), generation);
                given = given.and(Event::from(body)).and(TrainingFailed { run, reason: "no".into() });
            }
        }
        given
    }

    #[test]
    fn after_too_many_failures_in_a_row_nothing_is_trained_until_the_configuration_changes() {
        let Event::ConfigChanged(mut changed) = config(40) else { unreachable!() };
        changed.config.generations = 100;
        let version = ClusterVersionRaised { from: 1, to: 2 };
        let before = generation_one(Event::from(changed.clone())).and(version);
        let few = tried_in_vain(before.clone(), 1..=FAILED_GENERATIONS_MAX - 1).decide(decide);
        few.then_kinds(&["GENERATION_OPENED"]);
        let many = tried_in_vain(before, 1..=FAILED_GENERATIONS_MAX).decide(decide);
        let line = r#"CAMPAIGN_STALLED 5 5 ["no training run brought a candidate"]"#;
        let many = many.then_fields(&[line], &["generation", "failed", "reasons"]).applied();
        many.clone().decide(decide).then(&[]);
        assert_eq!(exam_due(&many.state, &changed.config, &game()), Some(5), "the champion is examined");
        changed.config.train.steps += 1;
        let again = many.and(Event::from(changed));
        let again = again.decide(decide).then_fields(&["GENERATION_OPENED 6"], &["generation"]).applied();
        tried_in_vain(again, 6..=6).decide(decide).then_fields(&["GENERATION_OPENED 7"], &["generation"]);
    }

    #[test]
    fn a_generation_without_a_candidate_is_left_behind_after_a_few_runs() {
        let mut given = generation_one(config(40)).and(sample(Kind::DatasetSealed));
        for number in 1..=RUNS_MAX {
            let run: RunId = names::run(&game(), 1, number);
            let Event::TrainingTriggered(mut body) = sample(Kind::TrainingTriggered) else { unreachable!() };
            body.run = run.clone();
            given.clone().decide(decide).then(&[]);
            given = given.and(Event::from(body)).and(TrainingFailed { run, reason: "no".into() });
        }
        given.decide(decide).then_fields(&["GENERATION_OPENED 2"], &["generation"]).settled(decide);
    }
}
