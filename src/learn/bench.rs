//! How fast nets play and learn on this machine: what `kifu-worker bench` prints. Speed is measured here and never asserted.
//!
//! Everything is measured in one run. Self-play goes on in slices; after each slice the same process measures raw inference (32 bits,
//! then the precision that is chosen) and training for as long. Figures are medians over rounds and ratios are medians of a
//! round's ratios, so that a noisy neighbour disturbs all of them alike.

mod material;
mod parity;
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
pub use parity::Parity;

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
    /// Positions of which the net's words are compared with those of 32 bits on the processor; 0: none.
    pub parity: u32,
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
    /// The numbers in which training computes.
    pub training_precision: &'static str,
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
    /// Games that self-play ends, or would end: an estimate where [`BenchReport::games_are_estimated`].
    pub games_per_s: f64,
    /// True when so few games ended that their rate says nothing, fewer than are played at once: then it is the rate of plies, or of leaves
    /// over simulations, divided by [`BenchReport::plies_per_game`].
    pub games_are_estimated: bool,
    /// Plies of a game, on average over those without a net that samples come from.
    pub plies_per_game: f64,
    /// How far the chosen device and precision are from 32 bits on the processor, where it was asked.
    pub parity: Option<Parity>,
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
    let (samples, plies_per_game) = material::samples(game, plan.training_batch, plan.seed)?;
    let mut machines = Machines::new(game, weights, plan, &samples, choose()?.evaluator)?;
    let slice = plan.during / (ROUNDS * SLICES);
    let training_precision = machines.training_precision().name();
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
    let mut report = report(game, weights, plan, &rounds, plies_per_game)?;
    report.precision = playing.precision().name();
    report.training_precision = training_precision;
    report.trials = trials;
    if let Some(usage) = usage {
        report.leaves_per_batch = usage.batch;
        report.net_share = usage.net_share;
        report.encoding_share = usage.encoding_share;
    }
    if plan.parity > 0 {
        report.parity = Some(parity::compare(game, weights, &mut playing, plan.parity, plan.seed)?);
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
        opening_plies_max: 0,
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
    plies_per_game: f64,
) -> Result<BenchReport, LearnError> {
    let over = |figure: fn(&Round) -> f64| median(rounds.iter().map(figure).collect());
    let games: u32 = rounds.iter().map(|round| round.played.games).sum();
    let plies: u64 = rounds.iter().map(|round| round.played.plies).sum();
    let wall = rounds.iter().map(|round| round.played.wall).sum::<Duration>().as_secs_f64().max(1e-9);
    let plies_per_s = plies as f64 / wall;
    let leaves: u64 = rounds.iter().map(|round| round.played.leaves).sum();
    let (ended, played) = ((games, plies, leaves), (plan.batch, plan.recipe.simulations()));
    let (games, games_are_estimated) = games_of(ended, played, plies_per_game);
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
        training_precision: "",
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
        plies_per_s,
        games_per_s: games / wall,
        games_are_estimated,
        plies_per_game,
        parity: None,
        rounds: rounds.len(),
        seconds: 0.0,
    })
}

/// How many games ended, or would have: of games, plies and leaves the first that is at least as many as are played at once says it, because the
/// short ones end first. True where it is an estimate: a leaf is a simulation's share of a ply.
fn games_of(
    (games, plies, leaves): (u32, u64, u64),
    (at_once, simulations): (usize, u32),
    plies_per_game: f64,
) -> (f64, bool) {
    let plies_per_game = plies_per_game.max(1.0);
    match at_once as u64 {
        enough if u64::from(games) >= enough => (f64::from(games), false),
        enough if plies >= enough => (plies as f64 / plies_per_game, true),
        _ => (leaves as f64 / f64::from(simulations.max(1)) / plies_per_game, true),
    }
}

/// The one in the middle; 0 of none.
fn median(mut figures: Vec<f64>) -> f64 {
    figures.sort_by(f64::total_cmp);
    figures.get(figures.len() / 2).copied().unwrap_or(0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn games_are_counted_once_as_many_ended_as_are_played_at_once_and_estimated_before() {
        for (ended, expected) in [
            ((4, 99, 800), (4.0, false)),
            ((3, 99, 800), (9.9, true)),
            ((0, 4, 32), (0.4, true)),
            ((0, 3, 24), (0.3, true)),
            ((0, 0, 4), (0.05, true)),
        ] {
            let (games, is_estimate) = games_of(ended, (4, 8), 10.0);
            assert!((games - expected.0).abs() < 1e-9 && is_estimate == expected.1, "{ended:?}: {games}");
        }
    }
}
