//! The cluster itself: its nodes, who leads, and whether they agree.

use super::body::body;
use super::id::{ClusterId, Hash, NodeId, TokenId};
use super::unit::{Millis, Seq, Term};

body! {
    /// `CLUSTER_CREATED`: the first fact of every cluster after its first `LEADER_ELECTED`.
    pub struct ClusterCreated {
        /// The cluster.
        pub cluster: ClusterId,
        /// What people call it.
        pub name: String,
        /// Hash of the cluster CA's public key.
        pub ca: Hash,
    }

    /// `CLUSTER_RESTORED`: the records before this one are those of another cluster, up to `position`, taken over from a
    /// backup. From here on this is a cluster of its own: members, tokens and certificates of the old one count no more, no
    /// lease of it holds, and the only copies are those of the node that restored it.
    pub struct ClusterRestored {
        /// The new cluster.
        pub cluster: ClusterId,
        /// What people call it.
        pub name: String,
        /// Hash of the new cluster CA's public key.
        pub ca: Hash,
        /// The cluster that it was.
        pub previous: ClusterId,
        /// The last record of the old history.
        pub position: Seq,
        /// The chain of the old log up to the entry that holds it.
        pub chain: Hash,
        /// The digest of the state after it.
        pub state: Hash,
        /// The node that restored it, and that holds the blobs.
        pub host: NodeId,
        /// Blobs that the state refers to and the backup did not hold.
        pub missing: Vec<Hash>,
    }

    /// `TOKEN_CREATED`: one node may join with this token until it expires.
    pub struct TokenCreated {
        /// The token's public part.
        pub token: TokenId,
        /// Hash of its secret part.
        pub secret: Hash,
        /// When it stops being valid.
        pub expires_at: Millis,
        /// Who asked for it.
        pub actor: String,
    }

    /// `NODE_JOINED`: a node is a member. It says nothing about being alive.
    pub struct NodeJoined {
        /// The node.
        pub node: NodeId,
        /// What people call it; unique in the cluster.
        pub name: String,
        /// Where it listens for QUIC, as `host:port`.
        pub address: String,
        /// Hash of its public key.
        pub fingerprint: Hash,
        /// The token it used up; none for the first node.
        pub token: Option<TokenId>,
    }

    /// `HOST_ONLINE`: the leader hears the host.
    pub struct HostOnline {
        /// The host.
        pub host: NodeId,
        /// Counts the starts of the host's process (milliseconds at its start).
        pub incarnation: u64,
        /// Jobs that it can run at a time.
        pub slots: u32,
    }

    /// `HOST_OFFLINE`: the leader no longer hears the host.
    pub struct HostOffline {
        /// The host.
        pub host: NodeId,
        /// When the leader last heard it, by its own clock.
        pub last_heard_at: Millis,
        /// Why: silence, or a farewell.
        pub reason: OfflineReason,
    }

    /// Why a host is offline.
    #[derive(Copy)]
    pub enum OfflineReason {
        /// No heartbeat for too long.
        Silent,
        /// It said goodbye.
        Left,
    }

    /// `LEADER_ELECTED`: the first record of every term.
    pub struct LeaderElected {
        /// The leader.
        pub leader: NodeId,
        /// The term that it leads. Equal to the record's own term.
        pub term: Term,
        /// Who led before, if anybody did.
        pub previous: Option<NodeId>,
    }

    /// `VOTERS_CHANGED`: the Raft membership that has committed.
    pub struct VotersChanged {
        /// Who votes, in order of id.
        pub voters: Vec<NodeId>,
        /// Who only receives the log, in order of id.
        pub learners: Vec<NodeId>,
    }

    /// `QUORUM_HEALTH_CHANGED`: how many voters may still be lost. Counted from the configured voters.
    pub struct QuorumHealthChanged {
        /// What it was.
        pub from: QuorumHealth,
        /// What it is.
        pub to: QuorumHealth,
        /// Voters that are online.
        pub online: u32,
        /// Voters in the configuration.
        pub voters: u32,
    }

    /// How far the cluster is from losing its quorum.
    #[derive(Copy, Default)]
    pub enum QuorumHealth {
        /// All voters are online.
        Healthy,
        /// Voters are missing, and one more may be lost.
        Degraded,
        /// Voters are missing, and none more may be lost.
        Minimum,
        /// Fewer voters than a quorum.
        #[default]
        Lost,
    }

    /// `STATE_DIGESTED`: what every node's projections must be after the record at `position`.
    pub struct StateDigested {
        /// The last record that the digests cover.
        pub position: Seq,
        /// One digest for each projection, in order of name.
        pub digests: Vec<ProjectionDigest>,
    }

    /// The digest of one projection.
    pub struct ProjectionDigest {
        /// The projection's name.
        pub projection: String,
        /// The digest of its rows.
        pub digest: Hash,
    }

    /// `PROJECTION_DIVERGED`: a node's fold differs from the leader's.
    pub struct ProjectionDiverged {
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
}
