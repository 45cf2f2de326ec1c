//! `kifu-worker exam`: how often a model finds an optimal move in solved positions of Connect Four, and of other games how well it expects
//! how near each seat comes to a win.

mod near;

use std::io::{self, Write as _};
use std::path::PathBuf;

use clap::{Args, ValueEnum};
use kifu::event::Hash;
use kifu::game::Game as _;
use kifu::game::connect4::ConnectFour;
use kifu::game::connect4::problems::Problem;
use kifu::game::registry::dispatch;
use kifu::learn::{LearnError, NetEvaluator, Weights, precision};
use kifu::search::exam::{Marks, by_policy, by_search};
use kifu::search::{Budget, PlayError, budget};
use tch::Device;

/// Options of `exam`. The model says which game it is of.
#[derive(Args, Clone, Debug)]
pub struct Exam {
    /// The model file (safetensors), as the cluster stores it
    #[arg(long, value_name = "FILE")]
    pub model: PathBuf,

    /// Simulations of the search for each solved position: a number, or THROUGHPUT, STANDARD, QUALITY, ULTIMATE or MASTER
    #[arg(long, value_name = "BUDGET", default_value_t = Budget::Standard.simulations(), value_parser = budget::simulations)]
    pub simulations: u32,

    /// Games of the game's own judgement whose positions a model with a margin head is asked about
    #[arg(long, value_name = "N", default_value_t = 16, value_parser = clap::value_parser!(u32).range(1..=4096))]
    pub games: u32,

    /// How to print the result
    #[arg(long, value_enum, default_value_t = Output::Text)]
    pub output: Output,
}

impl Exam {
    fn unusable(&self, error: LearnError) -> ExamError {
        ExamError::Model { path: self.model.clone(), error }
    }
}

/// How the result is printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Output {
    /// For people.
    Text,
    /// One JSON object.
    Json,
}

/// Why there is no result.
#[derive(Debug, thiserror::Error)]
pub enum ExamError {
    /// The model cannot be used.
    #[error("{}: {error}", path.display())]
    Model {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        error: LearnError,
    },
    /// There is nothing that it could be asked.
    #[error("{0}")]
    Nothing(String),
    /// The net or the search failed.
    #[error("the examination failed: {0}")]
    Play(#[from] PlayError<LearnError>),
    /// Stdout is gone.
    #[error("cannot write the result: {0}")]
    Output(#[from] io::Error),
}

/// Examines a model in 32 bits and prints its marks.
pub fn run(exam: &Exam, device: Device) -> Result<(), ExamError> {
    let (weights, hash) = Weights::read(&exam.model).map_err(|error| exam.unusable(error))?;
    let game = weights.architecture().game.clone();
    if game == ConnectFour.key() {
        return solve(exam, &weights, hash, device);
    }
    let asked = near::Examiner { exam, weights: &weights, hash, device };
    dispatch(&game, asked).map_err(|error| ExamError::Nothing(error.to_string()))?
}

/// Asks for optimal moves.
fn solve(exam: &Exam, weights: &Weights, hash: Hash, device: Device) -> Result<(), ExamError> {
    let model = |error| exam.unusable(error);
    let mut evaluator: NetEvaluator<ConnectFour> = precision::checked(&ConnectFour, weights, device).map_err(model)?;
    let problems = Problem::all();
    let raw = by_policy(&mut evaluator, &problems)?;
    let searched = by_search(&mut evaluator, &problems, exam.simulations)?;
    let left_out = problems.len() as u32 - raw.questions;
    let mut out = io::stdout().lock();
    match exam.output {
        Output::Json => {
            let row = serde_json::json!({
                "model": hash.to_string(),
                "questions": raw.questions,
                "all_optimal_left_out": left_out,
                "policy": row(&raw),
                "search": row(&searched),
                "simulations": exam.simulations,
            });
            writeln!(out, "{row}")?;
        }
        Output::Text => {
            writeln!(out, "{} solved positions; {left_out} more ask nothing, every move is optimal", raw.questions)?;
            writeln!(out, "policy alone       {}", line(&raw))?;
            writeln!(out, "{:>5} simulations  {}", exam.simulations, line(&searched))?;
        }
    }
    Ok(())
}

fn row(marks: &Marks) -> serde_json::Value {
    let score = &marks.score;
    serde_json::json!({
        "optimal": marks.optimal, "rate": score.rate.to_f64(), "low": score.low.to_f64(), "high": score.high.to_f64(),
    })
}

fn line(marks: &Marks) -> String {
    let percent = |share: kifu::event::Real| 100.0 * share.to_f64();
    let Marks { optimal, score, .. } = marks;
    let (rate, low, high) = (percent(score.rate), percent(score.low), percent(score.high));
    format!("{optimal} optimal, {rate:.1}% (95%: {low:.1} to {high:.1})")
}
