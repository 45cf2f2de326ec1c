//! Jobs: units of work that one host runs at a time under a lease.
//!
//! A lease's fencing token is the `seq` of its `JOB_CLAIMED` record. What arrives with an older token is recorded as
//! `JOB_RESULT_REFUSED` and changes nothing else.

use super::body::body;
use super::id::{DatasetId, GameKey, GauntletId, Hash, JobId, ModelId, NodeId, RunId};
use super::training::TrainRecipe;
use super::unit::{Real, Seq};

body! {
    /// `JOB_QUEUED`: a job waits to be claimed.
    pub struct JobQueued {
        /// The job.
        pub job: JobId,
        /// What is to be done.
        pub spec: JobSpec,
        /// Higher is claimed first; equal priorities in order of queueing.
        pub priority: i32,
        /// How long a claim lasts without a sign of life, in milliseconds.
        pub lease_ms: u64,
        /// Claims allowed before the job counts as failed for good.
        pub attempts_max: u32,
        /// Hosts that should leave the job to others while others are online.
        pub avoid: Vec<NodeId>,
    }

    /// `JOB_SUBMITTED`: a person queued the job; `JOB_QUEUED` beside it says what it is.
    pub struct JobSubmitted {
        /// The job.
        pub job: JobId,
        /// Who submitted it.
        pub actor: String,
    }

    /// `JOB_CLAIMED`: a host holds the job's lease. This record's `seq` is the fencing token.
    pub struct JobClaimed {
        /// The job.
        pub job: JobId,
        /// The host that runs it.
        pub host: NodeId,
        /// 1 for the first claim.
        pub attempt: u32,
    }

    /// `JOB_STARTED`: the host has its inputs and a worker has begun.
    pub struct JobStarted {
        /// The job.
        pub job: JobId,
        /// The host that runs it.
        pub host: NodeId,
        /// The lease's fencing token.
        pub token: Seq,
    }

    /// `JOB_COMPLETED`: the job is done; what it brought stands in the records beside this one.
    pub struct JobCompleted {
        /// The job.
        pub job: JobId,
        /// The host that ran it.
        pub host: NodeId,
        /// The lease's fencing token.
        pub token: Seq,
        /// Wall-clock time of the attempt, in milliseconds.
        pub elapsed_ms: u64,
    }

    /// `JOB_FAILED`: an attempt ended without a result. The job is queued again while attempts are left.
    pub struct JobFailed {
        /// The job.
        pub job: JobId,
        /// The host that ran it.
        pub host: NodeId,
        /// The lease's fencing token.
        pub token: Seq,
        /// What went wrong, in words.
        pub error: String,
        /// False when another attempt cannot help.
        pub retry: bool,
    }

    /// `JOB_LEASE_EXPIRED`: the host gave no sign of life for the lease's length. The job is queued again.
    pub struct JobLeaseExpired {
        /// The job.
        pub job: JobId,
        /// The host that held it.
        pub host: NodeId,
        /// The fencing token that is void from now on.
        pub token: Seq,
    }

    /// `JOB_RESULT_REFUSED`: a result came with a token that is not (or no longer) the job's. Kept for the record.
    pub struct JobResultRefused {
        /// The job.
        pub job: JobId,
        /// The host that sent it.
        pub host: NodeId,
        /// The token it came with.
        pub token: Seq,
        /// The token that holds now, if any.
        pub current: Option<Seq>,
        /// Why it was refused, in words.
        pub reason: String,
        /// Blobs that the result names; they stay where they are.
        pub artifacts: Vec<Hash>,
    }

    /// `JOB_CANCELLED`: the job is no longer wanted. A running attempt is stopped.
    pub struct JobCancelled {
        /// The job.
        pub job: JobId,
        /// Why, in words.
        pub reason: String,
    }

    /// `EXTERNAL_RESULT_RECORDED`: what a job of a user's own program brought.
    pub struct ExternalResultRecorded {
        /// The job.
        pub job: JobId,
        /// The result as JSON text, as the program sent it.
        pub output: String,
        /// Blobs that the program left.
        pub artifacts: Vec<Hash>,
    }

    /// What a job is about.
    pub enum JobSpec {
        /// Play games against oneself.
        SelfPlay(SelfPlaySpec),
        /// Replay recorded games.
        Verify(VerifySpec),
        /// Make random weights.
        InitModel(InitModelSpec),
        /// Train weights on a dataset.
        Train(TrainSpec),
        /// Play games of a gauntlet.
        Gauntlet(GauntletSpec),
        /// Whatever a user's own program does.
        External(ExternalSpec),
    }

    /// How a model thinks about a move.
    pub struct SearchRecipe {
        /// Simulations a move.
        pub simulations: u32,
        /// Actions considered at the root (`m` in Danihelka et al. 2022).
        pub considered: u32,
        /// Scale of the Gumbel noise at the root: 1 for self-play, 0 to play one's best.
        pub gumbel_scale: Real,
    }

    /// Self-play of one model.
    pub struct SelfPlaySpec {
        /// The game.
        pub game: GameKey,
        /// The generation whose dataset these games are for.
        pub generation: u32,
        /// The model that plays all seats.
        pub model: ModelId,
        /// Its weights.
        pub weights: Hash,
        /// Games to play.
        pub games: u32,
        /// Seed of all randomness in the job.
        pub seed: u64,
        /// How it thinks.
        pub search: SearchRecipe,
        /// Plies at the start that are sampled from the improved policy instead of taking the best action.
        pub sampled_plies: u32,
    }

    /// Verification by replay. The node itself does it, never a worker.
    pub struct VerifySpec {
        /// The game.
        pub game: GameKey,
        /// The blob of games.
        pub batch: Hash,
    }

    /// The making of generation 0.
    pub struct InitModelSpec {
        /// The game.
        pub game: GameKey,
        /// Family of the net: `tiny`, `small`, ….
        pub net: String,
        /// Seed of the weights.
        pub seed: u64,
    }

    /// A training run.
    pub struct TrainSpec {
        /// The run.
        pub run: RunId,
        /// The game.
        pub game: GameKey,
        /// The generation that the run makes.
        pub generation: u32,
        /// The dataset.
        pub dataset: DatasetId,
        /// The dataset's blobs of verified games, in order.
        pub batches: Vec<Hash>,
        /// The model that training starts from.
        pub parent: ModelId,
        /// Its weights.
        pub parent_weights: Hash,
        /// How to train.
        pub recipe: TrainRecipe,
        /// Seed of shuffling and augmentation.
        pub seed: u64,
    }

    /// A player in a gauntlet.
    pub enum Contender {
        /// Plays uniformly at random.
        Random,
        /// Alpha-beta to a fixed depth in plies, ties broken at random.
        AlphaBeta(u32),
        /// A model with search.
        Model(ModelContender),
    }

    /// A model in a gauntlet.
    pub struct ModelContender {
        /// The model.
        pub model: ModelId,
        /// Its weights.
        pub weights: Hash,
        /// How it thinks.
        pub search: SearchRecipe,
    }

    /// Part of a gauntlet: pairs of games, each pair one seeded opening played from both sides.
    pub struct GauntletSpec {
        /// The gauntlet.
        pub gauntlet: GauntletId,
        /// The game.
        pub game: GameKey,
        /// Who is judged.
        pub candidate: ModelContender,
        /// Whom it meets.
        pub opponent: Contender,
        /// Number of the first pair; the opening follows from `seed` and the pair's number.
        pub first_pair: u32,
        /// Number of pairs.
        pub pairs: u32,
        /// Random plies at the start of each opening.
        pub opening_plies: u32,
        /// Seed of the gauntlet.
        pub seed: u64,
    }

    /// Work for a user's own program.
    pub struct ExternalSpec {
        /// Which program: a worker says at start which programs it is.
        pub program: String,
        /// Parameters as JSON text, handed through untouched.
        pub params: String,
        /// Blobs that the program needs.
        pub inputs: Vec<Hash>,
    }

    /// Which jobs a worker can run.
    #[derive(Copy, PartialOrd, Ord, Hash)]
    pub enum JobKind {
        /// See [`JobSpec::SelfPlay`].
        SelfPlay,
        /// See [`JobSpec::Verify`].
        Verify,
        /// See [`JobSpec::InitModel`].
        InitModel,
        /// See [`JobSpec::Train`].
        Train,
        /// See [`JobSpec::Gauntlet`].
        Gauntlet,
        /// See [`JobSpec::External`].
        External,
    }
}

