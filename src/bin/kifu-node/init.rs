//! `kifu-node init`

use std::path::PathBuf;

use clap::Args;
use kifu::cli::{ExitCode, Failure};
use kifu::event::config::Config;
use kifu::node::{Layout, NodeOptions};
use kifu::work::WorkerProgram;

/// Options that a new node has, however it is made.
#[derive(Args)]
pub struct NewNode {
    /// The data directory; must be new or empty
    #[arg(long, env = "KIFU_DATA", value_name = "DIR")]
    pub data: PathBuf,
    /// What to call the node; unique in the cluster
    #[arg(long, value_name = "NAME")]
    pub name: String,
    /// Where it listens for QUIC (UDP); the other nodes must reach it there
    #[arg(long, value_name = "HOST:PORT", default_value = "127.0.0.1:7400")]
    pub listen: String,
    /// Where it serves /healthz, /readyz and /metrics (TCP)
    #[arg(long, value_name = "HOST:PORT", default_value = "127.0.0.1:7401")]
    pub http: String,
    /// Jobs that it runs at a time
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub slots: u32,
    /// A command that starts a worker; repeat for more. Default: kifu-worker beside this program, if it is there
    #[arg(long = "worker", value_name = "COMMAND")]
    pub workers: Vec<String>,
}

impl NewNode {
    /// The data directory and the node's options.
    pub fn parts(self) -> (Layout, NodeOptions) {
        let workers = match self.workers.is_empty() {
            true => default_worker().into_iter().collect(),
            false => self.workers.iter().map(|line| program(line)).collect(),
        };
        let options = NodeOptions { name: self.name, listen: self.listen, http: self.http, slots: self.slots, workers };
        (Layout::new(self.data), options)
    }
}

fn program(line: &str) -> WorkerProgram {
    let argv: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
    let name = argv.first().and_then(|word| word.rsplit('/').next()).unwrap_or_default().to_owned();
    WorkerProgram { name, argv, ..WorkerProgram::default() }
}

/// The native worker, if it lies beside this program.
fn default_worker() -> Option<WorkerProgram> {
    let worker = std::env::current_exe().ok()?.with_file_name("kifu-worker");
    let argv = vec![worker.display().to_string()];
    worker.exists().then(|| WorkerProgram { name: "kifu-worker".to_owned(), argv, ..WorkerProgram::default() })
}

/// Options of `init`.
#[derive(Args)]
#[command(after_help = "Example:\n  kifu-node init --data n1 --name n1 --config campaign.toml")]
pub struct Init {
    #[command(flatten)]
    node: NewNode,
    /// What to call the cluster
    #[arg(long, value_name = "NAME", default_value = "kifu")]
    cluster: String,
    /// What the cluster is to learn, as TOML; without it, it does nothing until it is told
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

impl Init {
    /// Makes the cluster.
    pub fn run(self) -> Result<ExitCode, Failure> {
        let config = match &self.config {
            Some(path) => super::read_config(&Config::default(), path)?,
            None => Config::default(),
        };
        let (layout, options) = self.node.parts();
        let made = kifu::node::init::init(&layout, &self.cluster, options, config).map_err(super::failure)?;
        super::tell_next(&made, "made the cluster", &layout);
        Ok(ExitCode::Ok)
    }
}
