//! Training runs.

use super::body::body;
use super::id::{DatasetId, GameKey, Hash, JobId, ModelId, NodeId, RunId};
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

    /// How a run trains: SGD with Nesterov momentum, the learning rate falling to 0 along a cosine after a warm-up.
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
}