impl JobSpec {
    /// The kind of the job.
    pub fn kind(&self) -> JobKind {
        match self {
            JobSpec::SelfPlay(_) => JobKind::SelfPlay,
            JobSpec::Verify(_) => JobKind::Verify,
            JobSpec::InitModel(_) => JobKind::InitModel,
            JobSpec::Train(_) => JobKind::Train,
            JobSpec::Gauntlet(_) => JobKind::Gauntlet,
            JobSpec::External(_) => JobKind::External,
        }
    }

    /// The blobs that must be on the host before the job can start.
    pub fn inputs(&self) -> Vec<Hash> {
        match self {
            JobSpec::SelfPlay(spec) => vec![spec.weights],
            JobSpec::Verify(spec) => vec![spec.batch],
            JobSpec::InitModel(_) => vec![],
            JobSpec::Train(spec) => spec.batches.iter().copied().chain([spec.parent_weights]).collect(),
            JobSpec::Gauntlet(spec) => {
                let mut inputs = vec![spec.candidate.weights];
                if let Contender::Model(model) = &spec.opponent {
                    inputs.push(model.weights);
                }
                inputs
            }
            JobSpec::External(spec) => spec.inputs.clone(),
        }
    }
}

impl JobKind {
    /// The kind in `snake_case`, as on every surface.
    pub fn name(self) -> &'static str {
        match self {
            JobKind::SelfPlay => "self_play",
            JobKind::Verify => "verify",
            JobKind::InitModel => "init_model",
            JobKind::Train => "train",
            JobKind::Gauntlet => "gauntlet",
            JobKind::External => "external",
        }
    }
}

impl Contender {
    /// A short name for tables: `random`, `alphabeta-4`, or the model's id.
    pub fn name(&self) -> String {
        match self {
            Contender::Random => "random".to_owned(),
            Contender::AlphaBeta(depth) => format!("alphabeta-{depth}"),
            Contender::Model(contender) => contender.model.to_string(),
        }
    }
}
