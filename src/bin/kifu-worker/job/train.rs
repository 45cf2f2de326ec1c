//! Trains weights on the games of a dataset.

use kifu::event::jobs::TrainSpec;
use kifu::event::training::TrainingProgress;
use kifu::game::Planes;
use kifu::learn::checkpoint::Checkpoint;
use kifu::learn::train::Plan;
use kifu::learn::{LearnError, Samples, Trainer};
use kifu::work::protocol::WorkerResult;

use super::error::JobError;
use super::init_model::MODEL_FILE;
use super::run::Workshop;
use crate::inputs;
use crate::speak::Report;

/// Name of the checkpoint.
const CHECKPOINT_FILE: &str = "checkpoint.safetensors";
/// Steps between two checkpoints.
const CHECKPOINT_STEPS: u32 = 100;

pub fn run<G: Planes>(
    game: &G,
    spec: &TrainSpec,
    workshop: &Workshop<'_>,
    report: &mut dyn Report,
) -> Result<WorkerResult, JobError> {
    let parent = inputs::weights(workshop.assignment, &spec.parent_weights, game)?;
    let samples = load(game, spec, workshop, report)?;
    let plan = Plan { recipe: spec.recipe.clone(), seed: spec.seed, device: workshop.device, run: identity(spec) };
    let mut trainer = Trainer::new(game, &samples, &parent, plan)?;
    resume(&mut trainer, workshop);

    tch::set_num_threads(i32::from(workshop.args.train_threads));
    let progress = train(&mut trainer, workshop, report);
    tch::set_num_threads(i32::from(workshop.args.threads));

    let progress = progress?;
    let weights = trainer.weights()?;
    weights.write(&workshop.scratch(MODEL_FILE))?;
    Ok(WorkerResult::Model {
        file: MODEL_FILE.into(),
        parameters: weights.architecture().parameters()?,
        samples: samples.len() as u64,
        progress,
    })
}

/// The samples of all batches, in order.
fn load<G: Planes>(
    game: &G,
    spec: &TrainSpec,
    workshop: &Workshop<'_>,
    report: &mut dyn Report,
) -> Result<Samples, JobError> {
    let mut samples = Samples::new(game);
    for batch in &spec.batches {
        let file = inputs::read(workshop.assignment, batch)?;
        samples
            .add_file(game, &file)
            .map_err(|error| JobError { message: format!("batch {batch}: {error}"), ..JobError::from(error) })?;
        report.alive(None);
        if workshop.go_on().is_break() {
            return Err(LearnError::Cancelled.into());
        }
    }
    tracing::info!(samples = samples.len(), batches = spec.batches.len(), "dataset loaded");
    Ok(samples)
}

/// Trains to the end. Gives the last figures.
fn train<G: Planes>(
    trainer: &mut Trainer<'_, G>,
    workshop: &Workshop<'_>,
    report: &mut dyn Report,
) -> Result<Option<TrainingProgress>, JobError> {
    let mut last = None;
    while !trainer.is_done() {
        if workshop.go_on().is_break() {
            return Err(LearnError::Cancelled.into());
        }
        trainer.step()?;
        if let Some(progress) = trainer.report() {
            report.trained(progress.clone());
            last = Some(progress);
        }
        if trainer.steps_done().is_multiple_of(CHECKPOINT_STEPS) && !trainer.is_done() {
            trainer.checkpoint()?.write(&workshop.scratch(CHECKPOINT_FILE))?;
        }
    }
    Ok(last)
}

/// Goes on from a checkpoint that an earlier attempt left in the same folder, if there is one that fits.
fn resume<G: Planes>(trainer: &mut Trainer<'_, G>, workshop: &Workshop<'_>) {
    let path = workshop.scratch(CHECKPOINT_FILE);
    if !path.exists() {
        return;
    }
    match Checkpoint::read(&path).and_then(|checkpoint| trainer.resume(&checkpoint)) {
        Ok(()) => tracing::info!(step = trainer.steps_done(), "goes on from a checkpoint"),
        Err(error) => tracing::warn!("starts anew, the checkpoint is of no use: {error}"),
    }
}

/// Tells checkpoints of one run from those of another: everything that the result depends on.
fn identity(spec: &TrainSpec) -> String {
    let bytes = serde_json::to_vec(spec).expect("a spec is plain data");
    kifu::event::Hash::of(&bytes).to_string()
}
