//! The workshop: runs the jobs that the log assigns to this node, and asks for more.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::clock::Clock;
use super::error::NodeError;
use super::fetcher::Fetcher;
use super::layout::{Layout, NodeConfig};
use crate::event::jobs::JobSpec;
use crate::event::{Command, JobId, NodeId, Proposal, Seq};
use crate::policy::provenance;
use crate::projection::State;
use crate::projection::jobs::Job;
use crate::replica::Replica;
use crate::work::manager::{Assigned, Fetch, WorkManager, WorkParts, WorkTimes};
use crate::work::worker::{WorkerLimits, WorkerPool};
use crate::work::{InferenceUsage, Outbox, WorkError};

/// The least time between two claims. A claim that brought nothing is repeated when something has changed, or after
/// [`CLAIM_AGAIN`].
const CLAIM_EVERY: Duration = Duration::from_millis(50);
/// How long a node waits before it asks again for work that nobody had.
const CLAIM_AGAIN: Duration = Duration::from_secs(1);

/// Runs jobs.
pub struct Workshop {
    node: NodeId,
    clock: Clock,
    replica: Arc<Replica>,
    manager: WorkManager,
    stop: CancellationToken,
    failure: Mutex<Option<WorkError>>,
}

impl Workshop {
    /// A workshop without jobs.
    ///
    /// # Errors
    /// When its folder or the outbox cannot be used.
    pub fn new(
        layout: &Layout,
        config: &NodeConfig,
        replica: Arc<Replica>,
        fetcher: Fetcher,
        outbox: Arc<Outbox>,
    ) -> Result<Workshop, NodeError> {
        let clock = fetcher.clock;
        let pool = WorkerPool::new(config.workers.clone(), config.slots as usize, WorkerLimits::default());
        let store = fetcher.blobs.clone();
        let fetch: Fetch = Arc::new(move |hash| {
            let fetcher = fetcher.clone();
            Box::pin(async move {
                fetcher.ensure(hash).await.map_err(|error| error.to_string())?;
                fetcher.blobs.path(&hash).ok_or_else(|| "it is gone again".to_owned())
            })
        });
        let manager = WorkManager::new(WorkParts {
            host: config.node,
            scratch: layout.scratch(),
            unfinished: layout.unfinished(),
            outbox,
            pool: Arc::new(pool),
            store,
            fetch,
            clock: Arc::new(move || clock.now()),
            times: WorkTimes::default(),
        })?;
        let (stop, failure) = (CancellationToken::new(), Mutex::new(None));
        Ok(Workshop { node: config.node, clock, replica, manager, stop, failure })
    }

    /// Runs until [`Workshop::stop`], or until the node cannot work any more.
    pub async fn run(&self) {
        if !self.catch_up().await {
            return;
        }
        let (views, assigned) = watch::channel(self.assigned());
        let follow = async {
            let mut folded = self.replica.fold().watch();
            while folded.changed().await.is_ok() {
                views.send_replace(self.assigned());
            }
        };
        let outcome = tokio::select! {
            outcome = self.manager.run(assigned, self.stop.clone()) => outcome,
            () = follow => Ok(()),
            () = self.claim() => Ok(()),
        };
        if let Err(error) = outcome {
            tracing::error!(%error, "this node cannot work any more");
            *self.failure.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
        }
    }

    /// Why this node cannot work any more, if it cannot.
    pub fn take_failure(&self) -> Option<WorkError> {
        self.failure.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// The leases that are alive here, for heartbeats.
    pub fn running(&self) -> Vec<(JobId, Seq)> {
        self.manager.running()
    }

    /// How this node's workers use their nets: how many have said so, and all of them together.
    pub fn inference(&self) -> (usize, InferenceUsage) {
        let all = self.manager.inference();
        (all.len(), InferenceUsage::together(&all))
    }

    /// Stops all jobs and gives their leases back.
    pub async fn stop(&self) {
        self.stop.cancel();
        self.manager.stop().await;
    }

    /// Waits until the fold is as far as the cluster was at the start: an old view would show leases that are long gone.
    /// False when stopped before.
    async fn catch_up(&self) -> bool {
        let mut leadership = self.replica.leadership();
        let caught_up = async {
            leadership.wait_for(|now| now.leader.is_some()).await.ok();
            self.replica.wait_for_recovery().await;
        };
        tokio::select! {
            () = self.stop.cancelled() => false,
            () = caught_up => true,
        }
    }

    fn assigned(&self) -> Arc<Vec<Assigned>> {
        Arc::new(self.replica.fold().read(|state| leases_of(state, self.node)))
    }

    /// Asks the leader for work while there is room.
    async fn claim(&self) {
        let mut folded = self.replica.fold().watch();
        loop {
            folded.mark_unchanged();
            let waiting = self.replica.fold().read(|state| state.jobs.queued().next().is_some());
            if let Some(claim) = self.manager.wants().filter(|_| waiting) {
                let proposal = Proposal {
                    origin: self.node,
                    origin_seq: 0,
                    observed_at: self.clock.now(),
                    caused_by: vec![],
                    command: Command::ClaimJobs(claim),
                };
                let outcome = self.replica.propose(vec![proposal]).await;
                tracing::debug!(?outcome, "asked for work");
            }
            tokio::time::sleep(CLAIM_EVERY).await;
            tokio::time::timeout(CLAIM_AGAIN, folded.changed()).await.ok();
        }
    }
}

/// The leases that `node` holds, as the log says.
fn leases_of(state: &State, node: NodeId) -> Vec<Assigned> {
    let lease = |job: &Job| {
        let lease = job.live_lease().filter(|lease| lease.host == node)?;
        let started = lease.started_at.is_some();
        let run = if let JobSpec::Train(spec) = &job.spec { state.training.get(&spec.run) } else { None };
        let dataset = run.and_then(|run| state.datasets.get(&run.dataset));
        let weights =
            dataset.map(|row| row.weights.iter().map(|of| (of.batch, of.weight)).collect()).unwrap_or_default();
        let plan = run.and_then(|run| run.plan.clone()).map(Box::new);
        let (job, token, spec) = (job.job.clone(), lease.token, job.spec.clone());
        let taught = matches!(&spec, JobSpec::SelfPlay(spec) if provenance::is_taught(state, spec));
        let due = if let JobSpec::Verify(spec) = &spec { provenance::due(state, &spec.batch) } else { None };
        Some(Assigned { job, token, spec, plan, weights, taught, due, started })
    };
    state.jobs.held().filter_map(lease).collect()
}
