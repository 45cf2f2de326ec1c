//! One job, from its inputs to its last report.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, PoisonError};
use std::time::SystemTime;

use tokio::sync::{Semaphore, mpsc};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::jobs::{Assigned, LastInference};
use super::parts::WorkParts;
use super::report::Reporter;
use super::unfinished;
use crate::artifact::ArtifactError;
use crate::event::command::JobResult;
use crate::event::jobs::{JobSpec, VerifySpec};
use crate::event::{Hash, Seq};
use crate::game::record::Due;
use crate::work::error::WorkError;
use crate::work::intake::{IntakeError, take_in};
use crate::work::outbox::OutboxError;
use crate::work::protocol::Assignment;
use crate::work::verify::verify_games;
use crate::work::worker::{EVENTS_MAX, JobEnd, WorkerError, WorkerEvent};

/// Why an attempt brought nothing.
enum NoResult {
    /// Something to tell the leader.
    Failed { error: String, retry: bool },
    /// It was stopped.
    Stopped,
    /// The node cannot go on.
    Fatal(WorkError),
}

impl NoResult {
    fn again(error: impl std::fmt::Display) -> NoResult {
        NoResult::Failed { error: error.to_string(), retry: true }
    }
}

impl From<OutboxError> for NoResult {
    fn from(error: OutboxError) -> NoResult {
        NoResult::Fatal(error.into())
    }
}

impl From<ArtifactError> for NoResult {
    fn from(error: ArtifactError) -> NoResult {
        if error.is_fatal() { NoResult::Fatal(error.into()) } else { NoResult::again(error) }
    }
}

/// A job on its way.
pub(super) struct Attempt {
    pub(super) parts: WorkParts,
    pub(super) lease: Assigned,
    pub(super) reporter: Reporter,
    pub(super) cancel: CancellationToken,
    /// Where the worker's use of its net is noted.
    pub(super) inference: LastInference,
    /// As many permits as jobs may run at a time.
    pub(super) slots: Arc<Semaphore>,
}

