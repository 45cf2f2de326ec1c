//! Opens what a data directory holds, and brings its parts into step.

use std::time::Duration;

use super::error::NodeError;
use super::layout::{Layout, NodeConfig};
use super::standing::Standing;
use crate::artifact::BlobStore;
use crate::event::{NodeId, Seq};
use crate::log::{Log, LogOptions};
use crate::net::{Identity, Role};
use crate::projection::snapshot::ROWS_VERSION;
use crate::projection::{State, Store};
use crate::replica::machine::RaftCheckpoint;
use crate::work::Outbox;
use crate::work::outbox::Limits;

/// More numbers than a node gives while its own log lags behind the cluster.
const NUMBERS_SKIPPED: u64 = 1 << 32;

/// How long a start waits for the end of a row store that it cannot use.
pub(super) const LET_GO: Duration = Duration::from_secs(2);

/// A segment has at least so many bytes, whatever `node.toml` says.
const SEGMENT_BYTES_MIN: u64 = 64 << 10;

/// What a data directory holds, open.
pub struct Opened {
    /// The node's key and certificate.
    pub identity: Identity,
    /// What the node held when it ran last.
    pub standing: Standing,
    /// The event log.
    pub log: Log,
    /// The projections as of their checkpoint.
    pub state: State,
    /// Where Raft stood at that checkpoint.
    pub checkpoint: RaftCheckpoint,
    /// Where checkpoints go.
    pub store: Store,
    /// The blobs.
    pub blobs: BlobStore,
    /// The outbox.
    pub outbox: Outbox,
}

/// Opens everything. The caller holds the directory's lock.
///
/// # Errors
/// When a part is damaged in a way that cannot be mended from the others.
pub fn open(layout: &Layout, config: &NodeConfig) -> Result<Opened, NodeError> {
    let identity = Identity::load(layout.root(), Role::Node)?;
    if identity.node() != config.node || identity.cluster() != config.cluster {
        let reason =
            format!("its key is that of node {} in {}, node.toml says otherwise", identity.node(), identity.cluster());
        return Err(NodeError::NotADataDir { path: layout.root().to_owned(), reason });
    }
    let loaded = load(&layout.state());
    let check_from = check_from(layout, &loaded);
    let mut options = LogOptions { check_from, waits_for_space: true, ..LogOptions::new(identity.ca().fingerprint()) };
    if let Some(retention) = &config.retention {
        options.segment_bytes = retention.segment_bytes.max(SEGMENT_BYTES_MIN);
    }
    let (log, recovery) = Log::open(&layout.root().join("log"), options)?;
    if let Some(cut) = &recovery.cut {
        tracing::warn!(path = %cut.path.display(), offset = cut.offset, bytes = cut.bytes, "a torn end of the log was cut");
    }
    let standing = Standing::load(layout)?;
    standing.check(layout, &log)?;
    std::fs::remove_file(layout.check_all()).ok();
    let (store, state, checkpoint) = open_projections(layout, loaded, log.last().map(|last| last.seq))?;
    check_beginning(layout, &log, &checkpoint)?;
    let floor = floor(layout, &state, config.node, log.last().is_some());
    let outbox =
        Outbox::open(&layout.outbox(), config.node, floor, Limits::default()).map_err(crate::work::WorkError::from)?;
    let blobs = BlobStore::open(layout.root())?;
    Ok(Opened { identity, standing, log, state, checkpoint, store, blobs, outbox })
}

/// The number above which this node's proposals are numbered. An outbox that is gone while the log is there was wiped: the
/// cluster may have taken numbers that this log does not hold yet, so the next ones lie far above.
fn floor(layout: &Layout, state: &State, node: NodeId, has_log: bool) -> u64 {
    let known = state.dedupe.last(node);
    if layout.outbox().exists() || !has_log {
        return known;
    }
    tracing::warn!(known, "the outbox is gone: what it held is lost, numbers go on far above the last one known");
    known.saturating_add(NUMBERS_SKIPPED)
}

/// Checks that there is something to go on from: a checkpoint that the log reaches, or a snapshot that Raft will start from.
fn check_beginning(layout: &Layout, log: &Log, checkpoint: &RaftCheckpoint) -> Result<(), NodeError> {
    let Some(base) = log.base().map(|base| base.index) else { return Ok(()) };
    if checkpoint.applied.is_some_and(|applied| applied.index >= base) {
        return Ok(());
    }
    let snapshot = log.snapshot().ok().flatten();
    match snapshot.filter(|file| file.header().rows_version == ROWS_VERSION && file.header().position.index >= base) {
        Some(file) if file.read().is_ok() => Ok(()),
        _ => Err(NodeError::Forgotten { path: layout.root().to_owned(), base }),
    }
}

/// The store of the projections with what it holds, read before the log is.
type Loaded = Result<(Store, Option<State>, Option<Vec<u8>>), crate::projection::ProjectionError>;

fn load(folder: &std::path::Path) -> Loaded {
    let store = Store::open(folder)?;
    match store.load().and_then(|state| Ok((state, store.note()?))) {
        Ok((state, note)) => Ok((store, state, note)),
        Err(error) => {
            store.let_go(LET_GO);
            Err(error)
        }
    }
}

/// The entry from which on the log is read at the start. All before it is in the checkpoint, and is checked in the
/// background. Everything is read when the node did not end well, or when there is no checkpoint.
fn check_from(layout: &Layout, loaded: &Loaded) -> u64 {
    let Ok((_, Some(_), Some(note))) = loaded else { return 0 };
    let checkpoint = serde_json::from_slice::<RaftCheckpoint>(note).ok();
    let applied = checkpoint.and_then(|checkpoint| checkpoint.applied).map_or(0, |applied| applied.index);
    if layout.check_all().exists() { 0 } else { applied }
}

/// The checkpoint of the projections, if it is sound and not ahead of the log; else nothing, and the log is folded anew.
fn open_projections(
    layout: &Layout,
    loaded: Loaded,
    last: Option<Seq>,
) -> Result<(Store, State, RaftCheckpoint), NodeError> {
    let (folder, empty, last) = (layout.state(), last.is_none(), last.unwrap_or_default());
    match loaded {
        Ok((store, Some(state), Some(note))) if state.seq <= last => {
            if let Ok(checkpoint) = serde_json::from_slice(&note) {
                tracing::info!(seq = state.seq.0, "folding from the checkpoint");
                return Ok((store, state, checkpoint));
            }
            store.let_go(LET_GO);
        }
        Ok((store, None, _)) => return Ok((store, State::default(), RaftCheckpoint::default())),
        Ok((_, Some(state), _)) if empty => {
            let reason = format!("its checkpoint stands at seq {}", state.seq);
            return Err(NodeError::Wiped { path: layout.root().to_owned(), has: None, reason });
        }
        Ok((_, Some(state), _)) => {
            tracing::warn!(seq = state.seq.0, last = last.0, "the checkpoint does not fit the log")
        }
        Err(error) => tracing::warn!(%error, "the checkpoint cannot be used"),
    }
    tracing::warn!("folding the whole log anew");
    Store::destroy(&folder)?;
    Ok((Store::open(&folder)?, State::default(), RaftCheckpoint::default()))
}
