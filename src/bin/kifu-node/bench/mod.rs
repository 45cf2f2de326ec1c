//! `kifu-node bench`: what this build does on this machine, as JSON lines.

mod append;
mod catchup;
mod failover;
mod learn;
mod replay;
mod ringrift;

use std::path::PathBuf;

use clap::{Args, Subcommand};
use kifu::cli::{Column, ExitCode, Failure, OutputArgs};
use kifu::node::bench::BenchOptions;
use serde_json::Value;

/// What to measure.
#[derive(Subcommand)]
pub enum Bench {
    /// Writes: events a second, latency, CPU, memory and disk, durable on a quorum
    Append(append::Append),
    /// Time without writes when the leader is killed, or asked to stop
    Failover(failover::Failover),
    /// Reading and folding a log on one core
    Replay(replay::Replay),
    /// How fast a new node gets the history
    Catchup(catchup::Catchup),
    /// Nets: inference, self-play and training, by the worker program
    Learn(learn::Learn),
    /// Random games of RingRift on one core, every legal list complete
    #[command(name = "ringrift")]
    RingRift(ringrift::RingRift),
}

/// The cluster of a benchmark: nodes of this program on loopback, gone afterwards.
#[derive(Args)]
struct ClusterArgs {
    /// Nodes
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=7))]
    nodes: u32,
    /// Keep the data directories here
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Timing of elections, as for `kifu-node start`
    #[arg(long, default_value = "lan")]
    timing: String,
}

impl Bench {
    /// Measures.
    pub fn run(self) -> Result<ExitCode, Failure> {
        match self {
            Bench::Append(verb) => verb.run(),
            Bench::Failover(verb) => verb.run(),
            Bench::Replay(verb) => verb.run(),
            Bench::Catchup(verb) => verb.run(),
            Bench::Learn(verb) => verb.run(),
            Bench::RingRift(verb) => verb.run(),
        }
    }
}

impl ClusterArgs {
    fn options(&self) -> BenchOptions {
        let arguments = vec!["--timing".to_owned(), self.timing.clone()];
        BenchOptions { program: None, nodes: self.nodes, out: self.out.clone(), arguments }
    }
}

/// Prints each row when it comes.
fn teller(output: &OutputArgs, columns: &[&str]) -> impl FnMut(Value) {
    let mut printer = output.printer();
    let columns: Vec<Column> = columns.iter().map(|name| Column::new(name)).collect();
    move |row| {
        // A closed stdout ends the telling, not the measurement.
        printer.stream(&columns, &row).ok();
    }
}

/// Runs a benchmark; its clients share a thread and take strict turns, so that what they send at the same time travels together.
fn block_on(work: impl Future<Output = Result<(), Failure>>) -> Result<ExitCode, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.map_err(Failure::general)?.block_on(work).map(|()| ExitCode::Ok)
}