impl Attempt {
    /// Runs the job and reports its end.
    #[tracing::instrument(name = "job", skip_all, fields(job = %self.lease.job, token = %self.lease.token))]
    pub(super) async fn run(self) -> Result<(), WorkError> {
        let begun = Instant::now();
        let scratch = scratch_of(&self.parts, self.lease.token);
        let outcome = self.work(&scratch).await;
        // What is left there only takes space; the next start removes it too.
        let _ = tokio::fs::remove_dir_all(&scratch).await;
        match outcome {
            Ok(result) => {
                let elapsed_ms = u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX);
                tracing::info!(elapsed_ms, "job done");
                self.reporter.completed(elapsed_ms, result).await?;
            }
            Err(NoResult::Failed { error, retry }) => self.reporter.failed(&error, retry).await?,
            Err(NoResult::Stopped) => self.reporter.failed("the node is stopping", true).await?,
            Err(NoResult::Fatal(error)) => return Err(error),
        }
        Ok(())
    }

    async fn work(&self, scratch: &PathBuf) -> Result<JobResult, NoResult> {
        let inputs = self.fetch_inputs().await?;
        let _slot = tokio::select! {
            slot = self.slots.acquire() => slot.map_err(|_| NoResult::Stopped)?,
            () = self.cancel.cancelled() => return Err(NoResult::Stopped),
        };
        if let JobSpec::Verify(spec) = &self.lease.spec {
            return self.verify(spec.clone(), self.lease.due).await;
        }
        tokio::fs::create_dir_all(scratch).await.map_err(|error| {
            NoResult::again(format!("cannot create the scratch folder {}: {error}", scratch.display()))
        })?;
        let checkpoint = self.checkpoint().await;
        let Assigned { job, token, spec, plan, weights, taught, .. } = self.lease.clone();
        let ended = self.employ(Assignment {
            job,
            token,
            spec,
            plan,
            inputs,
            scratch: scratch.clone(),
            weights,
            taught,
            checkpoint: checkpoint.clone(),
        });
        let (said_all, outcome) = ended.await;
        if let Some(path) = checkpoint.filter(|_| said_all) {
            unfinished::forget(&path);
        }
        outcome
    }

    /// Where the job finds and keeps its checkpoint. Without room for one it starts anew every time.
    async fn checkpoint(&self) -> Option<PathBuf> {
        let folder = self.parts.unfinished.clone();
        let path = unfinished::path(&folder, &self.lease)?;
        let tidied = tokio::task::spawn_blocking(move || unfinished::tidy(&folder, SystemTime::now())).await;
        match tidied.map_err(std::io::Error::other).flatten() {
            Ok(()) => Some(path),
            Err(error) => {
                tracing::warn!(folder = %self.parts.unfinished.display(), %error, "no checkpoint is kept");
                None
            }
        }
    }

    async fn fetch_inputs(&self) -> Result<BTreeMap<Hash, PathBuf>, NoResult> {
        let mut inputs = BTreeMap::new();
        for hash in self.lease.spec.inputs() {
            let path = tokio::select! {
                path = (self.parts.fetch)(hash) => path,
                () = self.cancel.cancelled() => return Err(NoResult::Stopped),
            };
            let path = path.map_err(|reason| NoResult::again(format!("input {hash} cannot be had: {reason}")))?;
            inputs.insert(hash, path);
        }
        Ok(inputs)
    }

    async fn verify(&self, spec: VerifySpec, due: Option<Due>) -> Result<JobResult, NoResult> {
        self.reporter.started().await?;
        let store = self.parts.store.clone();
        let verified = tokio::task::spawn_blocking(move || verify_games(&store, &spec, due)).await;
        Ok(verified.map_err(|panic| NoResult::again(format!("verification broke off: {panic}")))??)
    }

    /// Has a worker do it. The first is true when the worker itself said how the job ended: nothing is left to go on with.
    async fn employ(&self, assignment: Assignment) -> (bool, Result<JobResult, NoResult>) {
        let (events, heard) = mpsc::channel(EVENTS_MAX);
        let run = async {
            let end = self.parts.pool.run(&assignment, &events, &self.cancel).await;
            drop(events);
            end
        };
        let (end, listened) = tokio::join!(run, self.listen(heard));
        let said_all = matches!(end, Ok(JobEnd::Done(_) | JobEnd::Failed { .. }));
        let outcome = match listened {
            Ok(()) => self.ended(assignment, end).await,
            Err(error) => Err(error.into()),
        };
        (said_all, outcome)
    }

    async fn ended(&self, assignment: Assignment, end: Result<JobEnd, WorkerError>) -> Result<JobResult, NoResult> {
        match end {
            Ok(JobEnd::Done(result)) => {
                let store = self.parts.store.clone();
                let taken = tokio::task::spawn_blocking(move || take_in(&store, &assignment, *result)).await;
                match taken.map_err(|panic| NoResult::again(format!("intake broke off: {panic}")))? {
                    Ok(result) => Ok(result),
                    Err(IntakeError::Store(error)) => Err(error.into()),
                    Err(error @ IntakeError::File(_)) => Err(NoResult::again(error)),
                }
            }
            Ok(JobEnd::Failed { message, retry }) => Err(NoResult::Failed { error: message, retry }),
            Ok(JobEnd::Cancelled) | Err(WorkerError::Cancelled) => Err(NoResult::Stopped),
            Err(_) if self.cancel.is_cancelled() => Err(NoResult::Stopped),
            Err(error) => Err(NoResult::again(error)),
        }
    }

    /// Reports the start, and now and then how training goes.
    async fn listen(&self, mut heard: mpsc::Receiver<WorkerEvent>) -> Result<(), OutboxError> {
        let mut last: Option<Instant> = None;
        while let Some(event) = heard.recv().await {
            match event {
                WorkerEvent::Started => self.reporter.started().await?,
                WorkerEvent::Progress { training: Some(progress), .. }
                    if last.is_none_or(|last| last.elapsed() >= self.parts.times.progress_every) =>
                {
                    last = Some(Instant::now());
                    self.reporter.progress(progress).await?;
                }
                WorkerEvent::Progress { .. } => {}
                WorkerEvent::Inference(usage) => {
                    *self.inference.lock().unwrap_or_else(PoisonError::into_inner) = Some(usage);
                }
            }
        }
        Ok(())
    }
}

/// The folder of a lease's files.
fn scratch_of(parts: &WorkParts, token: Seq) -> PathBuf {
    parts.scratch.join(token.to_string())
}
