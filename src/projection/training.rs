//! Training runs.

use super::row::row;
use super::table::Table;
use crate::event::jobs::JobSpec;
use crate::event::training::{
    TrainRecipe, TrainingCurve, TrainingManifest, TrainingPlan, TrainingProgress, TrainingTriggered,
};
use crate::event::{DatasetId, Event, GameKey, JobId, Millis, ModelId, NodeId, Record, RunId, Seq};

row! {
    /// A training run.
    pub struct Run {
        /// The run.
        pub run: RunId,
        /// The game.
        pub game: GameKey,
        /// The generation that it makes.
        pub generation: u32,
        /// What it learns from.
        pub dataset: DatasetId,
        /// What it starts from.
        pub parent: ModelId,
        /// How it trains.
        pub recipe: TrainRecipe,
        /// All that its result depends on; none for runs of clusters that could not read plans yet.
        pub plan: Option<TrainingPlan>,
        /// Where it stands.
        pub state: RunState,
        /// The job that carries it.
        pub job: Option<JobId>,
        /// The host that runs or ran it.
        pub host: Option<NodeId>,
        /// The last figures.
        pub progress: Option<TrainingProgress>,
        /// The model that it made.
        pub model: Option<ModelId>,
        /// Its losses, once it has drawn them.
        pub curve: Option<TrainingCurve>,
        /// What it learned from, game by game, once it has said so.
        pub manifest: Option<TrainingManifest>,
        /// Samples in the dataset, as the worker counted them.
        pub samples: Option<u64>,
        /// Why it failed.
        pub reason: Option<String>,
        /// The record that triggered it.
        pub triggered_seq: Seq,
        /// When.
        pub triggered_at: Millis,
        /// The last record that changed it.
        pub changed_seq: Seq,
        /// When.
        pub changed_at: Millis,
    }

    /// Where a run stands.
    #[derive(Copy, PartialOrd, Ord)]
    pub enum RunState {
        /// It waits for a host.
        Triggered,
        /// A host trains.
        Running,
        /// It made a model.
        Completed,
        /// It ended without one.
        Failed,
    }
}

/// Runs by id.
#[derive(Clone, Debug, Default)]
pub struct Training {
    /// One row for each run.
    pub table: Table<RunId, Run>,
}

impl Training {
    /// The run with this id.
    pub fn get(&self, run: &RunId) -> Option<&Run> {
        self.table.get(run)
    }

    /// Folds a record.
    pub fn apply(&mut self, record: &Record) {
        match &record.draft.event {
            Event::TrainingTriggered(body) if !self.table.contains(&body.run) => {
                self.table.put(body.run.clone(), triggered(record, body));
            }
            Event::JobQueued(body) => {
                if let JobSpec::Train(spec) = &body.spec {
                    self.change(record, &spec.run, |run| run.job = Some(body.job.clone()));
                }
            }
            Event::TrainingPlanned(body) => {
                self.change(record, &body.run, |run| run.plan = Some(body.plan.clone()));
            }
            Event::TrainingStarted(body) => self.change(record, &body.run, |run| {
                run.state = RunState::Running;
                run.host = Some(body.host);
                run.progress = None;
            }),
            Event::TrainingProgressed(body) => {
                self.change(record, &body.run, |run| run.progress = Some(body.progress.clone()));
            }
            Event::TrainingCurveRecorded(body) => {
                self.change(record, &body.run, |run| run.curve = Some(body.curve.clone()));
            }
            Event::TrainingManifestRecorded(body) => {
                self.change(record, &body.run, |run| run.manifest = Some(body.manifest.clone()));
            }
            Event::TrainingCompleted(body) => self.change(record, &body.run, |run| {
                run.state = RunState::Completed;
                run.model = Some(body.model.clone());
                run.samples = Some(body.samples);
                run.progress = Some(body.progress.clone());
            }),
            Event::TrainingFailed(body) => self.change(record, &body.run, |run| {
                run.state = RunState::Failed;
                run.reason = Some(body.reason.clone());
            }),
            _ => {}
        }
    }

    /// Changes a run that has not ended.
    fn change(&mut self, record: &Record, id: &RunId, change: impl FnOnce(&mut Run)) {
        self.table.update(id, |run| {
            if matches!(run.state, RunState::Triggered | RunState::Running) {
                change(run);
                (run.changed_seq, run.changed_at) = (record.seq, record.draft.recorded_at);
            }
        });
    }
}

fn triggered(record: &Record, body: &TrainingTriggered) -> Run {
    let (seq, at) = (record.seq, record.draft.recorded_at);
    Run {
        run: body.run.clone(),
        game: body.game.clone(),
        generation: body.generation,
        dataset: body.dataset.clone(),
        parent: body.parent.clone(),
        recipe: body.recipe.clone(),
        plan: None,
        state: RunState::Triggered,
        job: None,
        host: None,
        progress: None,
        model: None,
        curve: None,
        manifest: None,
        samples: None,
        reason: None,
        triggered_seq: seq,
        triggered_at: at,
        changed_seq: seq,
        changed_at: at,
    }
}
