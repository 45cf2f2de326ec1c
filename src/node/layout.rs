//! The data directory: what lies where, and who may use it.
//!
//! ```text
//! DIR/node.toml       who this node is and how it listens; written once, edited by people
//! DIR/lock            held while a node runs
//! DIR/runtime.json    the running node's addresses, for the tools
//! DIR/genesis.json    only on the first node of a new or restored cluster: its first command
//! DIR/identity/       keys and certificates
//! DIR/check-all       there when the node did not end well: the next start reads the whole log
//! DIR/reserve         with a retention: space that is given away when the disk is full
//! DIR/standing.json   what this node must still hold when it starts again
//! DIR/log/            the event log: the only copy that counts
//! DIR/state/          checkpoint of the projections (rebuilt from the log when it is missing)
//! DIR/archive/        old segments that the log let go of, where `[retention]` names no other folder
//! DIR/checkpoints/    snapshots of earlier states, for questions about the past (rebuilt like `state/`)
//! DIR/outbox/         proposals that the leader has not acknowledged
//! DIR/blobs/          content-addressed files
//! DIR/scratch/        workers' files
//! DIR/unfinished/     checkpoints of training jobs that have not ended
//! ```

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::error::NodeError;
use super::retention::Retention;
use crate::event::{ClusterId, NodeId};
use crate::work::WorkerProgram;

/// The paths of a data directory.
#[derive(Clone, Debug)]
pub struct Layout {
    root: PathBuf,
}

/// `node.toml`: who this node is and how it runs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NodeConfig {
    /// What people call the node; unique in the cluster.
    pub name: String,
    /// The node's id, from its key.
    pub node: NodeId,
    /// The cluster.
    pub cluster: ClusterId,
    /// Where it listens for QUIC, as `host:port`. Its peers dial this too.
    pub listen: String,
    /// Where it serves `/healthz`, `/readyz` and `/metrics`, as `host:port`.
    pub http: String,
    /// Jobs that it runs at a time.
    #[serde(default = "one")]
    pub slots: u32,
    /// Programs that do the work.
    #[serde(default)]
    pub workers: Vec<WorkerProgram>,
    /// The node's certificate is renewed when it is valid for fewer days than this.
    #[serde(default = "thirty")]
    pub renew_before_days: u32,
    /// Members that were known when the node joined.
    #[serde(default)]
    pub peers: Vec<PeerAddress>,
    /// What of the history stays in the log; all of it where this is left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retention: Option<Retention>,
}

/// Where a member listens.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PeerAddress {
    /// The member.
    pub node: NodeId,
    /// What people call it.
    pub name: String,
    /// As `host:port`.
    pub address: String,
}

/// `runtime.json`: what the tools need to reach a running node.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Runtime {
    /// The node.
    pub node: NodeId,
    /// What people call it.
    pub name: String,
    /// Where it listens for QUIC.
    pub address: String,
    /// Where it serves HTTP.
    pub http: String,
    /// Its process.
    pub pid: u32,
    /// The other members.
    pub peers: Vec<PeerAddress>,
}

fn one() -> u32 {
    1
}

fn thirty() -> u32 {
    30
}

impl Layout {
    /// The layout below `root`, which need not exist yet.
    pub fn new(root: impl Into<PathBuf>) -> Layout {
        Layout { root: root.into() }
    }

    /// The data directory itself.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The folder of the outbox.
    pub fn outbox(&self) -> PathBuf {
        self.root.join("outbox")
    }

    /// The folder of the projections' checkpoint.
    pub fn state(&self) -> PathBuf {
        self.root.join("state")
    }

    /// The folder of the event log.
    pub fn log(&self) -> PathBuf {
        self.root.join("log")
    }

    /// The folder of retained snapshots.
    pub fn checkpoints(&self) -> PathBuf {
        self.root.join("checkpoints")
    }

    /// The archive of this node's history.
    pub fn archive(&self, config: &NodeConfig) -> PathBuf {
        let named = config.retention.as_ref().and_then(|retention| retention.archive.clone());
        named.map_or_else(|| self.root.join("archive"), |named| self.root.join(named))
    }

    /// The folder of workers' files.
    pub fn scratch(&self) -> PathBuf {
        self.root.join("scratch")
    }

    /// The folder of checkpoints of training jobs that have not ended.
    pub fn unfinished(&self) -> PathBuf {
        self.root.join("unfinished")
    }

    /// The first command of the cluster; only on the node that was made by `init`.
    pub fn genesis(&self) -> PathBuf {
        self.root.join("genesis.json")
    }

    /// There when the node did not end well: the next start reads the whole log.
    pub fn check_all(&self) -> PathBuf {
        self.root.join("check-all")
    }

    /// Space set aside for a full disk.
    pub fn reserve(&self) -> PathBuf {
        self.root.join("reserve")
    }

    /// `runtime.json`.
    pub fn runtime(&self) -> PathBuf {
        self.root.join("runtime.json")
    }

    fn config(&self) -> PathBuf {
        self.root.join("node.toml")
    }

