//! The flags.

use std::fmt;
use std::str::FromStr;

use clap::{Parser, Subcommand, ValueEnum};

use super::bench::Bench;
use super::exam::Exam;

/// Plays and trains for a node of a Kifu cluster.
///
/// A node starts it; by hand, it answers JSON Lines on stdin with JSON Lines on stdout:
///
///   echo '{"type":"shutdown"}' | kifu-worker
#[derive(Clone, Debug, Parser)]
#[command(name = "kifu-worker", version, verbatim_doc_comment)]
pub struct Args {
    /// Threads of libtorch while playing. Several workers with one thread each do more than one with several.
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=256))]
    pub threads: u16,

    /// Threads of libtorch while training. More than one only where cores are idle meanwhile: the threads wait for each
    /// other by spinning, and two on two busy cores were seventeen times slower than on two free ones.
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=256))]
    pub train_threads: u16,

    /// Where nets run. For a GPU, TCH_CUDA_LIB or the library path must lead to the libtorch_cuda.so of a full libtorch
    /// 2.11. What is chosen has to pass a check before the first job.
    #[arg(long, value_enum, default_value_t = DeviceArg::Auto)]
    pub device: DeviceArg,

    /// Numbers in which nets play and learn. Trained weights are always of 32 bits.
    #[arg(long, value_enum, default_value_t = PrecisionArg::Fastest)]
    pub precision: PrecisionArg,

    /// Games that one job plays at once, 1 to 4096: the size of the batches that go through the net. With auto, what timing a
    /// few sizes finds to use the device well.
    #[arg(long, value_name = "N|auto", default_value_t = Concurrent::Auto)]
    pub concurrent: Concurrent,

    /// Something else than serving a node
    #[command(subcommand)]
    pub verb: Option<Verb>,
}

/// What it does by itself.
#[derive(Clone, Debug, Subcommand)]
pub enum Verb {
    /// Measure inference, self-play and training, and print one line of JSON
    Bench(Bench),
    /// Examine a model on solved positions of Connect Four
    Exam(Exam),
}

/// How many games one job plays at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Concurrent {
    /// As many as timing finds good.
    Auto,
    /// So many.
    Games(u16),
}

impl Concurrent {
    /// Games at once where nothing was timed.
    const UNTIMED: u16 = 64;

    /// So many games without timing anything.
    pub fn untimed(self) -> usize {
        match self {
            Concurrent::Auto => usize::from(Concurrent::UNTIMED),
            Concurrent::Games(games) => usize::from(games),
        }
    }
}

impl FromStr for Concurrent {
    type Err = String;

    fn from_str(text: &str) -> Result<Concurrent, String> {
        if text == "auto" {
            return Ok(Concurrent::Auto);
        }
        match text.parse() {
            Ok(games @ 1..=4096) => Ok(Concurrent::Games(games)),
            _ => Err(format!("{text:?} is neither auto nor a number from 1 to 4096")),
        }
    }
}

impl fmt::Display for Concurrent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Concurrent::Auto => f.write_str("auto"),
            Concurrent::Games(games) => games.fmt(f),
        }
    }
}

/// Where nets run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum DeviceArg {
    /// The first NVIDIA GPU where there is one that passes the check, else the processor.
    Auto,
    /// The processor.
    Cpu,
    /// The first NVIDIA GPU, or an end with exit code 1 when there is none, and 6 when it fails the check.
    Cuda,
}

/// Numbers in which nets play and learn.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum PrecisionArg {
    /// The fastest that the device has and that agrees with 32 bits: on the net's frozen positions, and in training on the first batch.
    Fastest,
    /// 32 bits.
    F32,
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory as _;

    #[test]
    fn the_flags_are_consistent() {
        Args::command().debug_assert();
        let args = Args::try_parse_from(["kifu-worker"]).expect("all have defaults");
        assert_eq!((args.threads, args.device, args.concurrent), (1, DeviceArg::Auto, Concurrent::Auto));
        let args = Args::try_parse_from(["kifu-worker", "--concurrent=128"]).expect("a number");
        assert_eq!((args.concurrent, args.concurrent.untimed()), (Concurrent::Games(128), 128));
        for bad in [
            ["kifu-worker", "--threads=0"],
            ["kifu-worker", "--device=tpu"],
            ["kifu-worker", "--concurrent=5000"],
            ["kifu-worker", "--concurrent=0"],
        ] {
            assert!(Args::try_parse_from(bad).is_err(), "{bad:?}");
        }
    }
}
