//! Training runs: one for each sealed dataset, again a few times when it fails. None without a plan that every member can read: until then the
//! dataset waits.

use super::limits::{PRIORITY_TRAIN, REPLACE_DELAY_MS, RUNS_MAX};
use super::names;
use super::upgrade::is_readable;
use super::view::{Decision, View};
use crate::event::config::{Config, TrainConfig};
use crate::event::jobs::{JobQueued, JobSpec, TrainSpec};
use crate::event::training::{TrainingFailed, TrainingPlan, TrainingPlanned, TrainingTriggered};
use crate::event::{Event, Hash, JobId, Seq};
use crate::projection::campaign::Generation;
use crate::projection::datasets::Dataset;
use crate::projection::training::{Run, RunState};

/// `TRAINING_TRIGGERED` with its `TRAINING_PLANNED` and `JOB_QUEUED` when a dataset is sealed, and again after a failure while runs are left;
/// `TRAINING_FAILED` when the job of a run ended without a model.
pub fn decide(view: &View) -> Vec<Decision> {
    let Some((config, game)) = view.campaign() else { return vec![] };
    let current = view.state.campaign.current(game).filter(|row| row.verdict.is_none() && row.candidate.is_none());
    let Some(current) = current else { return vec![] };
    let dataset = current.dataset.as_ref().and_then(|dataset| view.state.datasets.get(dataset));
    let Some(dataset) = dataset else { return vec![] };
    let Some(run) = current.runs.last().and_then(|run| view.state.training.get(run)) else {
        return trigger(view, config, current, dataset, dataset.sealed_seq);
    };
    match run.state {
        RunState::Triggered | RunState::Running => match &run.job {
            None => queue(view, config, run, dataset, run.triggered_seq),
            Some(job) if !view.state.jobs.is_live(job) => vec![fail(view, run, job)],
            Some(_) => vec![],
        },
        RunState::Failed if current.runs.len() < RUNS_MAX && view.now.since(run.changed_at) >= REPLACE_DELAY_MS => {
            trigger(view, config, current, dataset, run.changed_seq)
        }
        RunState::Failed | RunState::Completed => vec![],
    }
}

fn trigger(view: &View, config: &Config, current: &Generation, dataset: &Dataset, cause: Seq) -> Vec<Decision> {
    let event = TrainingTriggered {
        run: names::run(&current.game, current.generation, current.runs.len() + 1),
        game: current.game.clone(),
        generation: current.generation,
        dataset: dataset.dataset.clone(),
        parent: current.champion.clone(),
        recipe: training(config, current).before_plans(),
    };
    let Some(parent) = view.state.models.get(&event.parent) else { return vec![] };
    let Some(plan) = plan(view, config, &event, dataset, parent.weights) else { return vec![] };
    let job = job(config, &event, dataset, parent.weights);
    vec![Decision::new(event, [cause]), Decision::new(plan, [cause]), Decision::new(job, [cause])]
}

/// The figures of the configuration; a teacher's games, which are more, get more steps.
fn training(config: &Config, current: &Generation) -> TrainConfig {
    let steps = current.taught.as_ref().map_or(config.train.steps, |teaching| teaching.steps);
    TrainConfig { steps, ..config.train.clone() }
}

/// What a run that was triggered lacks of plan and job: a leader died in between.
fn queue(view: &View, config: &Config, run: &Run, dataset: &Dataset, cause: Seq) -> Vec<Decision> {
    let Some(parent) = view.state.models.get(&run.parent) else { return vec![] };
    let triggered = TrainingTriggered {
        run: run.run.clone(),
        game: run.game.clone(),
        generation: run.generation,
        dataset: run.dataset.clone(),
        parent: run.parent.clone(),
        recipe: run.recipe.clone(),
    };
    let Some(plan) = plan(view, config, &triggered, dataset, parent.weights) else { return vec![] };
    let job = Decision::new(job(config, &triggered, dataset, parent.weights), [cause]);
    if run.plan.is_none() { vec![Decision::new(plan, [cause]), job] } else { vec![job] }
}

/// The plan of a run, as soon as every member can read it.
fn plan(
    view: &View,
    config: &Config,
    run: &TrainingTriggered,
    dataset: &Dataset,
    parent_weights: Hash,
) -> Option<Event> {
    let recipe = TrainConfig { steps: run.recipe.steps, ..config.train.clone() }.recipe();
    let plan = TrainingPlan {
        dataset: run.dataset.clone(),
        content: dataset.content,
        parent: run.parent.clone(),
        parent_weights,
        recipe_hash: recipe.hash(),
        recipe,
    };
    Some(Event::from(TrainingPlanned { run: run.run.clone(), plan })).filter(|event| is_readable(view.state, event))
}

