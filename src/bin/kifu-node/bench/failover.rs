//! `kifu-node bench failover`

use clap::Args;
use kifu::cli::{ExitCode, Failure, OutputArgs};
use kifu::node::bench::failover;

use super::{ClusterArgs, block_on, teller};

/// Options of `bench failover`.
#[derive(Args)]
#[command(after_help = "Example:\n  kifu-node bench failover --tries 20 -o jsonl")]
pub struct Failover {
    #[command(flatten)]
    cluster: ClusterArgs,
    /// Leaders to stop, one after the other
    #[arg(long, default_value_t = 20)]
    tries: u32,
    /// Ask the leader to stop (SIGTERM) instead of killing it (SIGKILL)
    #[arg(long)]
    graceful: bool,
    #[command(flatten)]
    output: OutputArgs,
}

impl Failover {
    /// Measures.
    pub fn run(self) -> Result<ExitCode, Failure> {
        let bench = failover::Failover { cluster: self.cluster.options(), tries: self.tries, graceful: self.graceful };
        block_on(bench.run(teller(&self.output, &["id", "ms", "median_ms", "worst_ms"])))
    }
}
