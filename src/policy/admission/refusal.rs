//! Why a command is refused. A refusal changes nothing and is not recorded; the sender gets its code and its words.

use crate::event::{ApiTokenId, Hash, JobId, Kind, NodeId, Seq, TokenId};
use crate::policy::limits::LEARNERS_MAX;

/// A command is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// The proposal was admitted before: its sender may forget it.
    #[error("proposal {origin_seq} of {origin} is admitted already (last: {last})")]
    Duplicate {
        /// The sender.
        origin: NodeId,
        /// The proposal's number.
        origin_seq: u64,
        /// The last number admitted.
        last: u64,
    },
    /// A producer's proposal does not follow its last one.
    #[error("proposal {origin_seq} of producer {origin} does not follow {last}: send {} next", last + 1)]
    Gap {
        /// The producer.
        origin: NodeId,
        /// The proposal's number.
        origin_seq: u64,
        /// The last number admitted.
        last: u64,
    },
    /// A note or a producer is not acceptable.
    #[error("this cannot be noted: {reason}")]
    BadNote {
        /// What is wrong.
        reason: String,
    },
    /// There is a cluster already.
    #[error("the cluster exists already")]
    ClusterExists,
    /// The sender is not a member.
    #[error("{node} is not a member of this cluster: join it first")]
    NotAMember {
        /// The sender.
        node: NodeId,
    },
    /// The sender speaks for another node.
    #[error("{origin} cannot speak for {host}")]
    NotYours {
        /// The sender.
        origin: NodeId,
        /// The node it spoke for.
        host: NodeId,
    },
    /// The host is not online in the log yet, or no longer.
    #[error("{host} is not online: it gets no work before HOST_ONLINE is recorded")]
    Offline {
        /// The host.
        host: NodeId,
    },
    /// There is no such job.
    #[error("{job} is unknown")]
    UnknownJob {
        /// The job.
        job: JobId,
    },
    /// The sender does not hold the job's lease.
    #[error("{host} does not hold {job} with token {token}{}", .current.map(|seq| format!(" (it is {seq})")).unwrap_or_default())]
    NotLeaseHolder {
        /// The job.
        job: JobId,
        /// The sender.
        host: NodeId,
        /// The token it showed.
        token: Seq,
        /// The token that holds.
        current: Option<Seq>,
    },
    /// There is a job of this name already.
    #[error("{job} exists already: choose another name")]
    JobExists {
        /// The job.
        job: JobId,
    },
    /// Too many external jobs wait.
    #[error("{waiting} external jobs wait already: submit later")]
    QueueFull {
        /// How many wait.
        waiting: usize,
    },
    /// The job is not one that can be submitted.
    #[error("this job cannot be submitted: {reason}")]
    BadJob {
        /// What is wrong.
        reason: String,
    },
    /// Progress of something that is not a training run.
    #[error("{job} is not a training run")]
    NotTraining {
        /// The job.
        job: JobId,
    },
    /// The token is not one of this cluster's.
    #[error("the join token is unknown to this cluster: create one with `kifu-node token create`")]
    TokenUnknown,
    /// The token's secret part is wrong.
    #[error("the join token's secret is wrong")]
    TokenSecret,
    /// The token is no longer valid.
    #[error("the join token has expired: create another with `kifu-node token create`")]
    TokenExpired,
    /// The token let a node in already.
    #[error("the join token was used by {node}: every node needs its own")]
    TokenUsed {
        /// The node that used it.
        node: NodeId,
    },
    /// There is a token of this name already.
    #[error("{token} exists already")]
    TokenExists {
        /// The token.
        token: TokenId,
    },
    /// Too many tokens are open, or this one is not acceptable.
    #[error("this token cannot be created: {reason}")]
    BadToken {
        /// What is wrong.
        reason: String,
    },
    /// There is an API token of this name already.
    #[error("{token} exists already")]
    ApiTokenExists {
        /// The token.
        token: ApiTokenId,
    },
    /// There is no such API token.
    #[error("{token} is unknown: `kifu-node token list` shows all")]
    ApiTokenUnknown {
        /// The token.
        token: ApiTokenId,
    },
    /// The API token is not acceptable, or there are too many.
    #[error("this API token is not acceptable: {reason}")]
    BadApiToken {
        /// What is wrong.
        reason: String,
    },
    /// The certificate is not acceptable.
    #[error("this certificate is not acceptable: {reason}")]
    BadCertificate {
        /// What is wrong.
        reason: String,
    },
    /// The name belongs to another node.
    #[error("the name {name:?} is taken by {node}")]
    NameTaken {
        /// The name.
        name: String,
        /// Whose it is.
        node: NodeId,
    },
    /// The node is a member already.
    #[error("{node} is a member already")]
    NodeExists {
        /// The node.
        node: NodeId,
    },
    /// There are as many members as there may be.
    #[error(
        "this cluster has {members} members and takes {most} ({voters} voters and {LEARNERS_MAX} learners): remove one with \
         `kifu-node members remove NAME`, then join again"
    )]
    MembersFull {
        /// How many there are.
        members: usize,
        /// How many there may be.
        most: usize,
        /// The voters that are configured.
        voters: usize,
    },
    /// The node's particulars do not hold.
    #[error("this node cannot join: {reason}")]
    BadNode {
        /// What is wrong.
        reason: String,
    },
    /// The node was removed from the cluster.
    #[error("{node} was removed from this cluster: make a new data directory, and join with that")]
    NodeRemoved {
        /// The node.
        node: NodeId,
    },
    /// There is no such member.
    #[error("{node} is no member: `kifu-node members list` shows all")]
    UnknownMember {
        /// The node.
        node: NodeId,
    },
    /// The membership cannot be changed like this.
    #[error("{reason}")]
    BadMembership {
        /// What is wrong, and the way out.
        reason: String,
    },
    /// The change may lose the quorum.
    #[error(
        "this leaves {voters} voters of which {online} are online, and {needed} are needed to decide anything: bring the others back first, choose other nodes, or say --force"
    )]
    QuorumAtRisk {
        /// Voters after the change.
        voters: usize,
        /// Those of them that are online.
        online: usize,
        /// Those that a quorum needs.
        needed: usize,
    },
    /// Some member cannot read what this would write.
    #[error(
        "{kind} needs format version {needed} to say this, and the cluster runs at {version} until every member is online with a build that reads {needed}: `kifu-node members list` shows who is behind; upgrade those, or remove them"
    )]
    NeedsUpgrade {
        /// What would be written.
        kind: Kind,
        /// The version with which it came.
        needed: u32,
        /// The cluster's version.
        version: u32,
    },
    /// The configuration cannot work.
    #[error("bad configuration: {reason}")]
    BadConfig {
        /// What is wrong.
        reason: String,
    },
    /// The blob is unknown.
    #[error("blob {artifact} is unknown")]
    UnknownArtifact {
        /// The blob.
        artifact: Hash,
    },
    /// The blob is known as something else.
    #[error("blob {artifact} is known with another size or kind")]
    BadArtifact {
        /// The blob.
        artifact: Hash,
    },
    /// There is no such projection.
    #[error("projection {name:?} is unknown")]
    UnknownProjection {
        /// The name.
        name: String,
    },
}

