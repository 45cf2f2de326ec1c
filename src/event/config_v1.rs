//! The configuration of format versions 1 and 2, as their logs hold it. Frozen: see [`super::config`] for the one in force.

use super::body::body;
use super::config::{
    self, ClusterConfig, JudgementConfig, PromotionGate, SelfPlayConfig, StageLimits, TeacherConfig, TrainConfig,
};
use super::id::GameKey;
use super::registry::Lower;
use super::training::TrainRecipe;
use super::unit::Real;

const HOUR_MS: u64 = 3_600_000;

body! {
    /// `CONFIG_CHANGED`, version 1.
    pub struct ConfigChanged {
        /// The configuration, complete.
        pub config: Config,
        /// Who changed it.
        pub actor: String,
    }

    /// The cluster's configuration.
    pub struct Config {
        /// The game to learn; nothing runs without one.
        pub game: Option<GameKey>,
        /// Generations after which the campaign ends.
        pub generations: u32,
        /// Seed of everything that is random in the campaign.
        pub seed: u64,
        /// Family of the net.
        pub net: String,
        /// Self-play.
        pub self_play: SelfPlayConfig,
        /// Datasets.
        pub dataset: DatasetConfig,
        /// Training.
        pub train: TrainRecipe,
        /// Gauntlets.
        pub gauntlet: GauntletConfig,
        /// What a candidate must show.
        pub gate: PromotionGate,
        /// Jobs, hosts and copies.
        pub cluster: ClusterConfig,
    }

    /// Which games a dataset takes.
    pub struct DatasetConfig {
        /// Generations of games, the current one included.
        pub window: u32,
        /// Batches below this quality score are left out.
        pub quality_min: Real,
    }

    /// How gauntlets run.
    pub struct GauntletConfig {
        /// Simulations a move.
        pub simulations: u32,
        /// Actions considered at the root.
        pub considered: u32,
        /// Random plies at the start of each opening.
        pub opening_plies: u32,
        /// Depth of the alpha-beta player, in plies. In games that judge positions themselves it is always 1: their heuristic.
        pub alpha_beta_depth: u32,
        /// Pairs against the random player.
        pub random_pairs: u32,
        /// Pairs against the alpha-beta player.
        pub alpha_beta_pairs: u32,
        /// Pairs against the champion.
        pub champion_pairs: u32,
        /// Pairs a job.
        pub pairs_per_job: u32,
        /// Pairs against the random player in the exam.
        pub exam_random_pairs: u32,
        /// Pairs against generation 0 in the exam.
        pub exam_origin_pairs: u32,
    }
}

/// What version 1 leaves unsaid, and what it says without effect, as it was in force then: the same for all clusters.
impl From<Config> for config::Config {
    fn from(old: Config) -> config::Config {
        config::Config {
            game: old.game,
            generations: old.generations,
            seed: old.seed,
            net: old.net,
            self_play: old.self_play,
            teacher: TeacherConfig { enabled: true, games_factor: 5 },
            dataset: config::DatasetConfig {
                window: old.dataset.window,
                games_max: 0,
                elo_below_max: Real::ZERO,
                quality_min: old.dataset.quality_min,
                coverage_min: Real(950_000),
            },
            train: lifted_training(&old.train),
            gauntlet: lifted_gauntlet(&old.gauntlet),
            judgement: JudgementConfig {
                elo0: None,
                elo1: None,
                alpha: Real(50_000),
                beta: Real(50_000),
                groups_max: old.gauntlet.champion_pairs,
            },
            gate: old.gate,
            stages: StageLimits {
                self_play_ms: 6 * HOUR_MS,
                verification_ms: HOUR_MS,
                dataset_ms: HOUR_MS,
                training_ms: 6 * HOUR_MS,
                gauntlet_ms: 6 * HOUR_MS,
                promotion_ms: HOUR_MS,
                distribution_ms: HOUR_MS,
            },
            cluster: old.cluster,
        }
    }
}

/// Its learning rate, momentum and decay were for SGD, which only runs of format version 1 use; planned runs used these.
fn lifted_training(old: &TrainRecipe) -> TrainConfig {
    TrainConfig {
        steps: old.steps,
        batch: old.batch,
        warmup_steps: old.warmup_steps,
        adamw_rate: Real(4_000),
        adamw_decay: Real(10_000),
        value_weight: old.value_weight,
        gradient_norm_max: old.gradient_norm_max,
        loss_growth_max: Real(10 * Real::SCALE),
        average_decay: Real(980_000),
        validation_share: Real(50_000),
        patience: 8,
    }
}

