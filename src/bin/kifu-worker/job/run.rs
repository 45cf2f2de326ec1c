//! From an assignment to the job that does it.

use std::cell::RefCell;
use std::ops::ControlFlow;
use std::path::PathBuf;

use kifu::event::GameKey;
use kifu::event::jobs::{JobSpec, SearchRecipe};
use kifu::game::Planes;
use kifu::game::registry::{GameVisitor, dispatch};
use kifu::learn::{NetEvaluator, Speeds, Weights, precision};
use kifu::search::Recipe;
use kifu::work::protocol::{Assignment, WorkerResult};
use tch::Device;

use super::error::JobError;
use super::{gauntlet, init_model, self_play, train};
use crate::args::{Args, Concurrent, PrecisionArg};
use crate::listen::StopFlag;
use crate::speak::Report;

/// What every job works with.
pub struct Workshop<'a> {
    /// The worker's flags.
    pub args: &'a Args,
    /// Where nets run.
    pub device: Device,
    /// The job.
    pub assignment: &'a Assignment,
    /// Raised when the job should stop.
    pub stop: &'a StopFlag,
    /// How fast nets were measured to be, for the life of the worker.
    pub speeds: &'a RefCell<Speeds>,
}

impl Workshop<'_> {
    /// A file of the scratch folder.
    pub fn scratch(&self, name: &str) -> PathBuf {
        self.assignment.scratch.join(name)
    }

    /// Stop, if asked to.
    pub fn go_on(&self) -> ControlFlow<()> {
        if self.stop.is_raised() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }

    /// What evaluates positions with these weights, after it has answered for the frozen positions.
    pub fn evaluator<G: Planes>(&self, game: &G, weights: &Weights) -> Result<NetEvaluator<G>, JobError> {
        Ok(match self.args.precision {
            PrecisionArg::Fastest => {
                precision::fastest(game, weights, self.device, &mut self.speeds.borrow_mut())?.evaluator
            }
            PrecisionArg::F32 => precision::checked(game, weights, self.device)?,
        })
    }

    /// Games at once for a job of `games` games that this evaluator plays, and the evaluator. Changes nothing in the games.
    pub fn seated<G: Planes>(
        &self,
        game: &G,
        weights: &Weights,
        evaluator: NetEvaluator<G>,
        games: u32,
    ) -> Result<(NetEvaluator<G>, usize), JobError> {
        let games = games.max(1) as usize;
        let (evaluator, most) = match self.args.concurrent {
            // As many as there are: they make no batch that need be timed.
            Concurrent::Auto if games <= Speeds::BATCH_MIN => (evaluator, games),
            Concurrent::Auto => precision::sized(game, weights, evaluator, &mut self.speeds.borrow_mut())?,
            Concurrent::Games(most) => (evaluator, usize::from(most)),
        };
        Ok((evaluator, most.min(games)))
    }
}

/// Runs a job of any kind that this worker has announced.
pub fn run(workshop: &Workshop<'_>, report: &mut dyn Report) -> Result<WorkerResult, JobError> {
    let game = game_of(&workshop.assignment.spec)?;
    dispatch(&game.0, Job { workshop, report })?
}

/// How a model thinks, checked.
pub fn recipe(search: &SearchRecipe) -> Result<Recipe, JobError> {
    Ok(Recipe::new(search.simulations, search.considered, search.gumbel_scale.to_f64() as f32)?)
}

struct Job<'a, 'b> {
    workshop: &'a Workshop<'b>,
    report: &'a mut dyn Report,
}

impl GameVisitor for Job<'_, '_> {
    type Output = Result<WorkerResult, JobError>;

    fn visit<G: Planes>(self, game: G) -> Self::Output {
        let Job { workshop, report } = self;
        match &workshop.assignment.spec {
            JobSpec::SelfPlay(spec) => self_play::run(&game, spec, workshop, report),
            JobSpec::InitModel(spec) => init_model::run(&game, spec, workshop),
            JobSpec::Train(spec) => train::run(&game, spec, workshop, report),
            JobSpec::Gauntlet(spec) => gauntlet::run(&game, spec, workshop, report),
            JobSpec::Verify(_) | JobSpec::External(_) => Err(unknown_kind(&workshop.assignment.spec)),
        }
    }
}

fn game_of(spec: &JobSpec) -> Result<&GameKey, JobError> {
    match spec {
        JobSpec::SelfPlay(spec) => Ok(&spec.game),
        JobSpec::InitModel(spec) => Ok(&spec.game),
        JobSpec::Train(spec) => Ok(&spec.game),
        JobSpec::Gauntlet(spec) => Ok(&spec.game),
        JobSpec::Verify(_) | JobSpec::External(_) => Err(unknown_kind(spec)),
    }
}

fn unknown_kind(spec: &JobSpec) -> JobError {
    JobError::passing(format!("kifu-worker does not run {} jobs, see its hello", spec.kind().name()))
}
