//! Restores a backup into a new cluster with a new id, whose first node is this machine.

use std::path::Path;

use super::blobs::{self, Gathered};
use super::manifest::Manifest;
use super::rewrite::rewrite;
use super::segments;
use crate::artifact::BlobStore;
use crate::event::command::RestoreCluster;
use crate::event::{Command, Hash, Seq};
use crate::node::init::{Founded, found};
use crate::node::layout::NodeConfig;
use crate::node::{Layout, NodeError, NodeOptions};
use crate::policy::limits::MISSING_BLOBS_MAX;
use crate::projection::snapshot::ROWS_VERSION;
use crate::replay::{History, Moment, Retained, RetainedLimits};
use crate::replica::Member;
use crate::replica::rebuild::rebuild;

/// What people choose for a restored cluster.
#[derive(Clone, Debug)]
pub struct RestoreOptions {
    /// The first node.
    pub node: NodeOptions,
    /// What to call the cluster; its old name when none is given.
    pub cluster: Option<String>,
    /// The moment to go back to; the end of the backup when none is given.
    pub at: Option<Moment>,
}

/// What was restored.
#[derive(Clone, Debug)]
pub struct Restored {
    /// The new node.
    pub config: NodeConfig,
    /// The last record of the old history that the new one holds.
    pub seq: Seq,
    /// The digest of the state after it: the same in the old log and in the new one.
    pub digest: Hash,
    /// Blobs restored.
    pub blobs: u64,
    /// Blobs that the state refers to and the backup does not hold.
    pub missing: usize,
}

/// Makes a new cluster in `layout` out of the backup in `from`. The folder becomes a data directory at the very end.
///
/// # Errors
/// When the backup is not whole, the moment is not in it, or the folder is in use or cannot be written.
pub fn restore(
    from: &Path,
    layout: &Layout,
    options: RestoreOptions,
    progress: &mut dyn FnMut(u64),
) -> Result<Restored, NodeError> {
    options.node.check(options.cluster.as_deref())?;
    let broken = |reason: String| NodeError::Backup { path: from.to_owned(), reason };
    let manifest =
        Manifest::load(from)?.ok_or_else(|| broken("there is no manifest.json: it is no backup".to_owned()))?;
    for copy in &manifest.segments {
        segments::check(&from.join("log").join(&copy.name), copy.bytes, &copy.hash)?;
    }
    let history = History::open(&from.join("log"), Retained::read_only(from.join("checkpoints")))?;
    let seq = options.at.unwrap_or(Moment::Seq(manifest.seq)).resolve(history.reader(), manifest.seq)?;
    let state = history.state_at(seq, &mut |done, _| progress(done))?.state;
    let digest = state.digest();
    if seq == manifest.seq && manifest.rows_version == ROWS_VERSION && digest != manifest.state {
        return Err(broken(format!("its records lead to the state {digest}, the manifest says {}", manifest.state)));
    }
    if state.cluster.get().is_none() {
        return Err(broken(format!("at record {seq} there was no cluster yet: choose a later moment")));
    }
    layout.create()?;
    let founded = found(layout, &options.node)?;
    let member = Member { name: options.node.name.clone(), address: options.node.listen.clone() };
    let (genesis, node) = (founded.authority.fingerprint(), founded.node.node);
    let end = rewrite(history.reader(), seq, &layout.log(), genesis, node, member)?;
    let reader = crate::log::LogReader::open(&layout.log())?;
    let retained = Retained::owned(layout.checkpoints(), RetainedLimits::default())?;
    let rebuilt = rebuild(&reader, &layout.state(), &retained, progress)?;
    if (rebuilt.seq, rebuilt.digest) != (seq, digest) {
        let (found, at) = (rebuilt.digest, rebuilt.seq);
        return Err(broken(format!("the new log leads to {found} at {at}, the old one to {digest} at {seq}")));
    }
    let Gathered { blobs, missing, .. } = blobs::gather(&state, from, &BlobStore::open(layout.root())?)?;
    if missing.len() > MISSING_BLOBS_MAX {
        return Err(broken(format!("{} blobs are missing, more than {MISSING_BLOBS_MAX}", missing.len())));
    }
    let name = options.cluster.unwrap_or_else(|| manifest.name.clone());
    let missing_count = missing.len();
    let Founded { authority, node } = founded;
    let node_id = node.node;
    let command = RestoreCluster {
        cluster: authority.cluster(),
        name,
        ca: genesis,
        node,
        previous: manifest.cluster,
        position: seq,
        chain: end.chain,
        state: digest,
        missing,
    };
    layout.save_json(&layout.genesis(), &Command::RestoreCluster(command))?;
    let config = options.node.config(node_id, authority.cluster(), vec![]);
    layout.save_config(&config)?;
    Ok(Restored { config, seq, digest, blobs, missing: missing_count })
}
