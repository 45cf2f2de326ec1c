//! `kifu-node bench replay`

use std::path::PathBuf;

use clap::Args;
use kifu::cli::{ExitCode, Failure, OutputArgs};
use kifu::node::bench::replay;

use super::{block_on, teller};

/// Options of `bench replay`.
#[derive(Args)]
#[command(after_help = "Example:\n  kifu-node bench replay --events 1000000 -o jsonl")]
pub struct Replay {
    /// The data directory of a node whose log is read; without it, a log is written first
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Events of the log that is written
    #[arg(long, default_value_t = 200_000)]
    events: u64,
    /// Bytes of a note in it
    #[arg(long, default_value_t = 300, value_parser = clap::value_parser!(u16).range(1..=16384))]
    bytes: u16,
    /// Times that it is read
    #[arg(long, default_value_t = 3)]
    runs: usize,
    #[command(flatten)]
    output: OutputArgs,
}

impl Replay {
    /// Measures.
    pub fn run(self) -> Result<ExitCode, Failure> {
        let bench =
            replay::Replay { data: self.data, events: self.events, bytes: usize::from(self.bytes), runs: self.runs };
        block_on(bench.run(teller(&self.output, &["id", "events", "seconds", "events_per_s"])))
    }
}
