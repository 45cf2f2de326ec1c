//! What the demo runs, and where.

use std::path::{Path, PathBuf};

use crate::cli::{ExitCode, Failure};
use crate::event::config::{
    ClusterConfig, Config, DatasetConfig, GauntletConfig, JudgementConfig, PromotionGate, SelfPlayConfig,
    TeacherConfig, TrainConfig,
};
use crate::event::{GameKey, Real};
use crate::game::registry::facts;

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

/// The figures of a demo of this game: what two cores do within minutes.
pub fn config_for(game: &str, quick: bool) -> Config {
    let config = match (game.strip_prefix("ringrift-"), quick) {
        (None, false) => Config::default(),
        (None, true) => quick_config(),
        (Some(board), quick) => {
            let is_large = board.starts_with("hexagonal") || board.starts_with("square19");
            let has_many_seats = facts(game).is_some_and(|facts| facts.seats > 2);
            ringrift_config(is_large, quick, has_many_seats)
        }
    };
    Config { game: Some(GameKey(game.to_owned())), ..config }
}

/// Small figures everywhere: every room is entered, nothing strong comes out.
pub fn quick_config() -> Config {
    let standard = Config::default();
    Config {
        generations: 1,
        self_play: SelfPlayConfig { games: 96, games_per_job: 16, simulations: 16, ..standard.self_play },
        dataset: DatasetConfig { window: 2, ..standard.dataset },
        train: TrainConfig { steps: 60, batch: 128, warmup_steps: 5, ..standard.train },
        gauntlet: GauntletConfig {
            simulations: 16,
            alpha_beta_depth: 2,
            random_pairs: 20,
            alpha_beta_pairs: 4,
            pairs_per_job: 10,
            exam_random_pairs: 20,
            exam_origin_pairs: 20,
            ..standard.gauntlet
        },
        judgement: JudgementConfig { groups_max: 20, ..standard.judgement },
        gate: PromotionGate { champion_low_min: Real(100_000), random_rate_min: Real(300_000), games_min: 8 },
        cluster: ClusterConfig { digest_every: 50, ..standard.cluster },
        ..standard
    }
}

/// What a campaign costs, and brings.
struct Size {
    generations: u32,
    games: u32,
    games_per_job: u32,
    simulations: u32,
    match_simulations: u32,
    pairs: u32,
    steps: u32,
    /// Of the teacher's games and steps.
    factor: u32,
}

impl Size {
    /// A group of three or four players has as many games, and each is longer: their campaigns play fewer.
    fn of(is_large: bool, quick: bool, has_many_seats: bool) -> Size {
        let size = |generations, games, games_per_job, simulations, match_simulations, pairs| {
            let steps = if quick { 30 } else { 250 };
            Size { generations, games, games_per_job, simulations, match_simulations, pairs, steps, factor: 5 }
        };
        match (is_large, quick) {
            (false, false) if has_many_seats => size(4, 400, 20, 32, 128, 30),
            // Fewer games, steps or simulations make a first champion that no later one is surely better than.
            (false, false) => Size { steps: 800, factor: 2, ..size(4, 1_000, 25, 64, 128, 30) },
            (false, true) if has_many_seats => size(1, 4, 2, 8, 8, 2),
            (false, true) => size(1, 24, 4, 8, 8, 4),
            (true, false) => size(2, 12, 2, 16, 16, 4),
            (true, true) => size(1, 2, 1, 4, 4, 1),
        }
    }
}

/// Figures for RingRift. A game is longer than one of Connect Four and a position costs more, so there are fewer of both.
/// With few games the lower end of their quality's interval lies low, and so does the bound.
fn ringrift_config(is_large: bool, quick: bool, has_many_seats: bool) -> Config {
    let standard = if quick { quick_config() } else { Config::default() };
    let Size { generations, games, games_per_job, simulations, match_simulations, pairs, steps, factor } =
        Size::of(is_large, quick, has_many_seats);
    let considered = if quick { 8 } else { 16 };
    Config {
        generations,
        self_play: SelfPlayConfig { games, games_per_job, simulations, considered, sampled_plies: 20 },
        teacher: TeacherConfig { games_factor: factor, ..standard.teacher },
        dataset: DatasetConfig { quality_min: Real(200_000), ..standard.dataset },
        train: TrainConfig { steps, batch: if quick { 64 } else { 256 }, ..standard.train },
        gauntlet: GauntletConfig {
            simulations: match_simulations,
            considered,
            opening_plies: 4,
            // At one ply: the game's own heuristic.
            alpha_beta_pairs: pairs,
            random_pairs: pairs,
            pairs_per_job: pairs.min(5),
            exam_random_pairs: 2 * pairs,
            exam_origin_pairs: pairs,
            ..standard.gauntlet
        },
        judgement: JudgementConfig { groups_max: 4 * pairs, ..standard.judgement },
        gate: PromotionGate { games_min: 2 * pairs, ..standard.gate },
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::game::registry::keys;
    use crate::policy::admission::check_config;

    #[test]
    fn every_game_has_figures_that_a_cluster_takes() {
        for game in keys() {
            for quick in [false, true] {
                let config = config_for(game, quick);
                assert_eq!(check_config(&config), Ok(()), "{game}, quick: {quick}");
                assert_eq!(config.game, Some(GameKey(game.to_owned())));
            }
        }
        assert_eq!(Config { game: None, ..config_for("connect4", false) }, Config::default());
    }
}
