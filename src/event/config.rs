//! What people want the cluster to do. One struct; a change records the whole of it.

use super::body::body;
use super::id::GameKey;
use super::training::TrainRecipe;
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

/// Figures for learning Connect Four on two cores within a few minutes: about 130 CPU seconds a generation.
impl Default for Config {
    fn default() -> Self {
        Config {
            game: None,
            generations: 4,
            seed: 1,
            net: "tiny".to_owned(),
            self_play: SelfPlayConfig {
                games: 1_000,
                games_per_job: 50,
                simulations: 48,
                considered: 7,
                sampled_plies: 8,
            },
            dataset: DatasetConfig { window: 3, quality_min: Real(500_000) },
            train: TrainRecipe {
                steps: 400,
                batch: 256,
                learning_rate: Real(50_000),
                warmup_steps: 20,
                momentum: Real(900_000),
                weight_decay: Real(100),
                value_weight: Real::ONE,
                gradient_norm_max: Real(5 * Real::SCALE),
            },
            gauntlet: GauntletConfig {
                simulations: 96,
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
}
