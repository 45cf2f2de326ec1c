//! Reports to the leader, through the outbox.

use tokio_util::sync::CancellationToken;

use super::parts::WorkParts;
use crate::event::command::{Command, CompleteJob, FailJob, JobResult, LeaseHolder, ReportProgress};
use crate::event::training::TrainingProgress;
use crate::event::{JobId, Seq};
use crate::work::outbox::OutboxError;

/// The longest error text, in letters; a longer one is cut.
const ERROR_LETTERS_MAX: usize = 2_000;

/// Speaks for one lease.
#[derive(Clone)]
pub(super) struct Reporter {
    pub(super) parts: WorkParts,
    pub(super) job: JobId,
    pub(super) token: Seq,
    /// Cancelled when the lease is gone: nobody waits for reports then.
    pub(super) lost: CancellationToken,
}

impl Reporter {
    pub(super) async fn started(&self) -> Result<(), OutboxError> {
        self.send_while_held(Command::StartJob(self.lease())).await
    }

    pub(super) async fn progress(&self, progress: TrainingProgress) -> Result<(), OutboxError> {
        self.send_while_held(Command::ReportProgress(ReportProgress { lease: self.lease(), progress })).await
    }

    /// A result is reported even when the lease is lost: the leader then records that it was refused.
    pub(super) async fn completed(&self, elapsed_ms: u64, result: JobResult) -> Result<(), OutboxError> {
        let complete = CompleteJob { lease: self.lease(), elapsed_ms, result };
        match self.send(Command::CompleteJob(complete)).await {
            Err(error @ OutboxError::TooLarge { .. }) => self.failed(&error.to_string(), false).await,
            other => other,
        }
    }

    pub(super) async fn failed(&self, error: &str, retry: bool) -> Result<(), OutboxError> {
        let error: String = error.chars().take(ERROR_LETTERS_MAX).collect();
        tracing::warn!(job = %self.job, token = %self.token, error, retry, "job given up");
        self.send_while_held(Command::FailJob(FailJob { lease: self.lease(), error, retry })).await
    }

    async fn send_while_held(&self, command: Command) -> Result<(), OutboxError> {
        if self.lost.is_cancelled() { Ok(()) } else { self.send(command).await }
    }

    /// Stores a report. Waits while the outbox is full, unless the lease is lost: then nobody needs it.
    async fn send(&self, command: Command) -> Result<(), OutboxError> {
        loop {
            let observed_at = (self.parts.clock)();
            match self.parts.outbox.push(command.clone(), vec![self.token], observed_at).await {
                Err(error @ (OutboxError::Full { .. } | OutboxError::DiskFull { .. })) => {
                    tracing::warn!(job = %self.job, %error, "report waits");
                    tokio::select! {
                        () = tokio::time::sleep(self.parts.times.full_retry) => {}
                        () = self.lost.cancelled() => return Ok(()),
                    }
                }
                other => return other.map(drop),
            }
        }
    }

    fn lease(&self) -> LeaseHolder {
        LeaseHolder { job: self.job.clone(), host: self.parts.host, token: self.token }
    }
}
