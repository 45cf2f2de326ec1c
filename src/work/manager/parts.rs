//! What a manager is made of.

use std::future::Future;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use crate::artifact::BlobStore;
use crate::event::{Hash, Millis, NodeId};
use crate::work::outbox::Outbox;
use crate::work::worker::WorkerPool;

/// Brings a blob here: where it lies, or why it cannot be had, in words.
pub type FetchFuture = Pin<Box<dyn Future<Output = Result<PathBuf, String>> + Send>>;
/// How a job's inputs come to this node. It gives up by itself when no copy can be had.
pub type Fetch = Arc<dyn Fn(Hash) -> FetchFuture + Send + Sync>;
/// This node's clock.
pub type Clock = Arc<dyn Fn() -> Millis + Send + Sync>;

/// What a [`super::WorkManager`] works with.
#[derive(Clone)]
pub struct WorkParts {
    /// This node.
    pub host: NodeId,
    /// A folder of its own for jobs' files. Emptied at start.
    pub scratch: PathBuf,
    /// A folder of its own for checkpoints of training jobs that have not ended. Kept over starts.
    pub unfinished: PathBuf,
    /// Where reports go.
    pub outbox: Arc<Outbox>,
    /// Who does the work.
    pub pool: Arc<WorkerPool>,
    /// Where results go.
    pub store: BlobStore,
    /// Where inputs come from.
    pub fetch: Fetch,
    /// The clock of reports.
    pub clock: Clock,
    /// How long things take.
    pub times: WorkTimes,
}

/// How long things take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WorkTimes {
    /// The least time between two reports on one training run.
    pub progress_every: Duration,
    /// How often a report is tried again while the outbox is full.
    pub full_retry: Duration,
    /// How often programs that failed are looked after.
    pub tend_every: Duration,
    /// How long jobs have to end when the node stops, before they are cut off.
    pub stop_within: Duration,
}

impl Default for WorkTimes {
    fn default() -> Self {
        WorkTimes {
            progress_every: Duration::from_secs(2),
            full_retry: Duration::from_secs(1),
            tend_every: Duration::from_secs(1),
            stop_within: Duration::from_secs(8),
        }
    }
}
