//! Who belongs to the cluster in which role, and which formats all of it understands.

use super::body::body;
use super::id::NodeId;

body! {
    /// `MEMBER_ROLE_CHANGED`: from now on the node is to have this role. Raft's membership follows (`VOTERS_CHANGED`).
    pub struct MemberRoleChanged {
        /// The node.
        pub node: NodeId,
        /// Its role from now on.
        pub role: MemberRole,
        /// Why.
        pub reason: RoleReason,
        /// The other node of an exchange: the voter that is gone, or the learner that took its seat.
        pub instead_of: Option<NodeId>,
        /// How long the voter that is gone was offline, in milliseconds.
        pub offline_ms: Option<u64>,
        /// Who asked for it; none when a policy decided.
        pub actor: Option<String>,
        /// True when it was asked for although the quorum may be lost by it.
        pub forced: bool,
    }

    /// What a member does with the log.
    #[derive(Copy, PartialOrd, Ord)]
    pub enum MemberRole {
        /// Keeps the log and votes.
        Voter,
        /// Keeps the log.
        Learner,
    }

    /// Why a member's role changed.
    #[derive(Copy)]
    pub enum RoleReason {
        /// An operator asked for it.
        Operator,
        /// There were fewer voters than configured.
        SeatFree,
        /// There were more voters than configured, or an even number, which tolerates no more failures than one less.
        SeatClosed,
        /// A voter has been offline for so long that it counts as gone for good.
        VoterGone,
        /// It was gone for good, and another took its seat.
        Replaced,
    }

    /// `MEMBER_REMOVED`: the node is no member any more. Nobody listens to it from now on, and its key never returns.
    pub struct MemberRemoved {
        /// The node.
        pub node: NodeId,
        /// What people called it.
        pub name: String,
        /// Who asked for it.
        pub actor: String,
        /// True when it was asked for although the quorum may be lost by it.
        pub forced: bool,
    }

    /// `MEMBERSHIP_CONFIGURED`: from now on seats are given by these rules.
    pub struct MembershipConfigured {
        /// The rules, complete.
        pub config: MembershipConfig,
        /// Who changed them.
        pub actor: String,
    }

    /// How many vote, and when a voter is replaced.
    #[derive(Copy)]
    pub struct MembershipConfig {
        /// Voters wanted: 1, 3, 5 or 7. Further members are learners.
        pub voters: u32,
        /// A voter that is offline for this long is gone for good, in milliseconds.
        pub voter_gone_ms: u64,
        /// A learner that was online for this long may take its seat, in milliseconds.
        pub learner_stable_ms: u64,
    }

    /// `LEADER_TRANSFER_REQUESTED`: the leader is to hand over to this voter.
    pub struct LeaderTransferRequested {
        /// Who is to lead.
        pub to: NodeId,
        /// Who asked for it.
        pub actor: String,
    }

    /// `MEMBER_MOVED`: the node listens elsewhere from now on. It says so itself: its key is the same wherever it is.
    pub struct MemberMoved {
        /// The node.
        pub node: NodeId,
        /// Where it listened, as `host:port`.
        pub from: String,
        /// Where it listens.
        pub to: String,
    }

    /// `CLUSTER_VERSION_RAISED`: every member reads events of this format version; from now on they may be written.
    pub struct ClusterVersionRaised {
        /// What it was.
        pub from: u32,
        /// What it is.
        pub to: u32,
    }
}

impl Default for MembershipConfig {
    /// Three voters; a voter is replaced after ten minutes by a learner that was there for one.
    fn default() -> Self {
        MembershipConfig { voters: 3, voter_gone_ms: 600_000, learner_stable_ms: 60_000 }
    }
}
