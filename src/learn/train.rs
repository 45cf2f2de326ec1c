//! A training run: policy and value learn together from samples.

mod adamw;
pub(super) mod average;
pub(super) mod gradients;
pub(super) mod losses;
mod nesterov;
mod numbers;
pub(super) mod optimizer;
mod stopping;
mod validation;
mod verdict;

use std::time::Instant;

use tch::{Device, Tensor};

use self::average::Average;
use self::gradients::Gradient;
use self::losses::{Losses, losses, to_input};
use self::numbers::Pass;
use self::optimizer::Optimizer;
use self::stopping::Stopping;
use self::validation::HeldOut;
use super::batch::Sampler;
use super::checkpoint::{Checkpoint, RunProgress};
use super::curve::{Curve, Point};
use super::error::LearnError;
use super::meter::Meter;
use super::net::Net;
use super::policy_head::Asked;
use super::precision::Precision;
use super::recipe::Recipe;
use super::samples::Samples;
use super::speeds::{Trial, choose};
use super::split::split;
use super::weights::Weights;
use crate::event::training::{TrainingProgress, TrainingRecipe};
use crate::game::Planes;

/// What a run is, besides the samples.
#[derive(Clone, Debug)]
pub struct Plan {
    /// How to train.
    pub recipe: TrainingRecipe,
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
    /// Binary cross-entropy of the margins, in nats; 0 where there are none.
    pub margin: f64,
    /// Length of the gradient before clipping.
    pub gradient_norm: f64,
}

impl StepLosses {
    /// Reads the figures from the device at once: each read waits until the device has done all that it was asked to do.
    fn read(losses: &Losses, gradient_norm: &Tensor) -> Result<StepLosses, LearnError> {
        let figures = [&losses.policy, &losses.value, &losses.margin, gradient_norm];
        let mut read = [0.0f32; 4];
        Tensor::f_stack(&figures, 0)?.f_detach()?.f_to_device(Device::Cpu)?.f_copy_data(&mut read, 4)?;
        let [policy, value, margin, gradient_norm] = read.map(f64::from);
        Ok(StepLosses { policy, value, margin, gradient_norm })
    }
}

