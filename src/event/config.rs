//! What people want the cluster to do. One struct; a change records the whole of it. Older logs hold that of [`super::config_v1`].

use super::body::body;
use super::campaign::Stage;
use super::id::GameKey;
use super::training::{AdamW, Optimizer, TrainRecipe, TrainingRecipe, Validation};
use super::unit::Real;

body! {
    /// `CONFIG_CHANGED`: from now on the cluster runs by this configuration.
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
        /// Who plays the first games.
        pub teacher: TeacherConfig,
        /// Datasets.
        pub dataset: DatasetConfig,
        /// Training.
        pub train: TrainConfig,
        /// Gauntlets.
        pub gauntlet: GauntletConfig,
        /// The test against the champion.
        pub judgement: JudgementConfig,
        /// What a candidate must show.
        pub gate: PromotionGate,
        /// What is too long.
        pub stages: StageLimits,
        /// Jobs, hosts and copies.
        pub cluster: ClusterConfig,
    }

    /// How self-play runs.
    pub struct SelfPlayConfig {
        /// Verified games wanted for each generation.
        pub games: u32,
        /// Games a job.
        pub games_per_job: u32,
        /// Simulations a move.
        pub simulations: u32,
        /// Actions considered at the root.
        pub considered: u32,
        /// Plies at the start that are sampled from the improved policy.
        pub sampled_plies: u32,
    }

    /// Who plays a campaign's first games, where the game judges positions itself.
    pub struct TeacherConfig {
        /// A search with the game's own judgement, and not random weights.
        pub enabled: bool,
        /// Games of the teacher for each of a champion's, and steps that learn from them.
        pub games_factor: u32,
    }

    /// Which games a dataset takes.
    pub struct DatasetConfig {
        /// Generations of games, the current one included.
        pub window: u32,
        /// Games at most, the newest ones, and always those of the current generation; 0: no limit.
        pub games_max: u64,
        /// Games of models whose rating's interval ends this many Elo below the strongest of the window are left out; 0: none are.
        pub elo_below_max: Real,
        /// Batches below this quality score are left out.
        pub quality_min: Real,
        /// Batches in which a smaller share of the choices has a policy target are left out, however good the rest is.
        pub coverage_min: Real,
    }

    /// How runs train: AdamW. The learning rate rises along a line, then falls to 0 along a cosine.
    pub struct TrainConfig {
        /// Optimiser steps at most.
        pub steps: u32,
        /// Samples a step.
        pub batch: u32,
        /// Steps of linear warm-up.
        pub warmup_steps: u32,
        /// AdamW's highest learning rate.
        pub adamw_rate: Real,
        /// AdamW's decay of the weights, multiplied by the learning rate.
        pub adamw_decay: Real,
        /// Weight of the value loss against the policy loss.
        pub value_weight: Real,
        /// The gradient's norm is clipped to this.
        pub gradient_norm_max: Real,
        /// A loss this many times that of the first step counts as exploded and ends the run.
        pub loss_growth_max: Real,
        /// Decay a step of the moving average of the weights, which is what becomes the model. 0: the weights themselves.
        pub average_decay: Real,
        /// Share of the games that are held out; 0: no validation, and no early stop.
        pub validation_share: Real,
        /// Looks at them in a row without a better loss after which the run stops.
        pub patience: u32,
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
        /// Pairs a job.
        pub pairs_per_job: u32,
        /// Pairs against the random player in the exam.
        pub exam_random_pairs: u32,
        /// Pairs against generation 0 in the exam.
        pub exam_origin_pairs: u32,
    }

    /// The sequential test against the champion.
    pub struct JudgementConfig {
        /// H0: the candidate is this much stronger, in Elo, or less. None: what `gate.champion_low_min` means in Elo.
        pub elo0: Option<Real>,
        /// H1: it is this much stronger, in Elo, or more. None: the smallest gain that `groups_max` groups can show with both chances
        /// of error.
        pub elo1: Option<Real>,
        /// Chance of accepting H1 where H0 holds.
        pub alpha: Real,
        /// Chance of accepting H0 where H1 holds.
        pub beta: Real,
        /// Groups at most, and so the openings that are planned. Undecided by then is no promotion.
        pub groups_max: u32,
    }

    /// After how long a stage of a generation is overdue, in milliseconds; 0: never. Nothing is stopped, somebody is told.
    pub struct StageLimits {
        /// Playing the generation's games.
        pub self_play_ms: u64,
        /// Verifying a batch that was recorded.
        pub verification_ms: u64,
        /// Sealing a dataset once its games are verified.
        pub dataset_ms: u64,
        /// Training a candidate.
        pub training_ms: u64,
        /// Judging it.
        pub gauntlet_ms: u64,
        /// The verdict, once the gauntlet is concluded.
        pub promotion_ms: u64,
        /// Copying a champion's weights to every host that is online.
        pub distribution_ms: u64,
    }

    /// What a candidate must show to be promoted. Every line must hold.
    pub struct PromotionGate {
        /// Lower end of the 95% interval against the champion must be above this.
        pub champion_low_min: Real,
        /// Win rate against the random player must be at least this.
        pub random_rate_min: Real,
        /// Games against each opponent must be at least this many.
        pub games_min: u32,
    }

    /// Jobs, hosts and copies.
    pub struct ClusterConfig {
        /// A host that was silent for this long is offline, in milliseconds.
        pub host_timeout_ms: u64,
        /// Lease of a job, in milliseconds without a sign of life.
        pub lease_ms: u64,
        /// Attempts of a job.
        pub attempts_max: u32,
        /// Copies of every blob of games.
        pub copies_min: u32,
        /// Records between two `STATE_DIGESTED`.
        pub digest_every: u64,
    }
}

