//! Results of jobs. Nothing that arrives is lost: a result is recorded, or recorded as refused, or its job as failed.

use super::Refusal;
use super::outcomes::{Fault, outcome};
use super::text::clip;
use crate::event::command::{CompleteJob, JobResult, LeaseHolder};
use crate::event::jobs::{JobCompleted, JobFailed, JobResultRefused};
use crate::event::{Hash, NodeId};
use crate::policy::limits::EXTERNAL_BLOBS_MAX;
use crate::policy::view::Decision;
use crate::projection::State;
use crate::projection::jobs::{Job, JobState};

/// `JOB_COMPLETED` with what the job brought; `JOB_FAILED` when the result is void; `JOB_RESULT_REFUSED` when the
/// sender's token does not hold.
pub(super) fn complete(state: &State, origin: NodeId, command: &CompleteJob) -> Result<Vec<Decision>, Refusal> {
    let LeaseHolder { job: id, host, token } = &command.lease;
    if origin != *host {
        return Err(Refusal::NotYours { origin, host: *host });
    }
    let job = state.jobs.get(id);
    let Some(job) = job.filter(|job| job.is_held_by(*host, *token)) else {
        return Ok(vec![refuse(job, command)]);
    };
    match outcome(state, job, *host, &command.result) {
        Ok(events) => {
            let completed =
                JobCompleted { job: id.clone(), host: *host, token: *token, elapsed_ms: command.elapsed_ms };
            let first = Decision::new(completed, [*token]);
            Ok([first].into_iter().chain(events.into_iter().map(|event| Decision::new(event, [*token]))).collect())
        }
        Err(Fault { error, retry }) => {
            let failed = JobFailed { job: id.clone(), host: *host, token: *token, error, retry };
            Ok(vec![Decision::new(failed, [*token])])
        }
    }
}

fn refuse(job: Option<&Job>, command: &CompleteJob) -> Decision {
    let LeaseHolder { job: id, host, token } = command.lease.clone();
    let current = job.and_then(Job::live_lease).map(|lease| lease.token);
    let reason = match (job, current) {
        (None, _) => "the job is unknown or long finished",
        (Some(_), Some(_)) => "another lease holds the job",
        (Some(job), None) if job.state == JobState::Cancelled => {
            &format!("the job was cancelled: {}", job.error.as_deref().unwrap_or("nobody said why"))
        }
        (Some(job), None) if job.state.is_finished() => "the job is finished",
        (Some(_), None) => "the lease has ended and the job waits",
    };
    let (reason, artifacts) = (clip(reason), artifacts(&command.result));
    let event = JobResultRefused { job: id, host, token, current, reason, artifacts };
    Decision::new(event, job.map(|job| job.changed_seq))
}

fn artifacts(result: &JobResult) -> Vec<Hash> {
    match result {
        JobResult::SelfPlay(result) => vec![result.blob.hash],
        JobResult::Model(result) => vec![result.blob.hash],
        JobResult::Trained(result) => {
            let manifest = result.manifest.iter().map(|manifest| manifest.blob.hash);
            [result.model.blob.hash, result.picture.hash].into_iter().chain(manifest).collect()
        }
        JobResult::Learned(result) => {
            let curve = result.curve.iter().map(|curve| curve.picture.hash);
            let others = curve.chain(result.manifest.iter().map(|manifest| manifest.blob.hash));
            [result.model.blob.hash].into_iter().chain(others).collect()
        }
        JobResult::External(result) => result.blobs.iter().take(EXTERNAL_BLOBS_MAX).map(|blob| blob.hash).collect(),
        JobResult::Verified(_)
        | JobResult::Measured(_)
        | JobResult::Quarantined(_)
        | JobResult::Gauntlet(_)
        | JobResult::Attested(_) => vec![],
    }
}
