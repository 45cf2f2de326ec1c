//! What can keep a node from starting or going on.

use std::io;
use std::path::PathBuf;

use crate::cli::ExitCode;
use crate::net::NetError;

/// A node cannot start, join or go on.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum NodeError {
    /// A file of the data directory cannot be read or written.
    #[error("cannot use {path}: {source}", path = path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The folder is not a data directory.
    #[error("{path} is no data directory: {reason}", path = path.display())]
    NotADataDir {
        /// The folder.
        path: PathBuf,
        /// What is missing or wrong.
        reason: String,
    },
    /// A task has panicked. What it did is done by nobody any more, so the node stops, and others take over.
    #[error("a part of the node has failed, so it stops: {reason}; this is a defect: please report it with this log")]
    Defect {
        /// What it said.
        reason: String,
    },
    /// The folder already holds a node.
    #[error("{path} already holds a node; start it with `kifu-node start --data {path}`, or choose another folder", path = path.display())]
    Exists {
        /// The folder.
        path: PathBuf,
    },
    /// Another process runs on the data directory.
    #[error("another node (process {pid}) already runs on {path}; stop it first", path = path.display())]
    Locked {
        /// The folder.
        path: PathBuf,
        /// The other process, as far as known.
        pid: String,
    },
    /// The node's configuration file is wrong.
    #[error("{path} is not valid: {reason}", path = path.display())]
    Config {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// This node acknowledged entries that the directory no longer holds.
    #[error(
        "the log in {path} {}, but {reason}: the directory was wiped or is an older copy, and a voter must not forget \
         what it acknowledged. Way out: remove this node from the cluster (`kifu-node members remove NODE` on another node), \
         move {path} away, and join anew (`kifu-node token create` there, then `kifu-node join --token TOKEN --data {path}`). \
         A cluster of this node alone goes on only from a backup or from the directory as it was",
        has.map_or("is empty".to_owned(), |last| format!("ends at entry {last}")),
        path = path.display()
    )]
    Wiped {
        /// The data directory.
        path: PathBuf,
        /// The last entry that it holds.
        has: Option<u64>,
        /// How it is known that there was more.
        reason: String,
    },
    /// The log is damaged and could not be repaired.
    #[error(
        "the log in {path} is damaged and could not be repaired: {reason}. Found: {found}. Way out: start the other members \
         and try again; or remove this node (`kifu-node members remove NODE` on another node), move the directory away and \
         join anew; a cluster of one node goes on from a backup. `kifu-replay --data DIR verify` says what is readable",
        path = path.display()
    )]
    Unrepaired {
        /// The log.
        path: PathBuf,
        /// The first damage.
        found: String,
        /// Why it stays.
        reason: String,
    },
    /// The beginning of the log is gone, and so is what followed from it.
    #[error(
        "the projections in {path} cannot be used, its log begins after entry {base}, and there is no snapshot of what came \
         before. Way out: `kifu-replay rebuild {path} --archive DIR` with the cluster's archive; or remove this node \
         (`kifu-node members remove NODE` on another node), move the directory away and join anew",
        path = path.display()
    )]
    Forgotten {
        /// The data directory.
        path: PathBuf,
        /// The last entry that the log no longer holds.
        base: u64,
    },
    /// Another process runs under this node's identity.
    #[error(
        "another process (started as {incarnation}) runs with the identity in {path}: the directory was copied. Way out: \
         keep the process that runs and delete this copy; for a further node, make a directory of its own with \
         `kifu-node join --token TOKEN --data OTHER_DIR`",
        path = path.display()
    )]
    Copied {
        /// The data directory.
        path: PathBuf,
        /// The other process's start.
        incarnation: u64,
    },
    /// A port cannot be bound.
    #[error("cannot listen on {address}: {reason}; choose another address with --{flag}")]
    Bind {
        /// The address.
        address: String,
        /// What the system said.
        reason: String,
        /// The flag that sets it.
        flag: &'static str,
    },
    /// The cluster refused.
    #[error("the cluster refused ({code}): {message}")]
    Refused {
        /// A stable code.
        code: String,
        /// What it said.
        message: String,
    },
    /// The cluster removed this node.
    #[error(
        "{node} was removed from the cluster ({by} says so): its key never returns. To make this machine a member again, \
         choose a new folder and `kifu-node join` it with a new token"
    )]
    Removed {
        /// This node.
        node: crate::event::NodeId,
        /// The member that said so.
        by: crate::event::NodeId,
    },
    /// This node has no copy of the cluster's CA.
    #[error(
        "this node does not hold the cluster's CA: ask the node that made the cluster, or see `kifu-node ca import`"
    )]
    NoAuthority,
    /// Another member could not be asked.
    #[error("cannot ask another member: {0}")]
    Client(#[source] Box<super::api::ClientError>),
    /// Nobody answered in time.
    #[error("{what}: nobody answered within {seconds} s")]
    Unavailable {
        /// What was asked.
        what: String,
        /// How long was waited.
        seconds: u64,
    },
    /// The network room failed.
    #[error(transparent)]
    Net(#[from] crate::net::NetError),
    /// The log failed.
    #[error(transparent)]
    Log(#[from] crate::log::LogError),
    /// Replication failed.
    #[error(transparent)]
    Replica(#[from] crate::replica::ReplicaError),
    /// The projections' store failed.
    #[error(transparent)]
    Projection(#[from] crate::projection::ProjectionError),
    /// Earlier states cannot be kept or made again.
    #[error(transparent)]
    Replay(#[from] crate::replay::ReplayError),
    /// A backup cannot be taken or used.
    #[error("backup {path}: {reason}", path = path.display())]
    Backup {
        /// The backup, or the file in it.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// The outbox or the workers failed.
    #[error(transparent)]
    Work(#[from] crate::work::WorkError),
    /// The blob store failed.
    #[error(transparent)]
    Artifact(#[from] crate::artifact::ArtifactError),
}

impl NodeError {
    /// An I/O error at `path`.
    pub(crate) fn io(path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> NodeError {
        let path = path.into();
        move |source| NodeError::Io { path, source }
    }

    /// What another member said, or why it said nothing.
    pub(crate) fn client(error: super::api::ClientError) -> NodeError {
        match error {
            super::api::ClientError::Refused { code, .. } if code == "no_authority" => NodeError::NoAuthority,
            super::api::ClientError::Refused { code, message } => NodeError::Refused { code, message },
            other => NodeError::Client(Box::new(other)),
        }
    }

    /// The program's exit code for this error.
    pub fn exit_code(&self) -> ExitCode {
        match self {
            NodeError::Config { .. } | NodeError::NotADataDir { .. } => ExitCode::Usage,
            NodeError::Exists { .. }
            | NodeError::Locked { .. }
            | NodeError::Copied { .. }
            | NodeError::Bind { .. }
            | NodeError::Removed { .. }
            | NodeError::NoAuthority
            | NodeError::Refused { .. } => ExitCode::Conflict,
            NodeError::Wiped { .. } | NodeError::Unrepaired { .. } | NodeError::Forgotten { .. } => ExitCode::Unhealthy,
            NodeError::Net(NetError::Bind { .. }) => ExitCode::Conflict,
            NodeError::Client(error) => error.exit_code(),
            NodeError::Net(NetError::Token(_)) => ExitCode::Usage,
            NodeError::Unavailable { .. } | NodeError::Net(_) => ExitCode::Unavailable,
            _ => ExitCode::Failure,
        }
    }
}
