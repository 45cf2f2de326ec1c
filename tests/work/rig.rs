//! A manager with real parts in a folder of its own, and no cluster.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use kifu::artifact::BlobStore;
use kifu::event::command::Command;
use kifu::event::jobs::{ExternalSpec, JobSpec};
use kifu::event::{Hash, JobId, Millis, NodeId, Seq};
use kifu::work::manager::{Fetch, FetchFuture};
use kifu::work::outbox::Limits;
use kifu::work::{Assigned, Outbox, WorkManager, WorkParts, WorkTimes, WorkerLimits, WorkerPool, WorkerProgram};

pub const HOST: NodeId = NodeId(7);

pub struct Rig {
    _dir: tempfile::TempDir,
    pub parts: WorkParts,
    pub manager: WorkManager,
}

/// What may differ between tests.
pub struct Setup {
    pub program: WorkerProgram,
    pub worker_limits: WorkerLimits,
    pub outbox_limits: Limits,
    pub times: WorkTimes,
}

impl Setup {
    pub fn new(program: WorkerProgram) -> Setup {
        Setup {
            program,
            worker_limits: crate::fake::limits(),
            outbox_limits: Limits::default(),
            times: WorkTimes {
                full_retry: Duration::from_millis(5),
                stop_within: Duration::from_secs(60),
                ..WorkTimes::default()
            },
        }
    }

    /// A manager with two slots whose program has said hello.
    pub async fn build(self) -> Rig {
        let dir = tempfile::tempdir().expect("a folder");
        let outbox = Outbox::open(&dir.path().join("outbox"), HOST, 0, self.outbox_limits).expect("a new outbox");
        let store = BlobStore::open(dir.path()).expect("a new store");
        let pool = Arc::new(WorkerPool::new(vec![self.program], 2, self.worker_limits));
        pool.tend().await;
        let parts = WorkParts {
            host: HOST,
            scratch: dir.path().join("scratch"),
            unfinished: dir.path().join("unfinished"),
            outbox: Arc::new(outbox),
            pool,
            fetch: local(&store),
            store,
            clock: Arc::new(|| Millis(1)),
            times: self.times,
        };
        let manager = WorkManager::new(parts.clone()).expect("a scratch folder");
        Rig { _dir: dir, parts, manager }
    }
}

impl Rig {
    /// A manager with the fake worker in one of its modes.
    pub async fn with(mode: &str) -> Rig {
        Setup::new(crate::fake::program(mode, &[])).build().await
    }

    /// Every report so far, once there are `count`.
    pub async fn reports(&self, count: usize) -> Vec<Command> {
        let mut durable = self.parts.outbox.durable();
        loop {
            let pending = self.parts.outbox.pending().expect("readable");
            if pending.len() >= count {
                return pending.into_iter().map(|proposal| proposal.command).collect();
            }
            durable.changed().await.expect("the outbox lives");
        }
    }

    /// Waits until no job runs.
    pub async fn idle(&self) {
        while !self.manager.running().is_empty() {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    }

    pub fn scratch_is_empty(&self) -> bool {
        std::fs::read_dir(&self.parts.scratch).expect("a folder").next().is_none()
    }
}

/// Only finds what is here already.
fn local(store: &BlobStore) -> Fetch {
    let store = store.clone();
    Arc::new(move |hash: Hash| {
        let path: Option<PathBuf> = store.path(&hash);
        Box::pin(async move { path.ok_or_else(|| "no host holds a copy".to_owned()) }) as FetchFuture
    })
}

/// An external job.
pub fn external(token: u64, program: &str, inputs: Vec<Hash>) -> Assigned {
    let spec = ExternalSpec { program: program.to_owned(), params: "{\"top\": 1}".to_owned(), inputs };
    Assigned {
        job: JobId::new(token),
        token: Seq(token),
        spec: JobSpec::External(spec),
        plan: None,
        weights: Default::default(),
        taught: false,
        due: None,
        started: false,
    }
}

/// A file of this repository.
pub fn repository(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}
