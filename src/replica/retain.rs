//! Letting go of old entries: a snapshot first, then the beginning of the log.

use std::sync::atomic::Ordering;
use std::time::Duration;

use openraft::async_runtime::watch::WatchReceiver;

use super::error::ReplicaError;
use super::replica::{Replica, stopped};
use super::snapshots::{Basis, aside};
use crate::log::LogPosition;

/// Raft hears of a snapshot that is there within so long, unless it is busy; then the next round is soon enough.
const HEARD_WITHIN: Duration = Duration::from_secs(5);

impl Replica {
    /// Makes the log's snapshot, and tells Raft of it. Returns its position; none when there is nothing yet that it could be made of.
    ///
    /// # Errors
    /// When the snapshot cannot be written, or Raft has stopped.
    pub async fn make_snapshot(&self, of: Basis) -> Result<Option<LogPosition>, ReplicaError> {
        let snapshots = self.snapshots.clone();
        let made = aside(&self.snapshots.log, move || snapshots.make(of)).await?;
        let Some(position) = made else { return Ok(None) };
        self.raft.trigger().snapshot().await.map_err(stopped)?;
        let mut metrics = self.raft.metrics();
        let heard = async {
            while metrics.borrow_watched().snapshot.is_none_or(|known| known.index < position.index) {
                if metrics.changed().await.is_err() {
                    return;
                }
            }
        };
        tokio::time::timeout(HEARD_WITHIN, heard).await.ok();
        Ok(Some(position))
    }

    /// Lets the log begin at `index` or earlier, at the beginning of a segment, once Raft needs nothing before it any more.
    /// The caller answers for it that what goes is kept elsewhere, and that the log's snapshot covers it. Returns at once.
    ///
    /// # Errors
    /// When Raft has stopped.
    pub async fn let_go_before(&self, index: u64) -> Result<(), ReplicaError> {
        self.horizon.fetch_max(index, Ordering::AcqRel);
        match index.checked_sub(1) {
            Some(last) => self.raft.trigger().purge_log(last).await.map_err(stopped),
            None => Ok(()),
        }
    }
}
