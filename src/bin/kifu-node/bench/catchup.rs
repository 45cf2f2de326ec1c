//! `kifu-node bench catchup`

use clap::Args;
use kifu::cli::{ExitCode, Failure, OutputArgs};
use kifu::node::bench::catchup;

use super::{ClusterArgs, block_on, teller};

/// Options of `bench catchup`.
#[derive(Args)]
#[command(after_help = "Example:\n  kifu-node bench catchup --events 500000 -o jsonl")]
pub struct Catchup {
    #[command(flatten)]
    cluster: ClusterArgs,
    /// Events that are there before the new node comes
    #[arg(long, default_value_t = 1_000_000)]
    events: u64,
    /// Bytes of a note
    #[arg(long, default_value_t = 300, value_parser = clap::value_parser!(u16).range(1..=16384))]
    bytes: u16,
    #[command(flatten)]
    output: OutputArgs,
}

impl Catchup {
    /// Measures.
    pub fn run(self) -> Result<ExitCode, Failure> {
        let bench =
            catchup::Catchup { cluster: self.cluster.options(), events: self.events, bytes: usize::from(self.bytes) };
        block_on(bench.run(teller(&self.output, &["id", "events", "seconds_moving", "events_per_s"])))
    }
}
