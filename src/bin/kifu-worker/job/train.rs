//! Trains weights on the games of a dataset.

use std::fs;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use kifu::event::jobs::TrainSpec;
use kifu::event::training::{TrainingProgress, TrainingRecipe, ValidationLosses};
use kifu::event::{Hash, Real};
use kifu::game::Planes;
use kifu::learn::checkpoint::Checkpoint;
use kifu::learn::curve::Point;
use kifu::learn::data::{self, Manifest, Terms};
use kifu::learn::split::is_held_out;
use kifu::learn::train::Plan;
use kifu::learn::{LearnError, Samples, Trainer, precision};
use kifu::work::protocol::{CurveFile, ManifestFile, WorkerResult};

use super::error::JobError;
use super::init_model::MODEL_FILE;
use super::run::Workshop;
use crate::args::PrecisionArg;
use crate::inputs;
use crate::speak::Report;

/// Name of the checkpoint.
const CHECKPOINT_FILE: &str = "checkpoint.safetensors";
/// Name of the picture of the losses.
const CURVE_FILE: &str = "losses.svg";
/// Name of the manifest.
const MANIFEST_FILE: &str = "manifest.json";
/// How often the node hears that games are being replayed.
const SIGN_OF_LIFE: Duration = Duration::from_secs(1);
/// Steps between two checkpoints.
const CHECKPOINT_STEPS: u32 = 100;

pub fn run<G: Planes>(
    game: &G,
    spec: &TrainSpec,
    workshop: &Workshop<'_>,
    report: &mut dyn Report,
) -> Result<WorkerResult, JobError> {
    let recipe = recipe(spec, workshop)?;
    let parent = inputs::weights(workshop.assignment, &spec.parent_weights, game)?;
    let batches = read(spec, workshop)?;
    let dataset = content(batches.iter().map(|(batch, _)| batch));
    let (manifest, samples) = load(game, &batches, recipe.validation.share, workshop, report)?;
    drop(batches);
    let run = identity(&manifest, spec, &recipe);
    let plan = Plan { recipe, seed: spec.seed, device: workshop.device, run };
    let mut trainer = Trainer::new(game, &samples, &parent, plan)?;
    tch::set_num_threads(i32::from(workshop.args.train_threads));
    let progress = begin(&mut trainer, workshop).and_then(|()| train(&mut trainer, workshop, report));
    tch::set_num_threads(i32::from(workshop.args.threads));

    let progress = progress?;
    let curve = Some(draw(&trainer, spec, workshop)?);
    let weights = precision::sign(game, trainer.weights()?)?;
    weights.write(&workshop.scratch(MODEL_FILE))?;
    Ok(WorkerResult::Model {
        file: MODEL_FILE.into(),
        parameters: weights.architecture().parameters()?,
        samples: samples.len() as u64,
        progress,
        curve,
        manifest: Some(Box::new(write_manifest(&manifest, workshop)?)),
        dataset: Some(dataset),
        // The weights were read from bytes that were seen to have this hash.
        parent: Some(spec.parent_weights),
    })
}

/// Leaves the manifest beside the model: what it learned from.
fn write_manifest(manifest: &Manifest, workshop: &Workshop<'_>) -> Result<ManifestFile, JobError> {
    let path = workshop.scratch(MANIFEST_FILE);
    fs::write(&path, manifest.to_bytes()).map_err(|error| JobError::write(&path, &error))?;
    let games = manifest.games.len() as u64;
    let held_out = manifest.games.iter().filter(|game| is_held_out(&game.line, manifest.held_out_share)).count() as u64;
    Ok(ManifestFile { file: MANIFEST_FILE.into(), encoder: manifest.encoder, games, held_out })
}

/// The bytes of all batches, each seen to have its hash.
fn read(spec: &TrainSpec, workshop: &Workshop<'_>) -> Result<Vec<(Hash, Vec<u8>)>, JobError> {
    spec.batches.iter().map(|batch| Ok((*batch, inputs::read(workshop.assignment, batch)?))).collect()
}

/// The identity of a dataset of these batches, in order.
fn content<'a>(batches: impl Iterator<Item = &'a Hash>) -> Hash {
    let mut content = blake3::Hasher::new();
    batches.for_each(|batch| {
        content.update(&batch.0);
    });
    Hash(*content.finalize().as_bytes())
}

