//! The manager's handle.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{Semaphore, watch};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::job::Attempt;
use super::jobs::{Assigned, Jobs, Running, Todo};
use super::parts::WorkParts;
use super::report::Reporter;
use crate::event::command::ClaimJobs;
use crate::event::jobs::JobKind;
use crate::event::{JobId, Seq};
use crate::work::error::WorkError;
use crate::work::inference::InferenceUsage;

/// Runs the jobs of one node. Clones are handles to the same manager.
#[derive(Clone)]
pub struct WorkManager {
    inner: Arc<Inner>,
}

struct Inner {
    parts: WorkParts,
    slots: Arc<Semaphore>,
    jobs: Mutex<Jobs>,
    tasks: TaskTracker,
    /// Why the node cannot work any more.
    fatal: watch::Sender<Option<String>>,
}

/// Closes a lease when its task ends, even by a panic: a lease that nobody works on must not be kept alive.
struct Closer {
    manager: WorkManager,
    token: Seq,
}

impl Drop for Closer {
    fn drop(&mut self) {
        self.manager.jobs().close(self.token);
    }
}

impl WorkManager {
    /// A manager without jobs. It empties the scratch folder, and learns from the outbox what an earlier process has
    /// reported already.
    ///
    /// # Errors
    /// [`WorkError::Scratch`] when the folder cannot be emptied, [`WorkError::Outbox`] when the outbox cannot be read.
    pub fn new(parts: WorkParts) -> Result<WorkManager, WorkError> {
        let scratch_error =
            |error: std::io::Error| WorkError::Scratch { path: parts.scratch.clone(), reason: error.to_string() };
        match std::fs::remove_dir_all(&parts.scratch) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(scratch_error(error)),
            _ => std::fs::create_dir_all(&parts.scratch).map_err(scratch_error)?,
        }
        let jobs = Jobs::after(&parts.outbox.pending()?);
        let slots = Arc::new(Semaphore::new(parts.pool.slots()));
        let (fatal, _) = watch::channel(None);
        let inner = Inner { parts, slots, jobs: Mutex::new(jobs), tasks: TaskTracker::new(), fatal };
        Ok(WorkManager { inner: Arc::new(inner) })
    }

    /// Follows what is assigned to this node until `stop`, then stops as [`WorkManager::stop`] does. The first value of
    /// `views` must be from a projection that has caught up, or leases of an earlier life would be taken for live ones.
    ///
    /// # Errors
    /// What makes the node unable to work; it must stop then.
    pub async fn run(
        &self,
        mut views: watch::Receiver<Arc<Vec<Assigned>>>,
        stop: CancellationToken,
    ) -> Result<(), WorkError> {
        let pool = self.inner.parts.pool.clone();
        let tending = async {
            loop {
                pool.tend().await;
                tokio::time::sleep(self.inner.parts.times.tend_every).await;
            }
        };
        let following = async {
            loop {
                let view = views.borrow_and_update().clone();
                self.assign(&view);
                if views.changed().await.is_err() {
                    return;
                }
            }
        };
        let outcome = tokio::select! {
            () = tending => Ok(()),
            () = following => Ok(()),
            error = self.fatal() => Err(error),
            () = stop.cancelled() => Ok(()),
        };
        self.stop().await;
        outcome
    }

    /// Takes note of what is assigned to this node now: starts what is new, stops what is gone. Views must come in the
    /// order of the log.
    pub fn assign(&self, assigned: &[Assigned]) {
        let todo = {
            let mut jobs = self.jobs();
            let todo = jobs.compare(assigned);
            for lease in todo.iter().filter_map(Todo::start) {
                jobs.running.insert(lease.token, Running::new(lease.job.clone()));
            }
            todo
        };
        // Not under the lock: a runtime that shuts down drops new tasks at once, and a task's end takes the lock.
        for item in todo {
            match item {
                Todo::Start(lease) => self.start(lease),
                Todo::GiveBack(lease, why) => self.give_back(lease, why),
            }
        }
    }

    /// The leases that are alive here, for heartbeats.
    pub fn running(&self) -> Vec<(JobId, Seq)> {
        self.jobs().running.iter().map(|(token, running)| (running.job.clone(), *token)).collect()
    }

    /// How the workers of the running jobs use their nets, of those that have said so.
    pub fn inference(&self) -> Vec<InferenceUsage> {
        let said = |running: &Running| *running.inference.lock().unwrap_or_else(PoisonError::into_inner);
        self.jobs().running.values().filter_map(said).collect()
    }

    /// Jobs that could be taken on.
    pub fn free_slots(&self) -> usize {
        self.inner.parts.pool.slots().saturating_sub(self.jobs().running.len())
    }

    /// What to claim now, if anything. Send it to the leader directly, and ask again when its answer is in the view: a
    /// claim is not worth keeping in the outbox.
    pub fn wants(&self) -> Option<ClaimJobs> {
        let slots = u32::try_from(self.free_slots()).unwrap_or(u32::MAX);
        if slots == 0 || self.jobs().stopping {
            return None;
        }
        let pool = &self.inner.parts.pool;
        let mut kinds = pool.kinds();
        kinds.insert(JobKind::Verify);
        Some(ClaimJobs {
            host: self.inner.parts.host,
            slots,
            kinds: kinds.into_iter().collect(),
            programs: pool.programs_offered().into_iter().collect(),
        })
    }

    /// Stops all jobs and gives their leases back, then stops the workers. Returns within about
    /// [`super::WorkTimes::stop_within`] and the time that workers have to exit.
    pub async fn stop(&self) {
        {
            let mut jobs = self.jobs();
            jobs.stopping = true;
            jobs.running.values().for_each(|running| running.cancel.cancel());
        }
        self.inner.tasks.close();
        let ended = tokio::time::timeout(self.inner.parts.times.stop_within, self.inner.tasks.wait()).await;
        if ended.is_err() {
            self.cut_off().await;
        }
        self.inner.parts.pool.stop().await;
    }

    /// Waits for what makes the node unable to work. The error was logged where it happened.
    async fn fatal(&self) -> WorkError {
        let mut fatal = self.inner.fatal.subscribe();
        loop {
            if let Some(reason) = fatal.borrow_and_update().clone() {
                return WorkError::Stopped { reason };
            }
            if fatal.changed().await.is_err() {
                std::future::pending::<()>().await;
            }
        }
    }

    fn start(&self, lease: Assigned) {
        let token = lease.token;
        let handles = |running: &Running| (running.cancel.clone(), running.lost.clone(), running.inference.clone());
        let handles = self.jobs().running.get(&token).map(handles);
        let Some((cancel, lost, inference)) = handles else { return };
        tracing::info!(job = %lease.job, %token, kind = lease.spec.kind().name(), "job taken on");
        let attempt = Attempt {
            parts: self.inner.parts.clone(),
            reporter: self.reporter(&lease, lost),
            lease,
            cancel,
            inference,
            slots: self.inner.slots.clone(),
        };
        let closer = Closer { manager: self.clone(), token };
        let task = self.inner.tasks.spawn(async move {
            let outcome = attempt.run().await;
            closer.manager.note(outcome);
        });
        if let Some(running) = self.jobs().running.get_mut(&token) {
            running.abort = Some(task.abort_handle());
        }
    }

    fn give_back(&self, lease: Assigned, why: &'static str) {
        let reporter = self.reporter(&lease, CancellationToken::new());
        let manager = self.clone();
        self.inner.tasks.spawn(async move {
            let outcome = reporter.failed(why, true).await;
            manager.note(outcome.map_err(WorkError::from));
        });
    }

    /// Ends what did not end by itself.
    async fn cut_off(&self) {
        let late = std::mem::take(&mut self.jobs().running);
        for (token, Running { job, lost, abort, .. }) in late {
            abort.iter().for_each(|task| task.abort());
            tracing::warn!(%job, %token, "the job did not stop in time and is cut off");
            let reporter = Reporter { parts: self.inner.parts.clone(), job, token, lost };
            let report = reporter.failed("the node is stopping", true);
            if let Ok(outcome) = tokio::time::timeout(self.inner.parts.times.full_retry, report).await {
                self.note(outcome.map_err(WorkError::from));
            }
        }
    }

    fn reporter(&self, lease: &Assigned, lost: CancellationToken) -> Reporter {
        Reporter { parts: self.inner.parts.clone(), job: lease.job.clone(), token: lease.token, lost }
    }

    fn note(&self, outcome: Result<(), WorkError>) {
        if let Err(error) = outcome {
            tracing::error!(%error, "this node cannot work any more");
            self.inner.fatal.send_replace(Some(error.to_string()));
        }
    }

    /// Plain data: nothing panics while holding this lock.
    fn jobs(&self) -> MutexGuard<'_, Jobs> {
        self.inner.jobs.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
