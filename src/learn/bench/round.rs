//! One round of a measurement: a slice of everything.

use std::time::{Duration, Instant};

use super::BenchPlan;
use super::material;
use crate::event::config::TrainConfig;
use crate::event::training::TrainingRecipe;
use crate::event::unit::Real;
use crate::game::Planes;
use crate::learn::error::LearnError;
use crate::learn::frozen::Position;
use crate::learn::infer::NetEvaluator;
use crate::learn::precision::{self, Precision};
use crate::learn::samples::Samples;
use crate::learn::train::{Plan, Trainer};
use crate::learn::weights::Weights;

/// What self-play did in a slice.
#[derive(Clone, Copy, Debug)]
pub(super) struct Played {
    pub wall: Duration,
    pub leaves: u64,
    pub plies: u64,
    pub games: u32,
}

impl Played {
    /// A count of this slice, a second.
    pub fn per_s(&self, count: u64) -> f64 {
        count as f64 / self.wall.as_secs_f64().max(1e-9)
    }
}

/// The figures of a round.
#[derive(Clone, Copy, Debug)]
pub(super) struct Round {
    pub played: Played,
    pub f32_positions_per_s: f64,
    pub positions_per_s: f64,
    pub training_samples_per_s: f64,
}

/// What is measured beside self-play.
pub(super) struct Machines<'a, G> {
    exact: NetEvaluator<G>,
    chosen: NetEvaluator<G>,
    trainer: Trainer<'a, G>,
    batch: usize,
    training_batch: u32,
}

impl<'a, G: Planes> Machines<'a, G> {
    pub fn new(
        game: &'a G,
        weights: &Weights,
        plan: &BenchPlan,
        samples: &'a Samples,
        chosen: NetEvaluator<G>,
    ) -> Result<Machines<'a, G>, LearnError> {
        let mut exact = precision::checked(game, weights, plan.device)?;
        let mut chosen = chosen;
        let positions: Vec<Position<G>> = material::positions(game, plan.batch, plan.seed);
        let batch: Vec<_> = positions.iter().map(|(state, legal)| (state, legal.as_slice())).collect();
        exact.encode(game, &batch);
        chosen.encode(game, &batch);
        let how =
            Plan { recipe: recipe(plan.training_batch), seed: plan.seed, device: plan.device, run: "bench".to_owned() };
        let mut trainer = Trainer::new(game, samples, weights, how)?;
        if !plan.only_f32 {
            trainer.choose_precision()?;
        }
        Ok(Machines { exact, chosen, trainer, batch: plan.batch, training_batch: plan.training_batch })
    }

    /// The numbers in which it trains.
    pub fn training_precision(&self) -> Precision {
        self.trainer.precision()
    }

    /// Runs everything for a while, because first calls are slower.
    pub fn warm_up(&mut self, during: Duration) -> Result<(), LearnError> {
        let nothing = Played { wall: during, leaves: 0, plies: 0, games: 0 };
        self.round(nothing, during).map(drop)
    }

    /// Measures a slice of each, after self-play did `played`.
    pub fn round(&mut self, played: Played, slice: Duration) -> Result<Round, LearnError> {
        let Machines { exact, chosen, trainer, batch, training_batch } = self;
        Ok(Round {
            played,
            f32_positions_per_s: *batch as f64 * rate(slice, || exact.run_encoded().map(drop))?,
            positions_per_s: *batch as f64 * rate(slice, || chosen.run_encoded().map(drop))?,
            training_samples_per_s: f64::from(*training_batch) * rate(slice, || trainer.step().map(drop))?,
        })
    }
}

/// How often `work` is done a second; it is done at least once.
fn rate(during: Duration, mut work: impl FnMut() -> Result<(), LearnError>) -> Result<f64, LearnError> {
    let (began, mut times) = (Instant::now(), 0u32);
    loop {
        work()?;
        times += 1;
        let elapsed = began.elapsed();
        if elapsed >= during {
            return Ok(f64::from(times) / elapsed.as_secs_f64().max(1e-9));
        }
    }
}

/// The recipe of planned runs, without an end and without a look at held-out games.
fn recipe(batch: u32) -> TrainingRecipe {
    TrainConfig { steps: u32::MAX, batch, validation_share: Real::ZERO, ..TrainConfig::default() }.recipe()
}
