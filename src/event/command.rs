//! Commands: what nodes and people ask the leader for. Imperative, checked once, never stored in the log.

use super::artifacts::ArtifactKind;
use super::body::body;
use super::config::Config;
use super::config_v1;
use super::evaluation::MatchTally;
use super::games::{GamesMeasures, GamesTally};
use super::history::{HistoryArchived, LogRepaired};
use super::id::{ApiTokenId, ClusterId, Hash, JobId, NodeId, TokenId};
use super::identity::ApiRole;
use super::jobs::{JobKind, JobSpec};
use super::judgement::GameAttestation;
use super::membership::MembershipConfig;
use super::registry::Lower;
use super::training::{TrainingProgress, ValidationLosses};
use super::unit::{Millis, Seq};

body! {
    /// A command with its sender. `(origin, origin_seq)` is the key by which repeats are recognised.
    pub struct Proposal {
        /// The node that sends it.
        pub origin: NodeId,
        /// Counts the origin's proposals from 1. 0: not numbered, never deduplicated.
        pub origin_seq: u64,
        /// The origin's clock.
        pub observed_at: Millis,
        /// Records that led to it.
        pub caused_by: Vec<Seq>,
        /// What is asked.
        pub command: Command,
    }

    /// What can be asked of the leader. Proposals wait in outboxes across upgrades: new commands come last, none moves.
    pub enum Command {
        /// Create the cluster (only ever the first command of a log).
        CreateCluster(CreateCluster),
        /// Let a token in.
        CreateToken(CreateToken),
        /// Become a member.
        JoinNode(JoinNode),
        /// Give this host work.
        ClaimJobs(ClaimJobs),
        /// Say that a claimed job runs.
        StartJob(LeaseHolder),
        /// Say how a training run goes.
        ReportProgress(ReportProgress),
        /// Hand in a result.
        CompleteJob(CompleteJob),
        /// Give a job up.
        FailJob(FailJob),
        /// Queue a job of one's own.
        SubmitJob(SubmitJob),
        /// Say that a copy of a blob was stored or checked.
        VerifyArtifact(VerifyArtifact),
        /// Say that a copy is gone.
        LoseArtifact(LoseArtifact),
        /// Say that a projection differs from the leader's.
        ReportDivergence(ReportDivergence),
        /// Change the configuration.
        ChangeConfig(ChangeConfig),
        /// Let a program record notes.
        RegisterProducer(RegisterProducer),
        /// Remember something.
        RecordNote(RecordNote),
        /// Queue a job in somebody's name.
        RequestJob(RequestJob),
        /// Take note of a member's new certificate.
        RenewCertificate(RenewCertificate),
        /// Let the holder of a key use the client API.
        CreateApiToken(CreateApiToken),
        /// Let it no longer.
        RevokeApiToken(RevokeApiToken),
        /// Give members other roles.
        ChangeRoles(ChangeRoles),
        /// Remove a member.
        RemoveMember(RemoveMember),
        /// Change the rules by which seats are given.
        ConfigureMembership(ConfigureMembership),
        /// Hand leadership over.
        TransferLeadership(TransferLeadership),
        /// Say that a damaged segment was written anew.
        ReportRepair(ReportRepair),
        /// Go on as a new cluster with the history of another (only ever on the node that restored it).
        RestoreCluster(RestoreCluster),
        /// Say that a segment is in the archive.
        ReportArchive(ReportArchive),
        /// Say that this node listens elsewhere than the log says.
        MoveMember(MoveMember),
        /// Create the cluster with a configuration that `CreateCluster` cannot say.
        FoundCluster(Box<FoundCluster>),
        /// Change the configuration to one that `ChangeConfig` cannot say.
        Configure(Box<Configure>),
    }

    /// See [`Command::FoundCluster`].
    pub struct FoundCluster {
        /// The cluster.
        pub cluster: ClusterId,
        /// What people call it.
        pub name: String,
        /// Hash of the CA's public key.
        pub ca: Hash,
        /// The first node.
        pub node: JoinNode,
        /// What to run.
        pub config: Config,
    }

    /// See [`Command::Configure`].
    pub struct Configure {
        /// The configuration, complete.
        pub config: Config,
        /// Who changes it.
        pub actor: String,
    }

    /// See [`Command::CreateCluster`].
    pub struct CreateCluster {
        /// The cluster.
        pub cluster: ClusterId,
        /// What people call it.
        pub name: String,
        /// Hash of the CA's public key.
        pub ca: Hash,
        /// The first node.
        pub node: JoinNode,
        /// What to run.
        pub config: config_v1::Config,
    }

    /// See [`Command::RestoreCluster`].
    pub struct RestoreCluster {
        /// The new cluster.
        pub cluster: ClusterId,
        /// What people call it.
        pub name: String,
        /// Hash of the new CA's public key.
        pub ca: Hash,
        /// The first node.
        pub node: JoinNode,
        /// The cluster that it was.
        pub previous: ClusterId,
        /// The last record of the old history.
        pub position: Seq,
        /// The chain of the old log up to the entry that holds it.
        pub chain: Hash,
        /// The digest of the state after it.
        pub state: Hash,
        /// Blobs that the state refers to and that are not here; at most a few thousand.
        pub missing: Vec<Hash>,
    }

    /// See [`Command::CreateToken`].
    pub struct CreateToken {
        /// The token's public part.
        pub token: TokenId,
        /// Hash of its secret part.
        pub secret: Hash,
        /// How long it is valid, in milliseconds.
        pub ttl_ms: u64,
        /// Who asks.
        pub actor: String,
    }

    /// See [`Command::JoinNode`].
    pub struct JoinNode {
        /// The node.
        pub node: NodeId,
        /// What people call it.
        pub name: String,
        /// Where it listens.
        pub address: String,
        /// Hash of its public key.
        pub fingerprint: Hash,
        /// The token's public part; none for the first node.
        pub token: Option<TokenId>,
        /// Hash of the secret part that it showed.
        pub secret: Hash,
    }

    /// See [`Command::ClaimJobs`].
    pub struct ClaimJobs {
        /// The host.
        pub host: NodeId,
        /// Jobs that it wants at most.
        pub slots: u32,
        /// Kinds that it can run now.
        pub kinds: Vec<JobKind>,
        /// Programs that it can run as external jobs.
        pub programs: Vec<String>,
    }

    /// A host with the token of its lease.
    pub struct LeaseHolder {
        /// The job.
        pub job: JobId,
        /// The host.
        pub host: NodeId,
        /// The lease's fencing token.
        pub token: Seq,
    }

    /// See [`Command::ReportProgress`].
    pub struct ReportProgress {
        /// Who reports.
        pub lease: LeaseHolder,
        /// Where training stands.
        pub progress: TrainingProgress,
    }

    /// See [`Command::CompleteJob`].
    pub struct CompleteJob {
        /// Who hands it in.
        pub lease: LeaseHolder,
        /// Wall-clock time of the attempt, in milliseconds.
        pub elapsed_ms: u64,
        /// What the job brought.
        pub result: JobResult,
    }

    /// What a job brought. Blobs in it are durable on the host already.
    pub enum JobResult {
        /// Games were played.
        SelfPlay(SelfPlayResult),
        /// Games were replayed and hold.
        Verified(GamesTally),
        /// Games were replayed and do not hold.
        Quarantined(QuarantineResult),
        /// Weights were made, by chance or by training.
        Model(ModelResult),
        /// Matches were played.
        Gauntlet(MatchTally),
        /// A user's own program ended well.
        External(ExternalResult),
        /// Matches were played, and each game says who played it. It takes the place of `Gauntlet` from format version 2 on.
        Attested(AttestedResult),
        /// Training made weights and drew its losses. It takes the place of `Model` for runs that were planned.
        Trained(TrainedResult),
        /// Games were replayed and hold. It takes the place of `Verified` for verifiers that measure, too.
        Measured(MeasuredResult),
        /// Training made weights, and says from what. It takes the place of `Model` and `Trained`, which say nothing of that, for training.
        Learned(LearnedResult),
    }

    /// See [`JobResult::Learned`].
    pub struct LearnedResult {
        /// What it made.
        pub model: ModelResult,
        /// The identity of the content of the dataset that was really read.
        pub dataset: Hash,
        /// Hash of the weights that training really started from.
        pub parent: Hash,
        /// Its losses; none of workers that draw none.
        pub curve: Option<Box<CurveResult>>,
        /// The games that it learned from; none of workers that do not say.
        pub manifest: Option<Box<ManifestResult>>,
    }

    /// The losses of a run.
    pub struct CurveResult {
        /// The blob of the picture.
        pub picture: BlobRef,
        /// The best look at the held-out games; none without validation.
        pub best: Option<ValidationLosses>,
        /// The last look; none without validation.
        pub last: Option<ValidationLosses>,
    }

    /// See [`JobResult::Measured`].
    pub struct MeasuredResult {
        /// What was counted.
        pub tally: GamesTally,
        /// What was counted for the games' quality.
        pub measures: GamesMeasures,
    }

    /// See [`JobResult::Trained`].
    pub struct TrainedResult {
        /// What it made.
        pub model: ModelResult,
        /// The blob of the picture.
        pub picture: BlobRef,
        /// The best look at the held-out games; none without validation.
        pub best: Option<ValidationLosses>,
        /// The last look; none without validation.
        pub last: Option<ValidationLosses>,
        /// What it learned from; none of workers that do not say.
        pub manifest: Option<Box<ManifestResult>>,
    }

    /// What a run learned from.
    pub struct ManifestResult {
        /// The blob of the manifest.
        pub blob: BlobRef,
        /// What turned positions into inputs.
        pub encoder: Hash,
        /// Games in it.
        pub games: u64,
        /// Games of these that were held out.
        pub held_out: u64,
    }

    /// See [`JobResult::Attested`].
    pub struct AttestedResult {
        /// What was counted.
        pub tally: MatchTally,
        /// Every game, in order of group and turn.
        pub games: Vec<GameAttestation>,
    }

    /// See [`JobResult::SelfPlay`].
    pub struct SelfPlayResult {
        /// The blob of games.
        pub blob: BlobRef,
        /// Games in it.
        pub games: u32,
        /// Positions in it.
        pub positions: u64,
        /// Simulations spent.
        pub simulations: u64,
    }

    /// See [`JobResult::Quarantined`].
    pub struct QuarantineResult {
        /// Index of the first bad game, when the blob could be read that far.
        pub game: Option<u32>,
        /// Why, in words.
        pub reason: String,
    }

    /// See [`JobResult::Model`].
    pub struct ModelResult {
        /// The blob of weights.
        pub blob: BlobRef,
        /// Trainable parameters.
        pub parameters: u64,
        /// Samples in the dataset; 0 for random weights.
        pub samples: u64,
        /// The run's last figures; none for random weights.
        pub progress: Option<TrainingProgress>,
    }

    /// See [`JobResult::External`].
    pub struct ExternalResult {
        /// The result as JSON text.
        pub output: String,
        /// Blobs that it left.
        pub blobs: Vec<BlobRef>,
    }

    /// A blob that the sender holds.
    pub struct BlobRef {
        /// Its hash.
        pub hash: Hash,
        /// Its size.
        pub bytes: u64,
        /// What it is.
        pub kind: ArtifactKind,
    }

    /// See [`Command::FailJob`].
    pub struct FailJob {
        /// Who gives it up.
        pub lease: LeaseHolder,
        /// What went wrong, in words.
        pub error: String,
        /// False when another attempt cannot help.
        pub retry: bool,
    }

    /// See [`Command::SubmitJob`].
    pub struct SubmitJob {
        /// The job; must be new.
        pub job: JobId,
        /// What is to be done.
        pub spec: JobSpec,
        /// Higher is claimed first.
        pub priority: i32,
    }

    /// See [`Command::VerifyArtifact`].
    pub struct VerifyArtifact {
        /// The blob.
        pub blob: BlobRef,
        /// Where the copy lies.
        pub host: NodeId,
    }

    /// See [`Command::LoseArtifact`].
    pub struct LoseArtifact {
        /// The blob.
        pub artifact: Hash,
        /// Where the copy lay.
        pub host: NodeId,
        /// What was found, in words.
        pub reason: String,
    }

    /// See [`Command::ReportDivergence`].
    pub struct ReportDivergence {
        /// The node that differs.
        pub host: NodeId,
        /// The position compared.
        pub position: Seq,
        /// The projection.
        pub projection: String,
        /// The leader's digest.
        pub expected: Hash,
        /// The node's digest.
        pub found: Hash,
    }

    /// See [`Command::ChangeConfig`].
    pub struct ChangeConfig {
        /// The configuration, complete.
        pub config: config_v1::Config,
        /// Who changes it.
        pub actor: String,
    }

    /// See [`Command::RegisterProducer`].
    pub struct RegisterProducer {
        /// The id that it drew.
        pub producer: NodeId,
        /// What people call it.
        pub name: String,
        /// Who asks.
        pub actor: String,
    }

    /// See [`Command::RecordNote`].
    pub struct RecordNote {
        /// Who asks. Ignored for a producer's notes: its registration says it.
        pub actor: String,
        /// The note.
        pub text: String,
    }

    /// See [`Command::RequestJob`].
    pub struct RequestJob {
        /// The job.
        pub job: SubmitJob,
        /// Who asks.
        pub actor: String,
    }

    /// See [`Command::RenewCertificate`].
    pub struct RenewCertificate {
        /// The member.
        pub host: NodeId,
        /// Hash of the new certificate.
        pub fingerprint: Hash,
        /// When it stops being valid.
        pub not_after: Millis,
        /// Who asks.
        pub actor: String,
    }

    /// See [`Command::CreateApiToken`].
    pub struct CreateApiToken {
        /// The token.
        pub token: ApiTokenId,
        /// Hash of its public key.
        pub key: Hash,
        /// Whom it is for.
        pub name: String,
        /// What the holder may do.
        pub role: ApiRole,
        /// How long it is valid, in milliseconds.
        pub ttl_ms: u64,
        /// Who asks.
        pub actor: String,
    }

    /// See [`Command::RevokeApiToken`].
    pub struct RevokeApiToken {
        /// The token.
        pub token: ApiTokenId,
        /// Who asks.
        pub actor: String,
    }

    /// See [`Command::ChangeRoles`].
    pub struct ChangeRoles {
        /// Who is to vote.
        pub promote: Vec<NodeId>,
        /// Who is no longer to vote.
        pub demote: Vec<NodeId>,
        /// Do it although the quorum may be lost by it.
        pub forced: bool,
        /// Who asks.
        pub actor: String,
    }

    /// See [`Command::RemoveMember`].
    pub struct RemoveMember {
        /// The member.
        pub node: NodeId,
        /// Do it although the quorum may be lost by it.
        pub forced: bool,
        /// Who asks.
        pub actor: String,
    }

    /// See [`Command::ConfigureMembership`].
    pub struct ConfigureMembership {
        /// The rules, complete.
        pub config: MembershipConfig,
        /// Who asks.
        pub actor: String,
    }

    /// See [`Command::TransferLeadership`].
    pub struct TransferLeadership {
        /// Who is to lead.
        pub to: NodeId,
        /// Who asks.
        pub actor: String,
    }

    /// See [`Command::ReportRepair`].
    pub struct ReportRepair {
        /// What was repaired, and from where.
        pub repair: LogRepaired,
    }

    /// See [`Command::ReportArchive`].
    pub struct ReportArchive {
        /// What was archived.
        pub archived: HistoryArchived,
    }
    /// See [`Command::MoveMember`].
    pub struct MoveMember {
        /// The member.
        pub node: NodeId,
        /// Where it listens now, as `host:port`.
        pub address: String,
    }
}

/// In the older shape where that says all of it: a leader that runs an older build can read it.
impl From<FoundCluster> for Command {
    fn from(found: FoundCluster) -> Command {
        let Some(config) = found.config.lower() else { return Command::FoundCluster(Box::new(found)) };
        let FoundCluster { cluster, name, ca, node, .. } = found;
        Command::CreateCluster(CreateCluster { cluster, name, ca, node, config })
    }
}

/// As for [`FoundCluster`].
impl From<Configure> for Command {
    fn from(wanted: Configure) -> Command {
        match wanted.config.lower() {
            Some(config) => Command::ChangeConfig(ChangeConfig { config, actor: wanted.actor }),
            None => Command::Configure(Box::new(wanted)),
        }
    }
}

impl From<CreateCluster> for FoundCluster {
    fn from(old: CreateCluster) -> FoundCluster {
        let CreateCluster { cluster, name, ca, node, config } = old;
        FoundCluster { cluster, name, ca, node, config: config.into() }
    }
}

impl From<ChangeConfig> for Configure {
    fn from(old: ChangeConfig) -> Configure {
        Configure { config: old.config.into(), actor: old.actor }
    }
}