/// A run in progress.
pub struct Trainer<'a, G> {
    sampler: Sampler<'a, G>,
    shape: [i64; 3],
    plan: Plan,
    recipe: Recipe,
    net: Net,
    precision: Precision,
    optimizer: Optimizer,
    average: Option<Average>,
    held_out: Option<HeldOut>,
    stopping: Stopping,
    best: Option<Weights>,
    step: u32,
    first_loss: Option<f64>,
    curve: Curve,
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
        let looks = &plan.recipe.validation;
        let sides = split(samples, looks.share)?;
        let net = Net::new(parent, plan.device)?;
        let shape = samples.shape();
        Ok(Trainer {
            optimizer: Optimizer::new(&net, &plan.recipe.optimizer)?,
            average: recipe.average_decay.map(|decay| Average::new(&net, decay)).transpose()?,
            held_out: HeldOut::new(game, samples, &sides.validation, looks.samples_max, plan.device),
            stopping: Stopping::new(looks.patience),
            sampler: Sampler::new(game, samples, sides.train, recipe.batch, plan.seed),
            shape: [shape.channels, shape.height, shape.width].map(|side| side as i64),
            best: None,
            step: 0,
            first_loss: None,
            curve: Curve::new(recipe.steps),
            meter: Meter::new(recipe.steps, recipe.batch, Instant::now()),
            plan,
            recipe,
            net,
            precision: Precision::F32,
        })
    }

    /// Computes in the fastest numbers that find the loss and the gradient of the first batch that 32 bits find; without this call, in 32 bits.
    /// Weights, optimiser and average are of 32 bits in any case. A run that goes on from a checkpoint goes on in its numbers.
    ///
    /// # Errors
    /// When the net cannot run.
    pub fn choose_precision(&mut self) -> Result<Trial, LearnError> {
        let (weights, batch) = (self.net.weights()?, self.sampler.batch(0));
        let (shape, value_weight, device) = (self.shape, self.recipe.value_weight, self.plan.device);
        let mut trials = Pass { weights: &weights, batch: &batch, shape, value_weight, device }.trials()?;
        let chosen = choose(&trials);
        for Trial { precision, refused, speed_up, .. } in &trials {
            tracing::debug!(precision = precision.name(), speed_up, ?refused, "precision tried for training");
        }
        let trial = trials.swap_remove(chosen);
        self.compute_in(trial.precision);
        Ok(trial)
    }

    /// Computes in these numbers from now on.
    pub(super) fn compute_in(&mut self, precision: Precision) {
        self.net.compute_in(precision);
        self.precision = precision;
    }

    /// The numbers in which it computes losses and gradients.
    pub fn precision(&self) -> Precision {
        self.precision
    }

    /// Goes on where a checkpoint of the same run was taken.
    ///
    /// # Errors
    /// [`LearnError::Mismatch`] when it is of another run, [`LearnError::Weights`] when it lacks something; the trainer is
    /// unchanged then.
    pub fn resume(&mut self, checkpoint: Checkpoint) -> Result<(), LearnError> {
        let RunProgress { run, step, first_loss, best_step, best_loss, worse, curve, bits } = checkpoint.progress;
        if run != self.plan.run || checkpoint.weights.architecture() != self.net.architecture() {
            return Err(LearnError::Mismatch { field: "training run", found: run, wanted: self.plan.run.clone() });
        }
        let Some(precision) = Precision::ALL.into_iter().find(|it| it.bits() == bits) else {
            return Err(LearnError::Mismatch { field: "bits", found: bits.to_string(), wanted: "32 or 16".to_owned() });
        };
        let net = Net::new(&checkpoint.weights, self.plan.device)?;
        let average = match (self.recipe.average_decay, &checkpoint.average) {
            (None, _) => None,
            (Some(decay), Some(weights)) => {
                let mut average = Average::new(&net, decay)?;
                average.load(&net, weights)?;
                Some(average)
            }
            (Some(_), None) => return Err(LearnError::Weights { reason: "the checkpoint has no average".to_owned() }),
        };
        self.optimizer.load(&net, &checkpoint.optimizer)?;
        let best = (best_step > 0).then_some((best_step, best_loss));
        self.stopping = Stopping { best, worse, ..self.stopping };
        (self.net, self.average, self.best) = (net, average, checkpoint.best);
        self.compute_in(precision);
        (self.step, self.first_loss, self.curve) = (step, Some(first_loss), curve);
        Ok(())
    }

    /// The run as it is now.
    ///
    /// # Errors
    /// [`LearnError::Weights`] when the net holds values that are not finite.
    pub fn checkpoint(&mut self) -> Result<Checkpoint, LearnError> {
        let (best_step, best_loss) = self.stopping.best.unwrap_or((0, 0.0));
        Ok(Checkpoint {
            progress: RunProgress {
                run: self.plan.run.clone(),
                step: self.step,
                first_loss: self.first_loss.unwrap_or(0.0),
                best_step,
                best_loss,
                worse: self.stopping.worse,
                curve: self.curve.clone(),
                bits: self.precision.bits(),
            },
            weights: self.net.weights()?,
            optimizer: self.optimizer.remembered(&self.net)?,
            average: self.average.as_ref().map(|average| average.weights(&self.net)).transpose()?,
            best: self.best.clone(),
        })
    }

    /// Steps done.
    pub fn steps_done(&self) -> u32 {
        self.step
    }

    /// True when all steps of the recipe are done, or the held-out games show that more would not help.
    pub fn is_done(&self) -> bool {
        self.step >= self.recipe.steps || self.stopped_early()
    }

    /// True when the run has ended before its last step because the validation loss no longer fell.
    pub fn stopped_early(&self) -> bool {
        self.stopping.is_over()
    }

    /// The losses so far.
    pub fn curve(&self) -> &Curve {
        &self.curve
    }

    /// The step and the loss of the best look at the held-out games; none without validation.
    pub fn best_look(&self) -> Option<(u32, f64)> {
        self.stopping.best
    }

    /// What the run has made so far: the average of the weights (where the recipe wants one) at the best look at the held-out
    /// games (where there are any).
    ///
    /// # Errors
    /// [`LearnError::Weights`] when they are not finite.
    pub fn weights(&self) -> Result<Weights, LearnError> {
        match &self.best {
            Some(best) => Ok(best.clone()),
            None => self.current(),
        }
    }

    /// The averaged weights as they are now.
    fn current(&self) -> Result<Weights, LearnError> {
        match &self.average {
            Some(average) => average.weights(&self.net),
            None => self.net.weights(),
        }
    }

    /// One optimiser step, and a look at the held-out games when one is due.
    ///
    /// # Errors
    /// [`LearnError::Diverged`] when a figure is not finite or the loss has exploded; the net is unchanged then.
    /// [`LearnError::Collapsed`] after the last step, when the held-out games show that the run lost what its parent knew.
    pub fn step(&mut self) -> Result<StepLosses, LearnError> {
        self.look_at_parent()?;
        let batch = self.sampler.batch(self.step);
        let asked = Asked::new(&batch.choices, self.plan.device)?;
        let heads = self.net.forward(&to_input(&batch, self.shape, self.plan.device)?, &asked, true)?;
        let losses = losses(&heads, &batch, self.plan.device)?;
        let mut gradient = Gradient::of(&losses.total(self.recipe.value_weight)?, &self.net)?;
        let losses = StepLosses::read(&losses, &gradient.norm()?)?;
        self.check(losses)?;
        gradient.clip(losses.gradient_norm, self.recipe.gradient_norm_max)?;
        self.optimizer.step(&self.net, &gradient, self.recipe.learning_rate(self.step), self.step)?;
        if let Some(average) = &mut self.average {
            average.follow(&self.net, self.step)?;
        }
        self.step += 1;
        self.meter.count(losses);
        let StepLosses { policy, value, margin, .. } = losses;
        self.curve.trained(Point { step: self.step, policy, value, margin });
        self.look()?;
        if self.is_done() {
            self.judge()?;
        }
        Ok(losses)
    }

    /// A report, when one is due: about every second or every 25 steps, and after the last step.
    pub fn report(&mut self) -> Option<TrainingProgress> {
        self.meter.report(self.step, self.is_done(), Instant::now())
    }

    /// Looks at the held-out games before the first step: what the parent knows of them. No best look: its weights are there already.
    fn look_at_parent(&mut self) -> Result<(), LearnError> {
        let Some(held_out) = self.held_out.as_ref().filter(|_| self.step == 0 && self.curve.validation.is_empty())
        else {
            return Ok(());
        };
        let found = held_out.losses(&self.current()?, 0)?;
        self.curve.validated(found);
        Ok(())
    }

    /// Refuses a run that lost what its parent knew. Nothing is concluded without a look at the parent, as in runs from checkpoints of
    /// builds that did not look, or where few positions are held out.
    fn judge(&self) -> Result<(), LearnError> {
        let enough = |held_out: &&HeldOut| held_out.positions() >= verdict::POSITIONS_MIN;
        let parent = self.curve.validation.first().filter(|look| look.step == 0);
        let Some((held_out, parent)) = self.held_out.as_ref().filter(enough).zip(parent) else { return Ok(()) };
        let best = self.stopping.best.and_then(|(step, _)| self.curve.validation.iter().find(|it| it.step == step));
        match verdict::fault(parent, best, held_out.chance()) {
            None => Ok(()),
            Some(what) => Err(LearnError::Collapsed { steps: self.step, what }),
        }
    }

    /// Looks at the held-out games when a look is due: every so many steps, and after the last one.
    fn look(&mut self) -> Result<(), LearnError> {
        let due = self.step.is_multiple_of(self.plan.recipe.validation.every_steps.max(1));
        let Some(held_out) = self.held_out.as_ref().filter(|_| due || self.step >= self.recipe.steps) else {
            return Ok(());
        };
        let diverged = |error: LearnError| LearnError::Diverged { step: self.step, what: error.to_string() };
        let weights = self.current().map_err(diverged)?;
        let found = held_out.losses(&weights, self.step)?;
        self.curve.validated(found);
        if self.stopping.look(self.step, found.policy + self.recipe.value_weight * found.value) {
            self.best = Some(weights);
        }
        Ok(())
    }

    /// Refuses figures that show that the run has gone astray.
    fn check(&mut self, losses: StepLosses) -> Result<(), LearnError> {
        let loss = losses.policy + losses.value + losses.margin;
        let first = *self.first_loss.get_or_insert(loss);
        let diverged = |what: String| Err(LearnError::Diverged { step: self.step + 1, what });
        if !loss.is_finite() {
            return diverged(format!("the loss is {loss}"));
        }
        if !losses.gradient_norm.is_finite() {
            return diverged(format!("the gradient's norm is {}", losses.gradient_norm));
        }
        if loss > self.recipe.loss_growth_max * first.max(1.0) {
            return diverged(format!("the loss rose from {first:.3} to {loss:.3}"));
        }
        Ok(())
    }
}