fn job(config: &Config, run: &TrainingTriggered, dataset: &Dataset, weights: Hash) -> JobQueued {
    let spec = TrainSpec {
        run: run.run.clone(),
        game: run.game.clone(),
        generation: run.generation,
        dataset: run.dataset.clone(),
        batches: dataset.batches.clone(),
        parent: run.parent.clone(),
        parent_weights: weights,
        recipe: run.recipe.clone(),
        seed: names::seed(config.seed, run.run.as_str()),
    };
    JobQueued {
        job: names::train_job(&run.run),
        spec: JobSpec::Train(spec),
        priority: PRIORITY_TRAIN,
        lease_ms: config.cluster.lease_ms,
        attempts_max: config.cluster.attempts_max,
        avoid: vec![],
    }
}

fn fail(view: &View, run: &Run, id: &JobId) -> Decision {
    let job = view.state.jobs.get(id);
    let reason = job.and_then(|job| job.error.clone()).unwrap_or_else(|| "its job ended without a model".to_owned());
    let event = TrainingFailed { run: run.run.clone(), reason };
    Decision::new(event, job.map(|job| job.changed_seq).into_iter().chain([run.triggered_seq]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Kind;
    use crate::event::jobs::JobCancelled;
    use crate::event::membership::ClusterVersionRaised;
    use crate::event::samples::{game, sample};
    use crate::policy::testing::{Given, config, generation_one};

    /// Generation 1 of a cluster whose members can all read plans.
    fn planning() -> Given {
        generation_one(config(40)).and(ClusterVersionRaised { from: 1, to: 2 })
    }

    #[test]
    fn nothing_is_trained_before_every_member_can_read_the_plan() {
        let given = generation_one(config(40)).and(sample(Kind::DatasetSealed));
        given.clone().decide(decide).then(&[]);
        given.clone().and(sample(Kind::TrainingTriggered)).decide(decide).then(&[]);
        let raised = given.and(ClusterVersionRaised { from: 1, to: 2 }).decide(decide);
        raised.then_kinds(&["TRAINING_TRIGGERED", "TRAINING_PLANNED", "JOB_QUEUED"]);
    }

    #[test]
    fn a_sealed_dataset_is_learned_from_once() {
        let given = planning();
        given.clone().decide(decide).then(&[]);
        let given = given.and(sample(Kind::DatasetSealed)).decide(decide);
        let given = given.then_kinds(&["TRAINING_TRIGGERED", "TRAINING_PLANNED", "JOB_QUEUED"]);
        let [triggered, planned, queued] = given.decisions() else { panic!("three decisions") };
        let Event::JobQueued(JobQueued { spec: JobSpec::Train(spec), .. }) = &queued.event else { panic!("a job") };
        assert_eq!(spec.batches, vec![crate::event::samples::hash("batch")]);
        assert_eq!((spec.parent.as_str(), spec.run.as_str()), ("model/connect4-g0-00112233", "run/connect4-g1"));
        let Event::TrainingPlanned(plan) = &planned.event else { panic!("a plan") };
        assert_eq!(plan.plan.recipe_hash, plan.plan.recipe.hash());
        assert_eq!((&plan.plan.dataset, &plan.plan.parent), (&spec.dataset, &spec.parent));
        let (triggered, planned) = (triggered.event.clone(), planned.event.clone());
        given.settled(decide);
        // A leader that died between the records is made good.
        let half = || planning().and(sample(Kind::DatasetSealed)).and(triggered.clone());
        half().decide(decide).then_kinds(&["TRAINING_PLANNED", "JOB_QUEUED"]).settled(decide);
        half().and(planned).decide(decide).then_kinds(&["JOB_QUEUED"]).settled(decide);
    }

    #[test]
    fn a_run_fails_with_its_job_and_is_tried_again_a_few_times() {
        let mut given = planning().and(sample(Kind::DatasetSealed));
        for number in 1..=RUNS_MAX {
            let run = names::run(&game(), 1, number);
            given = given
                .later(REPLACE_DELAY_MS)
                .decide(decide)
                .then_kinds(&["TRAINING_TRIGGERED", "TRAINING_PLANNED", "JOB_QUEUED"])
                .applied();
            let cancelled = JobCancelled { job: names::train_job(&run), reason: "diverged".into() };
            let failed = given.and(Event::from(cancelled)).decide(decide);
            given = failed.then(&[&format!(r#"TRAINING_FAILED {{"reason":"diverged","run":"{run}"}}"#)]).applied();
            given.clone().decide(decide).then(&[]);
        }
        given.later(REPLACE_DELAY_MS).decide(decide).then(&[]);
    }
}
