//! `kifu-node bench append`

use std::time::Duration;

use clap::Args;
use kifu::cli::{ExitCode, Failure, OutputArgs};
use kifu::node::bench::append;

use super::{ClusterArgs, block_on, teller};

/// Options of `bench append`.
#[derive(Args)]
#[command(after_help = "Example:\n  kifu-node bench append --clients 1,16,256 --seconds 4 -o jsonl")]
pub struct Append {
    #[command(flatten)]
    cluster: ClusterArgs,
    /// Numbers of clients to measure with
    #[arg(long, value_delimiter = ',', default_value = "1,16,256", value_parser = clap::value_parser!(u16).range(1..=256))]
    clients: Vec<u16>,
    /// Notes that each client has outstanding
    #[arg(long, value_delimiter = ',', default_value = "1", value_parser = clap::value_parser!(u16).range(1..=8192))]
    window: Vec<u16>,
    /// Bytes of a note
    #[arg(long, default_value_t = 300, value_parser = clap::value_parser!(u16).range(1..=16384))]
    bytes: u16,
    /// Seconds that each measurement takes
    #[arg(long, default_value_t = 4.0)]
    seconds: f64,
    /// Measurements of each kind
    #[arg(long, default_value_t = 1)]
    runs: usize,
    /// Write this many events at last, and say what they take in memory and on disk
    #[arg(long, default_value_t = 0)]
    fill: u64,
    #[command(flatten)]
    output: OutputArgs,
}

impl Append {
    /// Measures.
    pub fn run(self) -> Result<ExitCode, Failure> {
        let during = Duration::try_from_secs_f64(self.seconds).map_err(|error| Failure::new(ExitCode::Usage, error))?;
        let bench = append::Append {
            cluster: self.cluster.options(),
            clients: self.clients.into_iter().map(usize::from).collect(),
            windows: self.window.into_iter().map(usize::from).collect(),
            bytes: usize::from(self.bytes),
            during,
            runs: self.runs,
            fill: self.fill,
        };
        let columns =
            ["id", "events_per_s", "p50_us", "p99_us", "max_us", "cpu_us_per_event", "resident_mb", "disk_mb"];
        block_on(bench.run(teller(&self.output, &columns)))
    }
}