fn lifted_gauntlet(old: &GauntletConfig) -> config::GauntletConfig {
    config::GauntletConfig {
        simulations: old.simulations,
        considered: old.considered,
        opening_plies: old.opening_plies,
        alpha_beta_depth: old.alpha_beta_depth,
        random_pairs: old.random_pairs,
        alpha_beta_pairs: old.alpha_beta_pairs,
        pairs_per_job: old.pairs_per_job,
        exam_random_pairs: old.exam_random_pairs,
        exam_origin_pairs: old.exam_origin_pairs,
    }
}

/// Only what differs from what version 1 means anyway is lost by it.
impl Lower<Config> for config::Config {
    fn lower(&self) -> Option<Config> {
        let (dataset, gauntlet) = (&self.dataset, &self.gauntlet);
        let old = Config {
            game: self.game.clone(),
            generations: self.generations,
            seed: self.seed,
            net: self.net.clone(),
            self_play: self.self_play.clone(),
            dataset: DatasetConfig { window: dataset.window, quality_min: dataset.quality_min },
            train: self.train.before_plans(),
            gauntlet: GauntletConfig {
                simulations: gauntlet.simulations,
                considered: gauntlet.considered,
                opening_plies: gauntlet.opening_plies,
                alpha_beta_depth: gauntlet.alpha_beta_depth,
                random_pairs: gauntlet.random_pairs,
                alpha_beta_pairs: gauntlet.alpha_beta_pairs,
                champion_pairs: self.judgement.groups_max,
                pairs_per_job: gauntlet.pairs_per_job,
                exam_random_pairs: gauntlet.exam_random_pairs,
                exam_origin_pairs: gauntlet.exam_origin_pairs,
            },
            gate: self.gate.clone(),
            cluster: self.cluster.clone(),
        };
        (config::Config::from(old.clone()) == *self).then_some(old)
    }
}

impl From<ConfigChanged> for config::ConfigChanged {
    fn from(old: ConfigChanged) -> config::ConfigChanged {
        config::ConfigChanged { config: old.config.into(), actor: old.actor }
    }
}

impl Lower<ConfigChanged> for config::ConfigChanged {
    fn lower(&self) -> Option<ConfigChanged> {
        Some(ConfigChanged { config: self.config.lower()?, actor: self.actor.clone() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::config::Config as Newest;

    #[test]
    fn what_version_one_can_say_comes_back_and_what_it_cannot_is_not_said() {
        let newest = Newest::default();
        let old: Config = newest.lower().expect("the defaults are those of version 1");
        assert_eq!(Newest::from(old), newest);
        type Change = fn(&mut Newest);
        let changes: &[Change] = &[
            |config| config.judgement.elo1 = Some(Real(20 * Real::SCALE)),
            |config| config.judgement.alpha = Real(10_000),
            |config| config.dataset.games_max = 1,
            |config| config.dataset.coverage_min = Real::ZERO,
            |config| config.teacher.enabled = false,
            |config| config.train.adamw_rate = Real(1),
            |config| config.train.patience = 9,
            |config| config.stages.gauntlet_ms = 0,
        ];
        for (index, change) in changes.iter().enumerate() {
            let mut config = newest.clone();
            change(&mut config);
            assert_eq!(config.lower(), None, "change {index}");
        }
    }

    #[test]
    fn every_old_configuration_means_the_same_when_it_is_written_again() {
        let mut old: Config = Newest::default().lower().expect("the defaults are those of version 1");
        old.gate.champion_low_min = Real(123_456);
        (old.train.momentum, old.gauntlet.champion_pairs, old.dataset.window) = (Real::ZERO, 7, 9);
        let lifted = Newest::from(old.clone());
        let again: Config = lifted.lower().expect("it was version 1");
        assert_eq!(Newest::from(again.clone()), lifted);
        assert_eq!(again.train.momentum, Real(900_000), "it had no effect, and is not kept");
        old.train.momentum = again.train.momentum;
        assert_eq!(again, old);
    }
}
