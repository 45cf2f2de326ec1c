//! How fast nets play and learn on this machine: what `kifu-worker bench` prints. Speed is measured here and never asserted.
//!
//! Everything is measured in one run. Self-play goes on in slices; after each slice the same process measures raw inference (32 bits,
//! then the precision that is chosen) and training for as long. Figures are medians over rounds and ratios are medians of a
//! round's ratios, so that a noisy neighbour disturbs all of them alike.

mod material;
mod round;

use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use serde::Serialize;
use tch::Device;

use self::round::{Machines, Played, Round};
use super::error::LearnError;
use super::precision::{self, Chosen, Precision};
use super::speeds::{Speeds, Trial};
use super::weights::Weights;
use crate::game::Planes;
use crate::search::{PlayError, Recipe, SelfPlayPlan, SelfPlayProgress, play_games};

pub use material::{Export, export};

/// Rounds of a measurement.
const ROUNDS: u32 = 5;
/// Slices of a round: self-play, two precisions, training.
const SLICES: u32 = 4;
/// Games of the run; so many that it never comes to its end.
const GAMES: u32 = 1 << 16;
/// Plies at the start of a game that are sampled, as in self-play jobs.
const SAMPLED_PLIES: u32 = 10;

/// What is to be measured.
#[derive(Clone, Debug)]
pub struct BenchPlan {
    /// Where.
    pub device: Device,
    /// How long, in all; a warm-up of a fifth of a slice each is not counted.
    pub during: Duration,
    /// Games at once, which is the batch of raw inference too.
    pub batch: usize,
    /// Samples of a training step.
    pub training_batch: u32,
    /// How each seat thinks.
    pub recipe: Recipe,
    /// Seed of positions, games and samples.
    pub seed: u64,
    /// Whether raw inference and self-play stay with 32 bits.
    pub only_f32: bool,
}

/// What was measured. Rates are a second of wall-clock time.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct BenchReport {
    /// The game's key.
    pub game: String,
    /// The family of the net.
    pub net: String,
    /// Its trainable parameters.
    pub parameters: u64,
    /// Where it ran.
    pub device: String,
    /// Threads of libtorch.
    pub threads: i32,
    /// Games at once, and positions of a batch in raw inference.
    pub batch: usize,
    /// Samples of a training step.
    pub training_batch: u32,
    /// Simulations a move.
    pub simulations: u32,
    /// The precision that is chosen.
    pub precision: &'static str,
    /// What was tried when the net was loaded, and how fast it was then.
    pub trials: Vec<Trial>,
    /// Raw batched inference in 32 bits: encoded positions through the net, copies in and out included.
    pub f32_positions_per_s: f64,
    /// The same in the chosen precision.
    pub positions_per_s: f64,
    /// How much faster that is.
    pub speed_up: f64,
    /// Samples that training steps take in, with their making.
    pub training_samples_per_s: f64,
    /// Positions that self-play evaluates.
    pub leaves_per_s: f64,
    /// The share of [`BenchReport::positions_per_s`] that self-play reaches.
    pub leaves_ratio: f64,
    /// Positions in a batch of self-play, on average.
    pub leaves_per_batch: f64,
    /// Share of self-play's time in which the net runs.
    pub net_share: f64,
    /// Share of self-play's time in which positions are encoded.
    pub encoding_share: f64,
    /// Plies that self-play plays.
    pub plies_per_s: f64,
    /// Games that self-play ends; unknown while not even each game at once has ended.
    pub games_per_s: Option<f64>,
    /// Rounds, each with a slice of everything.
    pub rounds: usize,
    /// How long it took in all.
    pub seconds: f64,
}

/// Measures a net.
///
/// # Errors
/// When the weights are for another game, or the net cannot run or learn.
pub fn measure<G: Planes>(game: &G, weights: &Weights, plan: &BenchPlan) -> Result<BenchReport, LearnError> {
    let began = Instant::now();
    let mut speeds = Speeds::new(plan.batch);
    let mut choose = || match plan.only_f32 {
        true => {
            let evaluator = precision::checked(game, weights, plan.device)?;
            Ok(Chosen { evaluator, trials: vec![Trial::untimed(Precision::F32, None)] })
        }
        false => precision::fastest(game, weights, plan.device, &mut speeds),
    };
    let samples = material::samples(game, plan.training_batch, plan.seed)?;
    let mut machines = Machines::new(game, weights, plan, &samples, choose()?.evaluator)?;
    let slice = plan.during / (ROUNDS * SLICES);
    machines.warm_up(slice / 5)?;
    let Chosen { evaluator: mut playing, trials } = choose()?;
    let mut clock = Clock::new(slice, machines);
    let watch = |progress: &SelfPlayProgress| clock.tick(progress);
    match play_games(game, &mut playing, &self_play(plan), watch) {
        Ok(_) | Err(PlayError::Stopped) => {}
        Err(PlayError::Evaluator(error)) => return Err(error),
        Err(PlayError::Search(error)) => return Err(LearnError::Torch(error.to_string())),
    }
    let Clock { rounds, failed, .. } = clock;
    if let Some(error) = failed {
        return Err(error);
    }
    let usage = playing.usage_within(rounds.iter().map(|round| round.played.wall).sum());
    let mut report = report(game, weights, plan, &rounds)?;
    report.precision = playing.precision().name();
    report.trials = trials;
    if let Some(usage) = usage {
        report.leaves_per_batch = usage.batch;
        report.net_share = usage.net_share;
        report.encoding_share = usage.encoding_share;
    }
    report.seconds = began.elapsed().as_secs_f64();
    Ok(report)
}