/// Steps between two looks at the held-out games are a twentieth of the run, and at least this many.
const LOOK_STEPS_MIN: u32 = 5;
/// Held-out positions that are looked at, at most.
const LOOK_SAMPLES_MAX: u32 = 2_048;

impl TrainConfig {
    /// The recipe of the next run: all that its result depends on beside data and parent.
    pub fn recipe(&self) -> TrainingRecipe {
        TrainingRecipe {
            steps: self.steps,
            batch: self.batch,
            warmup_steps: self.warmup_steps,
            optimizer: Optimizer::AdamW(AdamW {
                learning_rate: self.adamw_rate,
                beta1: Real(900_000),
                beta2: Real(999_000),
                weight_decay: self.adamw_decay,
            }),
            value_weight: self.value_weight,
            gradient_norm_max: self.gradient_norm_max,
            loss_growth_max: self.loss_growth_max,
            average_decay: self.average_decay,
            validation: Validation {
                share: self.validation_share,
                samples_max: LOOK_SAMPLES_MAX,
                every_steps: (self.steps / 20).max(LOOK_STEPS_MIN),
                patience: self.patience,
            },
        }
    }

    /// How runs train in clusters of format version 1, which cannot read plans: SGD with the figures of the first release.
    pub fn before_plans(&self) -> TrainRecipe {
        TrainRecipe {
            steps: self.steps,
            batch: self.batch,
            learning_rate: Real(50_000),
            warmup_steps: self.warmup_steps,
            momentum: Real(900_000),
            weight_decay: Real(100),
            value_weight: self.value_weight,
            gradient_norm_max: self.gradient_norm_max,
        }
    }
}

impl Default for TrainConfig {
    fn default() -> Self {
        TrainConfig {
            steps: 900,
            batch: 256,
            warmup_steps: 20,
            adamw_rate: Real(4_000),
            adamw_decay: Real(10_000),
            value_weight: Real::ONE,
            gradient_norm_max: Real(5 * Real::SCALE),
            loss_growth_max: Real(10 * Real::SCALE),
            average_decay: Real(980_000),
            validation_share: Real(50_000),
            patience: 8,
        }
    }
}

impl StageLimits {
    /// The limit of a stage, in milliseconds; none where it has none.
    pub fn of(&self, stage: Stage) -> Option<u64> {
        let limit_ms = match stage {
            Stage::SelfPlay => self.self_play_ms,
            Stage::Verification => self.verification_ms,
            Stage::Dataset => self.dataset_ms,
            Stage::Training => self.training_ms,
            Stage::Gauntlet => self.gauntlet_ms,
            Stage::Promotion => self.promotion_ms,
            Stage::Distribution => self.distribution_ms,
        };
        Some(limit_ms).filter(|limit_ms| *limit_ms > 0)
    }
}

/// An hour, in milliseconds.
const HOUR_MS: u64 = 3_600_000;

/// Hours: what takes days of games a generation needs more.
impl Default for StageLimits {
    fn default() -> Self {
        StageLimits {
            self_play_ms: 6 * HOUR_MS,
            verification_ms: HOUR_MS,
            dataset_ms: HOUR_MS,
            training_ms: 6 * HOUR_MS,
            gauntlet_ms: 6 * HOUR_MS,
            promotion_ms: HOUR_MS,
            distribution_ms: HOUR_MS,
        }
    }
}

/// Figures for learning Connect Four on two cores within a few minutes: about 130 CPU seconds a generation.
impl Default for Config {
    fn default() -> Self {
        Config {
            game: None,
            generations: 4,
            seed: 1,
            net: "tiny".to_owned(),
            self_play: SelfPlayConfig {
                games: 2_000,
                games_per_job: 50,
                simulations: 48,
                considered: 7,
                sampled_plies: 8,
            },
            teacher: TeacherConfig { enabled: true, games_factor: 5 },
            dataset: DatasetConfig {
                window: 3,
                games_max: 0,
                elo_below_max: Real::ZERO,
                quality_min: Real(500_000),
                coverage_min: Real(950_000),
            },
            train: TrainConfig::default(),
            gauntlet: GauntletConfig {
                simulations: 96,
                considered: 7,
                opening_plies: 4,
                alpha_beta_depth: 4,
                random_pairs: 20,
                alpha_beta_pairs: 20,
                pairs_per_job: 10,
                exam_random_pairs: 100,
                exam_origin_pairs: 60,
            },
            judgement: JudgementConfig {
                elo0: None,
                elo1: None,
                alpha: Real(50_000),
                beta: Real(50_000),
                groups_max: 240,
            },
            gate: PromotionGate { champion_low_min: Real(500_000), random_rate_min: Real(900_000), games_min: 40 },
            stages: StageLimits::default(),
            cluster: ClusterConfig {
                host_timeout_ms: 3_000,
                lease_ms: 15_000,
                attempts_max: 5,
                copies_min: 2,
                digest_every: 200,
            },
        }
    }
}
