//! `kifu-node demo`

use std::path::PathBuf;

use clap::Args;
use kifu::cli::{ExitCode, Failure, OutputArgs};
use kifu::game::registry::by_key;
use kifu::node::demo::{Demo as Run, DemoOptions, config_for};

/// Options of `demo`.
#[derive(Args)]
#[command(after_help = "Example:\n  kifu-node demo --generations 3 --out my-demo --chaos")]
pub struct Demo {
    /// Generations to make [default: 4, 2 of RingRift, or 1 with --quick]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    generations: Option<u32>,
    /// Nodes, each a process of its own
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=7))]
    nodes: u32,
    /// Where the nodes' data directories go; must be new or empty. Default: the first free demo-out/run-N
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Seed of everything that is random in the campaign [default: 1]
    #[arg(long, value_name = "S")]
    seed: Option<u64>,
    /// The game to learn: connect4, or ringrift-BOARD-Np such as ringrift-hex8-2p
    #[arg(long, default_value = "connect4")]
    game: String,
    /// Kill a node with SIGKILL once per generation, the leader included, and start it again
    #[arg(long)]
    chaos: bool,
    /// Small figures everywhere: a rehearsal of the road, not a strong player
    #[arg(long)]
    quick: bool,
    /// TOML with other figures of the campaign, such as `self_play.games = 200`; what it does not name stays
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    #[command(flatten)]
    output: OutputArgs,
}

impl Demo {
    /// Runs the demo.
    pub fn run(self) -> Result<ExitCode, Failure> {
        by_key(&self.game).map_err(|unknown| Failure::new(ExitCode::Usage, unknown))?;
        let mut config = config_for(&self.game, self.quick);
        if let Some(path) = &self.config {
            config = super::read_config(&config, path)?;
        }
        config.generations = self.generations.unwrap_or(config.generations);
        config.seed = self.seed.unwrap_or(config.seed);
        let options = DemoOptions { nodes: self.nodes, out: self.out, seed: config.seed, chaos: self.chaos, config };
        kifu::cli::block_on(async { Run::new(options)?.run(self.output.printer()).await })
    }
}