fn self_play(plan: &BenchPlan) -> SelfPlayPlan {
    SelfPlayPlan {
        games: GAMES,
        seed: plan.seed,
        recipe: plan.recipe,
        sampled_plies: SAMPLED_PLIES,
        concurrent: plan.batch,
        weights: Some([0; 32]),
    }
}

/// Cuts self-play into slices, and puts a round's other slices between them.
struct Clock<'a, G> {
    slice: Duration,
    machines: Machines<'a, G>,
    /// When the current slice began, and how far self-play was then.
    began: Instant,
    before: SelfPlayProgress,
    rounds: Vec<Round>,
    failed: Option<LearnError>,
}

impl<'a, G: Planes> Clock<'a, G> {
    fn new(slice: Duration, machines: Machines<'a, G>) -> Clock<'a, G> {
        let (began, before) = (Instant::now(), SelfPlayProgress::default());
        Clock { slice, machines, began, before, rounds: Vec::new(), failed: None }
    }

    /// Called after each batch of self-play.
    fn tick(&mut self, now: &SelfPlayProgress) -> ControlFlow<()> {
        let wall = self.began.elapsed();
        if wall < self.slice || now.leaves == self.before.leaves {
            return ControlFlow::Continue(());
        }
        let played = Played {
            wall,
            leaves: now.leaves - self.before.leaves,
            plies: now.plies - self.before.plies,
            games: now.games - self.before.games,
        };
        match self.machines.round(played, self.slice) {
            Ok(round) => self.rounds.push(round),
            Err(error) => {
                self.failed = Some(error);
                return ControlFlow::Break(());
            }
        }
        (self.began, self.before) = (Instant::now(), *now);
        if self.rounds.len() == ROUNDS as usize { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }
}

fn report<G: Planes>(
    game: &G,
    weights: &Weights,
    plan: &BenchPlan,
    rounds: &[Round],
) -> Result<BenchReport, LearnError> {
    let over = |figure: fn(&Round) -> f64| median(rounds.iter().map(figure).collect());
    let games: u32 = rounds.iter().map(|round| round.played.games).sum();
    let plies: u64 = rounds.iter().map(|round| round.played.plies).sum();
    let wall: Duration = rounds.iter().map(|round| round.played.wall).sum();
    Ok(BenchReport {
        game: game.key().to_owned(),
        net: weights.architecture().net.clone(),
        parameters: weights.architecture().parameters()?,
        device: format!("{:?}", plan.device).to_lowercase(),
        threads: tch::get_num_threads(),
        batch: plan.batch,
        training_batch: plan.training_batch,
        simulations: plan.recipe.simulations(),
        precision: "",
        trials: Vec::new(),
        f32_positions_per_s: over(|round| round.f32_positions_per_s),
        positions_per_s: over(|round| round.positions_per_s),
        speed_up: over(|round| round.positions_per_s / round.f32_positions_per_s),
        training_samples_per_s: over(|round| round.training_samples_per_s),
        leaves_per_s: over(|round| round.played.per_s(round.played.leaves)),
        leaves_ratio: over(|round| round.played.per_s(round.played.leaves) / round.positions_per_s),
        leaves_per_batch: 0.0,
        net_share: 0.0,
        encoding_share: 0.0,
        plies_per_s: plies as f64 / wall.as_secs_f64().max(1e-9),
        games_per_s: (games as usize >= plan.batch).then(|| f64::from(games) / wall.as_secs_f64().max(1e-9)),
        rounds: rounds.len(),
        seconds: 0.0,
    })
}

/// The one in the middle; 0 of none.
fn median(mut figures: Vec<f64>) -> f64 {
    figures.sort_by(f64::total_cmp);
    figures.get(figures.len() / 2).copied().unwrap_or(0.0)
}
