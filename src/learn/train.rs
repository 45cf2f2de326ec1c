//! A training run: policy and value learn together from samples.

use std::time::Instant;

use tch::{Device, Kind, Tensor};

use super::batch::{Batch, Sampler};
use super::checkpoint::Checkpoint;
use super::error::LearnError;
use super::meter::Meter;
use super::net::Net;
use super::policy_head::Asked;
use super::recipe::Recipe;
use super::samples::Samples;
use super::sgd::{Nesterov, clear_gradients, clip_gradients};
use super::tower::Heads;
use super::weights::Weights;
use crate::event::training::{TrainRecipe, TrainingProgress};
use crate::game::Planes;

/// A loss this many times that of the first step (or one nat, if that is more) counts as exploded.
const LOSS_GROWTH_MAX: f64 = 10.0;
/// Stands for minus infinity where a position has fewer actions than another: its softmax is exactly 0, and 0 times it is 0.
const FILLING_LOGIT: f32 = -1e9;

/// What a run is, besides the samples.
#[derive(Clone, Debug)]
pub struct Plan {
    /// How to train.
    pub recipe: TrainRecipe,
    /// Seed of shuffling and augmentation.
    pub seed: u64,
    /// Where to train.
    pub device: Device,
    /// Identifies the run in its checkpoints.
    pub run: String,
}

/// Losses of one step, before it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct StepLosses {
    /// Cross-entropy of the policy, in nats.
    pub policy: f64,
    /// Cross-entropy of the value, in nats.
    pub value: f64,
    /// Length of the gradient before clipping.
    pub gradient_norm: f64,
}

/// A run in progress.
pub struct Trainer<'a, G> {
    sampler: Sampler<'a, G>,
    shape: [i64; 4],
    plan: Plan,
    recipe: Recipe,
    net: Net,
    optimizer: Nesterov,
    step: u32,
    first_loss: Option<f64>,
    meter: Meter,
}

impl<'a, G: Planes> Trainer<'a, G> {
    /// A run from `parent`.
    ///
    /// # Errors
    /// [`LearnError::Mismatch`] when the weights are for another game, [`LearnError::Recipe`] when the recipe or the
    /// dataset cannot be used.
    pub fn new(game: &'a G, samples: &'a Samples, parent: &Weights, plan: Plan) -> Result<Self, LearnError> {
        parent.architecture().check_fits(game)?;
        let recipe = Recipe::new(&plan.recipe)?;
        if samples.is_empty() {
            return Err(LearnError::Recipe("the dataset has no position with a policy"));
        }
        let net = Net::new(parent, plan.device)?;
        let optimizer = Nesterov::new(&net, recipe.momentum, recipe.weight_decay)?;
        let shape = samples.shape();
        let shape = [recipe.batch, shape.channels, shape.height, shape.width].map(|side| side as i64);
        let sampler = Sampler::new(game, samples, recipe.batch, plan.seed);
        let meter = Meter::new(recipe.steps, recipe.batch, Instant::now());
        Ok(Trainer { sampler, shape, plan, recipe, net, optimizer, step: 0, first_loss: None, meter })
    }

    /// Goes on where a checkpoint of the same run was taken.
    ///
    /// # Errors
    /// [`LearnError::Mismatch`] when it is of another run; the trainer is unchanged then.
    pub fn resume(&mut self, checkpoint: &Checkpoint) -> Result<(), LearnError> {
        if checkpoint.run != self.plan.run || checkpoint.weights.architecture() != self.net.architecture() {
            let (found, wanted) = (checkpoint.run.clone(), self.plan.run.clone());
            return Err(LearnError::Mismatch { field: "training run", found, wanted });
        }
        let net = Net::new(&checkpoint.weights, self.plan.device)?;
        self.optimizer.load(&net, &checkpoint.velocity)?;
        self.net = net;
        self.step = checkpoint.step;
        self.first_loss = Some(checkpoint.first_loss);
        Ok(())
    }

    /// The run as it is now.
    ///
    /// # Errors
    /// [`LearnError::Weights`] when the net holds values that are not finite.
    pub fn checkpoint(&self) -> Result<Checkpoint, LearnError> {
        Ok(Checkpoint {
            step: self.step,
            run: self.plan.run.clone(),
            first_loss: self.first_loss.unwrap_or(0.0),
            weights: self.net.weights()?,
            velocity: self.optimizer.to_host(&self.net)?,
        })
    }