/// The manifest of the games of all batches, and the samples that follow from it.
fn load<G: Planes>(
    game: &G,
    batches: &[(Hash, Vec<u8>)],
    held_out_share: Real,
    workshop: &Workshop<'_>,
    report: &mut dyn Report,
) -> Result<(Manifest, Samples), JobError> {
    let terms = Terms { held_out_share, weights: workshop.assignment.weights.clone(), ..Terms::default() };
    let mut said = Instant::now();
    let (manifest, samples) = data::gather(game, batches, &terms, || {
        if workshop.go_on().is_break() {
            return Err(JobError::from(LearnError::Cancelled));
        }
        if said.elapsed() >= SIGN_OF_LIFE {
            said = Instant::now();
            report.alive(None);
        }
        Ok(())
    })?;
    let (batches, games) = (batches.len(), manifest.games.len());
    tracing::info!(samples = samples.len(), games, batches, dataset = %manifest.hash(), "dataset loaded");
    Ok((manifest, samples))
}

/// Chooses the numbers to compute in, and goes on where an earlier attempt was.
fn begin<G: Planes>(trainer: &mut Trainer<'_, G>, workshop: &Workshop<'_>) -> Result<(), JobError> {
    if workshop.args.precision == PrecisionArg::Fastest {
        let trial = trainer.choose_precision()?;
        tracing::info!(precision = trial.precision.name(), speed_up = trial.speed_up, "training begins");
    }
    resume(trainer, workshop);
    Ok(())
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
            trainer.checkpoint()?.write(&checkpoint_path(workshop))?;
        }
    }
    Ok(last)
}

/// Where the checkpoint lies: where the node keeps it, or in the job's folder where the node keeps none.
fn checkpoint_path(workshop: &Workshop<'_>) -> PathBuf {
    workshop.assignment.checkpoint.clone().unwrap_or_else(|| workshop.scratch(CHECKPOINT_FILE))
}

/// Goes on from a checkpoint that an earlier attempt left, if there is one that fits.
fn resume<G: Planes>(trainer: &mut Trainer<'_, G>, workshop: &Workshop<'_>) {
    let path = checkpoint_path(workshop);
    if !path.exists() {
        return;
    }
    match Checkpoint::read(&path).and_then(|checkpoint| trainer.resume(checkpoint)) {
        Ok(()) => tracing::info!(step = trainer.steps_done(), "goes on from a checkpoint"),
        Err(error) => tracing::warn!("starts anew, the checkpoint is of no use: {error}"),
    }
}

/// Tells checkpoints of one run from those of another: everything that the result depends on.
fn identity(manifest: &Manifest, spec: &TrainSpec, recipe: &TrainingRecipe) -> String {
    let bytes = serde_json::to_vec(&(manifest.hash(), spec, recipe.hash())).expect("a spec is plain data");
    Hash::of(&bytes).to_string()
}

/// How to train: as planned, if there is a plan and it is for just this dataset and parent.
fn recipe(spec: &TrainSpec, workshop: &Workshop<'_>) -> Result<TrainingRecipe, JobError> {
    let Some(plan) = &workshop.assignment.plan else {
        let message = format!("{} has no plan: nothing says what it is to learn from, and how", spec.run);
        return Err(JobError::lasting(message));
    };
    let same = [
        ("dataset", plan.dataset == spec.dataset && plan.content == content(spec.batches.iter())),
        ("parent model", plan.parent == spec.parent && plan.parent_weights == spec.parent_weights),
        ("recipe", plan.recipe_hash == plan.recipe.hash()),
    ];
    match same.into_iter().find(|(_, same)| !same) {
        Some((what, _)) => {
            Err(JobError::lasting(format!("the {what} of {} is not the one that was planned", spec.run)))
        }
        None => Ok(plan.recipe.clone()),
    }
}

/// Draws the loss curve, and says how the run ended.
fn draw<G: Planes>(trainer: &Trainer<'_, G>, spec: &TrainSpec, workshop: &Workshop<'_>) -> Result<CurveFile, JobError> {
    let best = trainer.best_look();
    let margin =
        best.and_then(|(step, _)| trainer.curve().validation.iter().find(|it| it.step == step)).map(|it| it.margin);
    tracing::info!(steps = trainer.steps_done(), early = trainer.stopped_early(), ?best, margin, "training done");
    let path = workshop.scratch(CURVE_FILE);
    fs::write(&path, trainer.curve().to_svg(spec.run.as_str())).map_err(|error| JobError::write(&path, &error))?;
    let looks = &trainer.curve().validation;
    let at = |step: u32| looks.iter().find(|look| look.step == step);
    Ok(CurveFile {
        file: CURVE_FILE.into(),
        best: best.and_then(|(step, _)| at(step)).and_then(losses),
        last: looks.last().and_then(losses),
    })
}

/// A look in the log's units.
fn losses(look: &Point) -> Option<ValidationLosses> {
    let (policy_loss, value_loss) = (Real::from_f64(look.policy)?, Real::from_f64(look.value)?);
    Some(ValidationLosses { step: look.step, policy_loss, value_loss })
}
