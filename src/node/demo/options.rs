//! What the demo runs, and where.

use std::path::{Path, PathBuf};

use crate::cli::{ExitCode, Failure};
use crate::event::config::{ClusterConfig, Config, DatasetConfig, GauntletConfig, PromotionGate, SelfPlayConfig};
use crate::event::{Real, training::TrainRecipe};

/// Runs of `demo-out` that are looked at for a free number.
const RUNS_MAX: u32 = 10_000;

/// Options of a demo.
#[derive(Clone, Debug)]
pub struct DemoOptions {
    /// Nodes.
    pub nodes: u32,
    /// Where their data directories go; the first free `demo-out/run-N` when none is given.
    pub out: Option<PathBuf>,
    /// Seed of the demo's own choices (whom to kill, and when).
    pub seed: u64,
    /// Whether to kill a node once per generation.
    pub chaos: bool,
    /// What the cluster is to learn.
    pub config: Config,
}

/// Small figures everywhere: every room is entered, nothing strong comes out.
pub fn quick_config() -> Config {
    let standard = Config::default();
    Config {
        generations: 1,
        self_play: SelfPlayConfig { games: 96, games_per_job: 16, simulations: 16, ..standard.self_play },
        dataset: DatasetConfig { window: 2, ..standard.dataset },
        train: TrainRecipe { steps: 60, batch: 128, warmup_steps: 5, ..standard.train },
        gauntlet: GauntletConfig {
            simulations: 16,
            alpha_beta_depth: 2,
            random_pairs: 20,
            alpha_beta_pairs: 4,
            champion_pairs: 20,
            pairs_per_job: 10,
            exam_random_pairs: 20,
            exam_origin_pairs: 20,
            ..standard.gauntlet
        },
        gate: PromotionGate { champion_low_min: Real(100_000), random_rate_min: Real(300_000), games_min: 8 },
        cluster: ClusterConfig { digest_every: 50, ..standard.cluster },
        ..standard
    }
}

/// The demo's folder, made and empty.
pub fn make_folder(out: Option<&Path>) -> Result<PathBuf, Failure> {
    let path = match out {
        Some(path) => path.to_owned(),
        None => (1..RUNS_MAX)
            .map(|run| Path::new("demo-out").join(format!("run-{run}")))
            .find(|path| !path.exists())
            .ok_or_else(|| Failure::new(ExitCode::Conflict, "demo-out is full; remove it or choose --out"))?,
    };
    let failed = |error: std::io::Error| Failure::general(format!("cannot use {}: {error}", path.display()));
    std::fs::create_dir_all(&path).map_err(failed)?;
    let mut entries = std::fs::read_dir(&path).map_err(failed)?;
    if entries.next().is_some() {
        let message = format!("{} is not empty; choose another folder with --out", path.display());
        return Err(Failure::new(ExitCode::Conflict, message));
    }
    path.canonicalize().map_err(failed)
}