    /// Makes the folder of a new node.
    ///
    /// # Errors
    /// [`NodeError::Exists`] when it holds a node already, [`NodeError::NotADataDir`] when it holds anything else.
    pub fn create(&self) -> Result<(), NodeError> {
        self.create_beside(None)
    }

    /// The same for a node that joins. It may hold the identity of a join that failed, or whose answer was lost: with the same key it is
    /// asked for again, and a token that the key has used up already is good for it.
    ///
    /// # Errors
    /// As [`Layout::create`].
    pub fn create_for_join(&self) -> Result<(), NodeError> {
        self.create_beside(Some("identity"))
    }

    fn create_beside(&self, known: Option<&str>) -> Result<(), NodeError> {
        if self.config().exists() {
            return Err(NodeError::Exists { path: self.root.clone() });
        }
        fs::create_dir_all(&self.root).map_err(NodeError::io(&self.root))?;
        let mut entries = fs::read_dir(&self.root).map_err(NodeError::io(&self.root))?;
        let is_known = |entry: &fs::DirEntry| known.is_some_and(|known| entry.file_name() == known);
        if entries.any(|entry| !entry.as_ref().is_ok_and(is_known)) {
            let reason = "it is not empty, and what it holds is not a node".to_owned();
            return Err(NodeError::NotADataDir { path: self.root.clone(), reason });
        }
        Ok(())
    }

    /// Reads `node.toml`.
    ///
    /// # Errors
    /// [`NodeError::NotADataDir`] when there is none, [`NodeError::Config`] when it cannot be understood.
    pub fn load_config(&self) -> Result<NodeConfig, NodeError> {
        let path = self.config();
        let text = match fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                let reason = "it has no node.toml; make one with `kifu-node init` or `kifu-node join`".to_owned();
                return Err(NodeError::NotADataDir { path: self.root.clone(), reason });
            }
            Err(source) => return Err(NodeError::Io { path, source }),
        };
        toml::from_str(&text).map_err(|error| NodeError::Config { path, reason: error.to_string() })
    }

    /// Writes `node.toml`, durably. It is written last: a folder without it is no data directory.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn save_config(&self, config: &NodeConfig) -> Result<(), NodeError> {
        let text = toml::to_string_pretty(config).expect("node.toml is plain data");
        write_durably(&self.config(), text.as_bytes())
    }

    /// Reads a JSON file of this directory; `None` when there is none.
    ///
    /// # Errors
    /// When it cannot be read or understood.
    pub fn load_json<T: serde::de::DeserializeOwned>(&self, path: &Path) -> Result<Option<T>, NodeError> {
        match fs::read(path) {
            Ok(bytes) => serde_json::from_slice(&bytes)
                .map(Some)
                .map_err(|error| NodeError::Config { path: path.to_owned(), reason: error.to_string() }),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(source) => Err(NodeError::Io { path: path.to_owned(), source }),
        }
    }

    /// Writes a JSON file of this directory, durably.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn save_json(&self, path: &Path, value: &impl Serialize) -> Result<(), NodeError> {
        write_durably(path, &serde_json::to_vec_pretty(value).expect("plain data"))
    }
}

/// Writes a file so that after a crash it is there whole or not at all.
pub(super) fn write_durably(path: &Path, bytes: &[u8]) -> Result<(), NodeError> {
    let write = || -> std::io::Result<()> {
        let temporary = path.with_extension("tmp");
        let mut file = File::create(&temporary)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(&temporary, path)?;
        if let Some(folder) = path.parent() {
            File::open(folder)?.sync_all()?;
        }
        Ok(())
    };
    write().map_err(NodeError::io(path))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config() -> NodeConfig {
        NodeConfig {
            name: "n1".into(),
            node: NodeId(7),
            cluster: ClusterId::new("c"),
            listen: "127.0.0.1:7400".into(),
            http: "127.0.0.1:7401".into(),
            slots: 1,
            renew_before_days: 30,
            workers: vec![WorkerProgram {
                name: "w".into(),
                argv: vec!["kifu-worker".into()],
                ..WorkerProgram::default()
            }],
            peers: vec![],
            retention: Some(Retention { keep_records: 5, keep_days: Some(3), ..Retention::default() }),
        }
    }

    #[test]
    fn a_configuration_reads_back_as_it_was_written() {
        let dir = tempfile::tempdir().expect("a folder");
        let layout = Layout::new(dir.path().join("n1"));
        layout.create().expect("a new folder");
        layout.save_config(&config()).expect("written");
        assert_eq!(layout.load_config().expect("read"), config());
        assert!(matches!(layout.create(), Err(NodeError::Exists { .. })));
    }

    #[test]
    fn foreign_folders_are_refused() {
        let dir = tempfile::tempdir().expect("a folder");
        let layout = Layout::new(dir.path());
        assert!(matches!(layout.load_config(), Err(NodeError::NotADataDir { .. })));
        fs::write(dir.path().join("letter.txt"), "dear").expect("written");
        assert!(matches!(layout.create(), Err(NodeError::NotADataDir { .. })));
        fs::write(dir.path().join("node.toml"), "name = 3").expect("written");
        assert!(matches!(layout.load_config(), Err(NodeError::Config { .. })));
    }
}