    /// Steps done.
    pub fn steps_done(&self) -> u32 {
        self.step
    }

    /// True when all steps of the recipe are done.
    pub fn is_done(&self) -> bool {
        self.step >= self.recipe.steps
    }

    /// The weights as they are now.
    ///
    /// # Errors
    /// [`LearnError::Weights`] when they are not finite.
    pub fn weights(&self) -> Result<Weights, LearnError> {
        self.net.weights()
    }

    /// One optimiser step.
    ///
    /// # Errors
    /// [`LearnError::Diverged`] when a figure is not finite or the loss has exploded; the net is unchanged then.
    pub fn step(&mut self) -> Result<StepLosses, LearnError> {
        let batch = self.sampler.batch(self.step);
        let asked = Asked::new(&batch.choices, self.plan.device)?;
        let heads = self.net.forward(&to_input(&batch, &self.shape, self.plan.device)?, &asked, true)?;
        let (policy, value) = losses(&heads, &batch, self.plan.device)?;
        clear_gradients(&self.net)?;
        (&policy + value.f_mul_scalar(self.recipe.value_weight)?).f_backward()?;
        let losses = StepLosses {
            policy: policy.f_double_value(&[])?,
            value: value.f_double_value(&[])?,
            gradient_norm: clip_gradients(&self.net, self.recipe.gradient_norm_max)?,
        };
        self.check(losses)?;
        self.optimizer.step(&self.net, self.recipe.learning_rate(self.step))?;
        self.step += 1;
        self.meter.count(losses);
        Ok(losses)
    }

    /// A report, when one is due: about every second or every 25 steps, and after the last step.
    pub fn report(&mut self) -> Option<TrainingProgress> {
        self.meter.report(self.step, Instant::now())
    }

    /// Refuses figures that show that the run has gone astray.
    fn check(&mut self, losses: StepLosses) -> Result<(), LearnError> {
        let loss = losses.policy + losses.value;
        let first = *self.first_loss.get_or_insert(loss);
        let diverged = |what: String| Err(LearnError::Diverged { step: self.step + 1, what });
        if !loss.is_finite() {
            return diverged(format!("the loss is {loss}"));
        }
        if !losses.gradient_norm.is_finite() {
            return diverged(format!("the gradient's norm is {}", losses.gradient_norm));
        }
        if loss > LOSS_GROWTH_MAX * first.max(1.0) {
            return diverged(format!("the loss rose from {first:.3} to {loss:.3}"));
        }
        Ok(())
    }
}

/// A batch's positions on the device.
fn to_input(batch: &Batch, shape: &[i64; 4], device: Device) -> Result<Tensor, LearnError> {
    Ok(Tensor::f_from_slice(&batch.planes)?.f_reshape(shape)?.f_to_device(device)?)
}

/// Mean cross-entropies of policy (over legal actions) and value.
fn losses(heads: &Heads, batch: &Batch, device: Device) -> Result<(Tensor, Tensor), LearnError> {
    let table = |flat: &[f32]| -> Result<Tensor, LearnError> {
        Ok(Tensor::f_from_slice(flat)?.f_reshape([batch.len as i64, -1])?.f_to_device(device)?)
    };
    let rows = Tensor::f_from_slice(&batch.choices.rows())?.f_to_device(device)?;
    let filling = Tensor::f_from_slice(&[FILLING_LOGIT])?.f_to_device(device)?;
    let logits =
        Tensor::f_cat(&[&heads.policy, &filling], 0)?.f_index_select(0, &rows)?.f_reshape([batch.len as i64, -1])?;
    let policy = table(&batch.choices.spread(&batch.policy))?;
    Ok((cross_entropy(&logits, &policy)?, cross_entropy(&heads.value, &table(&batch.value)?)?))
}

/// Cross-entropy of soft targets, mean over rows.
fn cross_entropy(logits: &Tensor, targets: &Tensor) -> Result<Tensor, LearnError> {
    let sums = (logits.f_log_softmax(1, Kind::Float)? * targets).f_sum_dim_intlist(1, false, Kind::Float)?;
    Ok(sums.f_mean(Kind::Float)?.f_neg()?)
}