impl Refusal {
    /// The code that programs rely on. It never changes.
    pub fn code(&self) -> &'static str {
        match self {
            Refusal::Duplicate { .. } => "duplicate",
            Refusal::Gap { .. } => "gap",
            Refusal::BadNote { .. } => "bad_note",
            Refusal::ClusterExists => "cluster_exists",
            Refusal::ApiTokenExists { .. } => "api_token_exists",
            Refusal::ApiTokenUnknown { .. } => "api_token_unknown",
            Refusal::BadApiToken { .. } => "bad_api_token",
            Refusal::BadCertificate { .. } => "bad_certificate",
            Refusal::NotAMember { .. } => "not_a_member",
            Refusal::NotYours { .. } => "not_yours",
            Refusal::Offline { .. } => "offline",
            Refusal::UnknownJob { .. } => "unknown_job",
            Refusal::NotLeaseHolder { .. } => "not_lease_holder",
            Refusal::JobExists { .. } => "job_exists",
            Refusal::QueueFull { .. } => "queue_full",
            Refusal::BadJob { .. } => "bad_job",
            Refusal::NotTraining { .. } => "not_training",
            Refusal::TokenUnknown => "token_unknown",
            Refusal::TokenSecret => "token_secret",
            Refusal::TokenExpired => "token_expired",
            Refusal::TokenUsed { .. } => "token_used",
            Refusal::TokenExists { .. } => "token_exists",
            Refusal::BadToken { .. } => "bad_token",
            Refusal::NameTaken { .. } => "name_taken",
            Refusal::NodeExists { .. } => "node_exists",
            Refusal::MembersFull { .. } => "members_full",
            Refusal::BadNode { .. } => "bad_node",
            Refusal::NodeRemoved { .. } => "node_removed",
            Refusal::UnknownMember { .. } => "unknown_member",
            Refusal::BadMembership { .. } => "bad_membership",
            Refusal::QuorumAtRisk { .. } => "quorum_at_risk",
            Refusal::NeedsUpgrade { .. } => "needs_upgrade",
            Refusal::BadConfig { .. } => "bad_config",
            Refusal::UnknownArtifact { .. } => "unknown_artifact",
            Refusal::BadArtifact { .. } => "bad_artifact",
            Refusal::UnknownProjection { .. } => "unknown_projection",
        }
    }
}
