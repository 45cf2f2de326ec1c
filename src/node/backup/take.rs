//! Takes a backup of a node's history, while the node runs or not.

use std::path::Path;

use super::blobs::{self, Gathered};
use super::manifest::{BACKUP_VERSION, Manifest};
use super::segments;
use crate::artifact::{BlobStore, whole_log};
use crate::event::Seq;
use crate::log::first_index;
use crate::node::api::{Client, Request, Response, Target};
use crate::node::layout::write_durably;
use crate::node::{Layout, NodeError};
use crate::projection::snapshot::ROWS_VERSION;
use crate::replay::{History, Retained};

/// What was done.
#[derive(Clone, Debug)]
pub struct Taken {
    /// What the backup holds now.
    pub manifest: Manifest,
    /// Segments that were written now.
    pub segments_written: usize,
    /// Blobs that were copied now.
    pub blobs_copied: u64,
}

/// Copies what is committed on this node, and every blob that it refers to, into `out`. What an earlier backup in `out` holds
/// is not copied again. The node may run: its files are only read. Blobs that it does not hold are fetched from the members.
///
/// # Errors
/// When something cannot be read, written or verified, or `out` holds a backup of another log. The earlier backup is still
/// good then.
pub async fn take(layout: &Layout, out: &Path) -> Result<Taken, NodeError> {
    loop {
        let begins = first_index(&layout.log()).ok();
        match take_at_once(layout, out).await {
            Err(error) if first_index(&layout.log()).ok() != begins => {
                tracing::info!(%error, "history went to the archive meanwhile: the backup begins anew");
            }
            taken => return taken,
        }
    }
}

async fn take_at_once(layout: &Layout, out: &Path) -> Result<Taken, NodeError> {
    let earlier = Manifest::load(out)?;
    let archive = layout.load_config().map_or_else(|_| layout.root().join("archive"), |config| layout.archive(&config));
    let reader = whole_log(&layout.log(), Some(&archive))?;
    let history = History::new(reader, Retained::read_only(layout.checkpoints()));
    let genesis = history.reader().cluster();
    if earlier.as_ref().is_some_and(|earlier| earlier.genesis != genesis) {
        let reason = "it holds a backup of another cluster: choose another folder".to_owned();
        return Err(NodeError::Backup { path: out.to_owned(), reason });
    }
    std::fs::create_dir_all(out).map_err(NodeError::io(out))?;
    let (before, known) = earlier.map(|earlier| (earlier.seq, earlier.segments)).unwrap_or_default();
    // What an earlier backup holds was committed, though a node that was killed may not have noted it.
    let applied = applied(layout).await.max(before);
    let copied = segments::copy(history.reader(), &out.join("log"), &known, applied)?;
    if copied.last.seq < before {
        let reason = format!(
            "it reaches record {before}, and this node's log only {}: the backup stays as it is",
            copied.last.seq
        );
        return Err(NodeError::Backup { path: out.to_owned(), reason });
    }
    let state = history.state_at(copied.last.seq, &mut |_, _| {})?.state;
    if let Some(halt) = state.halted().first() {
        return Err(crate::replay::ReplayError::from(Box::new(halt.clone())).into());
    }
    let store = BlobStore::open(out)?;
    let mut gathered = blobs::gather(&state, layout.root(), &store)?;
    blobs::fetch(&state, layout.root(), &store, &mut gathered).await?;
    let cluster = state.cluster.get().ok_or_else(|| NodeError::Backup {
        path: layout.root().to_owned(),
        reason: "there is no cluster yet: start the node first".to_owned(),
    })?;
    let Gathered { blobs, bytes: blob_bytes, copied: blobs_copied, missing } = gathered;
    let manifest = Manifest {
        version: BACKUP_VERSION,
        cluster: cluster.cluster.clone(),
        name: cluster.name.clone(),
        genesis,
        seq: state.seq,
        term: copied.last.term,
        recorded_at: state.recorded_at,
        chain: copied.last.chain,
        state: state.digest(),
        rows_version: ROWS_VERSION,
        segments: copied.segments,
        blobs,
        blob_bytes,
        missing,
    };
    write_durably(&Manifest::path(out), &serde_json::to_vec_pretty(&manifest).expect("plain data"))?;
    Ok(Taken { manifest, segments_written: copied.written, blobs_copied })
}

/// The last record that the running node has applied; 0 when it does not run, or does not answer: then what it noted beside its log
/// counts.
async fn applied(layout: &Layout) -> Seq {
    let Ok(target) = Target::of_this_data_dir(layout.root()) else { return Seq(0) };
    let asked = async { Client::connect(&target).await?.ask(&Request::Status).await };
    match asked.await {
        Ok(Response::Rows { footer, .. }) => footer.seq,
        Ok(_) => Seq(0),
        Err(error) => {
            tracing::warn!(%error, "the node does not answer: its last records may be missing in the backup");
            Seq(0)
        }
    }
}
