//! Configurations.

use super::game;
use crate::event::Real;
use crate::event::config::{
    ClusterConfig, Config, DatasetConfig, JudgementConfig, PromotionGate, SelfPlayConfig, StageLimits, TeacherConfig,
};
use crate::event::config_v1;
use crate::event::training::TrainRecipe;

/// A configuration of format version 1, written out: the defaults may change, samples may not.
pub fn config_v1() -> config_v1::Config {
    config_v1::Config {
        game: Some(game()),
        generations: 4,
        seed: 1,
        net: "tiny".into(),
        self_play: SelfPlayConfig { games: 480, games_per_job: 40, simulations: 48, considered: 7, sampled_plies: 10 },
        dataset: config_v1::DatasetConfig { window: 3, quality_min: Real(500_000) },
        train: TrainRecipe {
            steps: 300,
            batch: 256,
            learning_rate: Real(50_000),
            warmup_steps: 20,
            momentum: Real(900_000),
            weight_decay: Real(100),
            value_weight: Real::ONE,
            gradient_norm_max: Real(5_000_000),
        },
        gauntlet: config_v1::GauntletConfig {
            simulations: 48,
            considered: 7,
            opening_plies: 4,
            alpha_beta_depth: 4,
            random_pairs: 20,
            alpha_beta_pairs: 20,
            champion_pairs: 60,
            pairs_per_job: 10,
            exam_random_pairs: 100,
            exam_origin_pairs: 60,
        },
        gate: PromotionGate { champion_low_min: Real(500_000), random_rate_min: Real(900_000), games_min: 40 },
        cluster: ClusterConfig {
            host_timeout_ms: 3_000,
            lease_ms: 15_000,
            attempts_max: 5,
            copies_min: 2,
            digest_every: 200,
        },
    }
}

/// The same configuration, as it is in force.
pub fn config() -> Config {
    config_v1().into()
}

/// A configuration that needs format version 3: no figure that came with it is the usual one.
pub(super) fn that_says_more() -> Config {
    let (usual, elo) = (config(), |elo: i64| Some(Real(elo * Real::SCALE)));
    let mut train = usual.train.clone();
    (train.adamw_rate, train.adamw_decay, train.loss_growth_max) = (Real(3_000), Real(20_000), Real(20_000_000));
    (train.average_decay, train.validation_share, train.patience) = (Real(990_000), Real(100_000), 6);
    Config {
        teacher: TeacherConfig { enabled: false, games_factor: 3 },
        dataset: DatasetConfig {
            games_max: 20_000,
            elo_below_max: Real(200 * Real::SCALE),
            coverage_min: Real(900_000),
            ..usual.dataset
        },
        train,
        judgement: JudgementConfig {
            elo0: elo(-2),
            elo1: elo(5),
            alpha: Real(20_000),
            beta: Real(100_000),
            groups_max: 4_000,
        },
        stages: StageLimits {
            self_play_ms: 1,
            verification_ms: 2,
            dataset_ms: 3,
            training_ms: 4,
            gauntlet_ms: 5,
            promotion_ms: 6,
            distribution_ms: 7,
        },
        ..usual
    }
}
