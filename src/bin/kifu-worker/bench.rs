//! `kifu-worker bench`

use std::io::{self, Write as _};
use std::path::PathBuf;
use std::time::Duration;

use clap::Args as Flags;
use kifu::game::Planes;
use kifu::game::registry::{GameVisitor, dispatch};
use kifu::learn::bench::{BenchPlan, BenchReport, Export, export, measure};
use kifu::learn::{Architecture, Family, LearnError, Speeds, Weights, precision};
use kifu::search::{Budget, Recipe, budget};
use tch::Device;

use crate::args::{Args, Concurrent, PrecisionArg};

/// Options of `bench`. Threads, device, precision and games at once are those of the worker.
#[derive(Clone, Debug, Flags)]
#[command(after_help = "Example:\n  kifu-worker --threads 2 bench --game ringrift-hex8-2p --net tiny --seconds 30")]
pub struct Bench {
    /// The game
    #[arg(long, default_value = "connect4")]
    game: String,
    /// The family of the net
    #[arg(long, default_value = "tiny")]
    net: String,
    /// A model file instead of random weights of that family
    #[arg(long, value_name = "FILE")]
    model: Option<PathBuf>,
    /// How long to measure
    #[arg(long, default_value_t = 40.0)]
    seconds: f64,
    /// Samples of a training step
    #[arg(long, default_value_t = 256, value_parser = clap::value_parser!(u32).range(2..=65536))]
    training_batch: u32,
    /// Simulations a move in self-play: a number, or THROUGHPUT, STANDARD, QUALITY, ULTIMATE or MASTER
    #[arg(long, value_name = "BUDGET", default_value_t = Budget::Throughput.simulations(), value_parser = budget::simulations)]
    simulations: u32,
    /// Actions considered at the root
    #[arg(long, default_value_t = 16)]
    considered: u32,
    /// Compare what the net says of so many positions, on the chosen device and in the chosen precision, with 32 bits on the CPU
    #[arg(long, value_name = "N", default_value_t = 0)]
    parity: u32,
    /// Seed of weights, positions and games
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Write the net and its batches here as safetensors, for other programs, and measure nothing
    #[arg(long, value_name = "DIR")]
    export: Option<PathBuf>,
}

impl Bench {
    /// Measures and prints one line.
    pub fn run(&self, args: &Args, device: Device) -> Result<(), String> {
        let found = dispatch(&self.game, Measure { bench: self, args, device }).map_err(|error| error.to_string())?;
        let Some(report) = found? else { return Ok(()) };
        let mut line = serde_json::to_vec(&report).map_err(|error| error.to_string())?;
        line.push(b'\n');
        io::stdout().write_all(&line).map_err(|error| format!("cannot write the report: {error}"))
    }

    fn plan(&self, args: &Args, device: Device, batch: usize) -> Result<BenchPlan, String> {
        Ok(BenchPlan {
            device,
            during: Duration::try_from_secs_f64(self.seconds).map_err(|error| format!("--seconds: {error}"))?,
            batch,
            training_batch: self.training_batch,
            recipe: Recipe::new(self.simulations, self.considered, 1.0).map_err(|error| error.to_string())?,
            seed: self.seed,
            only_f32: args.precision == PrecisionArg::F32,
            parity: self.parity,
        })
    }

    /// Games at once, as a worker with these flags would play.
    fn batch<G: Planes>(&self, game: &G, weights: &Weights, args: &Args, device: Device) -> Result<usize, LearnError> {
        let mut speeds = Speeds::new(args.concurrent.untimed());
        if self.export.is_some() || args.concurrent != Concurrent::Auto {
            return Ok(args.concurrent.untimed());
        }
        let evaluator = match args.precision {
            PrecisionArg::F32 => precision::checked(game, weights, device)?,
            PrecisionArg::Fastest => precision::fastest(game, weights, device, &mut speeds)?.evaluator,
        };
        Ok(precision::sized(game, weights, evaluator, &mut speeds)?.1)
    }
}

struct Measure<'a> {
    bench: &'a Bench,
    args: &'a Args,
    device: Device,
}

impl GameVisitor for Measure<'_> {
    type Output = Result<Option<BenchReport>, String>;

    fn visit<G: Planes>(self, game: G) -> Self::Output {
        let Measure { bench, args, device } = self;
        let weights = match &bench.model {
            Some(path) => Weights::read(path).map(|(weights, _)| weights),
            None => Family::named(&bench.net)
                .and_then(|family| Weights::random(Architecture::of(&game, family), bench.seed)),
        };
        let weights = weights.map_err(|error| error.to_string())?;
        let batch = bench.batch(&game, &weights, args, device).map_err(|error| error.to_string())?;
        let plan = bench.plan(args, device, batch)?;
        let Some(folder) = &bench.export else {
            return measure(&game, &weights, &plan).map(Some).map_err(|error| error.to_string());
        };
        let what = Export { batch: plan.batch, training_batch: plan.training_batch, seed: plan.seed };
        export(&game, &weights, what, folder).map(|()| None).map_err(|error| error.to_string())
    }
}
