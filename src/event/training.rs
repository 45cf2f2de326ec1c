//! Training runs.

use super::body::body;
use super::id::{DatasetId, GameKey, Hash, JobId, ModelId, NodeId, RunId};
use super::registry::bytes_of;
use super::unit::{Real, Seq};

body! {
    /// `TRAINING_TRIGGERED`: a run was decided on; it makes the candidate of `generation`.
    pub struct TrainingTriggered {
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
    }

    /// `TRAINING_STARTED`: a host has begun the run.
    pub struct TrainingStarted {
        /// The run.
        pub run: RunId,
        /// The job that carries it.
        pub job: JobId,
        /// The host.
        pub host: NodeId,
        /// The lease's fencing token.
        pub token: Seq,
    }

    /// `TRAINING_PROGRESSED`: where the run stands.
    pub struct TrainingProgressed {
        /// The run.
        pub run: RunId,
        /// Where it stands.
        pub progress: TrainingProgress,
    }

    /// `TRAINING_COMPLETED`: the run made a model, which is a candidate from now on.
    pub struct TrainingCompleted {
        /// The run.
        pub run: RunId,
        /// The candidate.
        pub model: ModelId,
        /// Its weights.
        pub weights: Hash,
        /// Trainable parameters of the net.
        pub parameters: u64,
        /// Samples in the dataset (before augmentation).
        pub samples: u64,
        /// The last figures.
        pub progress: TrainingProgress,
    }

    /// `TRAINING_FAILED`: the run ended without a model.
    pub struct TrainingFailed {
        /// The run.
        pub run: RunId,
        /// Why, in words.
        pub reason: String,
    }

    /// How a run trained before runs were planned (see [`TrainingPlan`]), and still does where the cluster cannot read plans: SGD with
    /// Nesterov momentum, the learning rate falling to 0 along a cosine after a warm-up.
    pub struct TrainRecipe {
        /// Optimiser steps.
        pub steps: u32,
        /// Samples a step.
        pub batch: u32,
        /// The highest learning rate.
        pub learning_rate: Real,
        /// Steps of linear warm-up.
        pub warmup_steps: u32,
        /// Nesterov momentum.
        pub momentum: Real,
        /// L2 decay of weights.
        pub weight_decay: Real,
        /// Weight of the value loss against the policy loss.
        pub value_weight: Real,
        /// The gradient's norm is clipped to this.
        pub gradient_norm_max: Real,
    }

    /// Where a run stands.
    pub struct TrainingProgress {
        /// Steps done.
        pub step: u32,
        /// Steps in all.
        pub steps: u32,
        /// Mean policy loss (cross-entropy, nats) since the last report.
        pub policy_loss: Real,
        /// Mean value loss (cross-entropy, nats) since the last report.
        pub value_loss: Real,
        /// Samples a second.
        pub samples_per_second: Real,
    }

    /// `TRAINING_PLANNED`: everything that the result of a run depends on, fixed before it begins.
    pub struct TrainingPlanned {
        /// The run.
        pub run: RunId,
        /// What it is.
        pub plan: TrainingPlan,
    }

    /// `TRAINING_CURVE_RECORDED`: a run that made a model drew its losses. It comes before the run's `TRAINING_COMPLETED`.
    pub struct TrainingCurveRecorded {
        /// The run.
        pub run: RunId,
        /// What it drew.
        pub curve: TrainingCurve,
    }

    /// `TRAINING_MANIFEST_RECORDED`: what a run that made a model learned from, game by game. It comes before the run's
    /// `TRAINING_COMPLETED`.
    pub struct TrainingManifestRecorded {
        /// The run.
        pub run: RunId,
        /// What it learned from.
        pub manifest: TrainingManifest,
    }

    /// The manifest of a run: the blob that names each game with its weight, and what stands in it.
    pub struct TrainingManifest {
        /// The manifest, as JSON. The same games, weights and encoder have the same hash.
        pub artifact: Hash,
        /// What turned positions into inputs.
        pub encoder: Hash,
        /// Games in it.
        pub games: u64,
        /// Games of these that were held out.
        pub held_out: u64,
    }

    /// The losses of a run: as a picture, and what it looked like on the held-out games.
    pub struct TrainingCurve {
        /// The picture, an SVG.
        pub artifact: Hash,
        /// The best look at the held-out games, whose weights became the model; none without validation.
        pub best: Option<ValidationLosses>,
        /// The last look; none without validation.
        pub last: Option<ValidationLosses>,
    }

    /// What a look at the held-out games found.
    #[derive(Copy)]
    pub struct ValidationLosses {
        /// Steps done.
        pub step: u32,
        /// Cross-entropy of the policy, in nats.
        pub policy_loss: Real,
        /// Cross-entropy of the value, in nats.
        pub value_loss: Real,
    }

    /// What a run learns from, what it starts from, and how it trains. All of it is named by hashes of content.
    pub struct TrainingPlan {
        /// The dataset.
        pub dataset: DatasetId,
        /// The identity of its content.
        pub content: Hash,
        /// The model that training starts from.
        pub parent: ModelId,
        /// Its weights.
        pub parent_weights: Hash,
        /// How to train.
        pub recipe: TrainingRecipe,
        /// BLAKE3 of the recipe's bytes: its identity.
        pub recipe_hash: Hash,
    }

    /// How a run trains. The learning rate rises along a line, then falls to 0 along a cosine.
    pub struct TrainingRecipe {
        /// Optimiser steps at most.
        pub steps: u32,
        /// Samples a step.
        pub batch: u32,
        /// Steps of linear warm-up.
        pub warmup_steps: u32,
        /// What turns gradients into steps.
        pub optimizer: Optimizer,
        /// Weight of the value loss against the policy loss.
        pub value_weight: Real,
        /// The gradient's norm is clipped to this.
        pub gradient_norm_max: Real,
        /// A loss this many times that of the first step counts as exploded and ends the run.
        pub loss_growth_max: Real,
        /// Decay a step of the moving average of the weights, which is what becomes the model. 0: the weights themselves.
        pub average_decay: Real,
        /// How the run is checked against games that it does not learn from.
        pub validation: Validation,
    }

    /// What turns gradients into steps. Neither decays norms and biases.
    pub enum Optimizer {
        /// Stochastic gradient descent with Nesterov momentum.
        Nesterov(Nesterov),
        /// Adam with decoupled weight decay (Loshchilov and Hutter 2019).
        AdamW(AdamW),
    }

    /// See [`Optimizer::Nesterov`].
    pub struct Nesterov {
        /// The highest learning rate.
        pub learning_rate: Real,
        /// Momentum.
        pub momentum: Real,
        /// L2 decay, added to the gradient.
        pub weight_decay: Real,
    }

    /// See [`Optimizer::AdamW`].
    pub struct AdamW {
        /// The highest learning rate.
        pub learning_rate: Real,
        /// Decay of the gradient's mean.
        pub beta1: Real,
        /// Decay of the gradient's mean square.
        pub beta2: Real,
        /// Decay of the weights, multiplied by the learning rate.
        pub weight_decay: Real,
    }

    /// Validation while a run goes on.
    pub struct Validation {
        /// Share of the games that are held out; 0: no validation, and no early stop.
        pub share: Real,
        /// Held-out positions that are looked at, at most.
        pub samples_max: u32,
        /// Steps between two looks.
        pub every_steps: u32,
        /// Looks in a row without a better loss after which the run stops.
        pub patience: u32,
    }
}

impl TrainingRecipe {
    /// The recipe's identity: BLAKE3 of its bytes.
    pub fn hash(&self) -> Hash {
        Hash::of(&bytes_of(self))
    }
}

impl Optimizer {
    /// The highest learning rate.
    pub fn learning_rate(&self) -> Real {
        match self {
            Optimizer::Nesterov(it) => it.learning_rate,
            Optimizer::AdamW(it) => it.learning_rate,
        }
    }
}

/// What the frozen figures of the first release mean: SGD, no average, no validation.
impl From<&TrainRecipe> for TrainingRecipe {
    fn from(old: &TrainRecipe) -> TrainingRecipe {
        TrainingRecipe {
            steps: old.steps,
            batch: old.batch,
            warmup_steps: old.warmup_steps,
            optimizer: Optimizer::Nesterov(Nesterov {
                learning_rate: old.learning_rate,
                momentum: old.momentum,
                weight_decay: old.weight_decay,
            }),
            value_weight: old.value_weight,
            gradient_norm_max: old.gradient_norm_max,
            loss_growth_max: Real(10 * Real::SCALE),
            average_decay: Real::ZERO,
            validation: Validation { share: Real::ZERO, samples_max: 0, every_steps: 0, patience: 0 },
        }
    }
}
