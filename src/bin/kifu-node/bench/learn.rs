//! `kifu-node bench learn`

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use clap::Args;
use kifu::cli::{ExitCode, Failure, OutputArgs};
use kifu::search::{Budget, budget};
use serde_json::Value;

use super::teller;

/// The program that measures, beside this one.
const WORKER: &str = "kifu-worker";

/// What a table shows of a report.
const COLUMNS: [&str; 8] = [
    "game",
    "precision",
    "positions_per_s",
    "speed_up",
    "leaves_per_s",
    "leaves_ratio",
    "training_samples_per_s",
    "games_per_s",
];

/// Options of `bench learn`.
#[derive(Args)]
#[command(after_help = "Example:\n  kifu-node bench learn --game ringrift-hex8-2p --net tiny --seconds 30 -o jsonl")]
pub struct Learn {
    /// The games, one after the other
    #[arg(long, default_value = "connect4", value_delimiter = ',')]
    game: Vec<String>,
    /// The family of the net: tiny, small, base or large
    #[arg(long, default_value = "tiny")]
    net: String,
    /// How long each game is measured
    #[arg(long, default_value_t = 40.0)]
    seconds: f64,
    /// Threads of libtorch
    #[arg(long, default_value_t = 1)]
    threads: u16,
    /// Where nets run: auto (a GPU that passes the worker's check, else the CPU), cpu or cuda
    #[arg(long, default_value = "auto")]
    device: String,
    /// Games at once in self-play, which is the batch of raw inference too: a number, or auto as workers choose it
    #[arg(long, value_name = "N|auto", default_value = "64")]
    concurrent: String,
    /// Samples of a training step
    #[arg(long, default_value_t = 256)]
    training_batch: u32,
    /// A model file instead of random weights of that family; it is examined too (`kifu-worker exam`), as `exam` in the report
    #[arg(long, value_name = "FILE")]
    model: Option<PathBuf>,
    /// Compare what the net says of so many positions, on the chosen device and in the chosen precision, with 32 bits on the CPU
    #[arg(long, value_name = "N", default_value_t = 0)]
    parity: u32,
    /// Simulations a move in self-play: a number, or THROUGHPUT, STANDARD, QUALITY, ULTIMATE or MASTER
    #[arg(long, value_name = "BUDGET", default_value_t = Budget::Throughput.simulations(), value_parser = budget::simulations)]
    simulations: u32,
    /// The worker program; kifu-worker beside this program when none is given
    #[arg(long, value_name = "FILE")]
    worker: Option<PathBuf>,
    #[command(flatten)]
    output: OutputArgs,
}

impl Learn {
    /// Measures. This program is not linked with libtorch, so the worker does it.
    pub fn run(self) -> Result<ExitCode, Failure> {
        let worker = self.worker()?;
        let mut tell = teller(&self.output, &COLUMNS);
        for game in &self.game {
            tell(self.measure(&worker, game)?);
        }
        Ok(ExitCode::Ok)
    }

    fn worker(&self) -> Result<PathBuf, Failure> {
        let beside = || std::env::current_exe().ok().map(|program| program.with_file_name(WORKER));
        let worker = self.worker.clone().or_else(beside).unwrap_or_default();
        if worker.is_file() {
            return Ok(worker);
        }
        let missing = format!("there is no worker program {}", worker.display());
        Err(Failure::new(ExitCode::NotFound, missing)
            .hint("build it with `cargo build --release --features torch --bin kifu-worker`, or name it with --worker"))
    }

    fn measure(&self, worker: &Path, game: &str) -> Result<Value, Failure> {
        let mut command = self.command(worker);
        command
            .args(["bench", "--game", game, "--net", &self.net, "--seconds", &self.seconds.to_string()])
            .args(["--training-batch", &self.training_batch.to_string()])
            .args(["--simulations", &self.simulations.to_string(), "--parity", &self.parity.to_string()]);
        if let Some(model) = &self.model {
            command.arg("--model").arg(model);
        }
        let mut report = json_of(worker, command)?;
        report["bench"] = "learn".into();
        if let Some(model) = &self.model {
            let mut command = self.command(worker);
            command.args(["exam", "--output", "json", "--model"]).arg(model);
            report["exam"] = json_of(worker, command)?;
        }
        Ok(report)
    }

    /// The worker with the options of all its verbs.
    fn command(&self, worker: &Path) -> Command {
        let mut command = Command::new(worker);
        command
            .args(["--threads", &self.threads.to_string(), "--train-threads", &self.threads.to_string()])
            .args(["--device", &self.device, "--concurrent", &self.concurrent])
            .env("RUST_LOG", "warn")
            .stdin(Stdio::null())
            .stderr(Stdio::inherit());
        command
    }
}

/// The one JSON object that a program prints.
fn json_of(program: &Path, mut command: Command) -> Result<Value, Failure> {
    let output =
        command.output().map_err(|error| Failure::general(format!("cannot run {}: {error}", program.display())))?;
    if !output.status.success() {
        return Err(Failure::general(format!("{} ended with {}", program.display(), output.status)));
    }
    serde_json::from_slice(&output.stdout)
        .map_err(|error| Failure::general(format!("{} printed no report: {error}", program.display())))
}
