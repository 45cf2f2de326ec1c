//! What the holder of a lease says while the job runs. A wrong token is refused: somebody else has the job now.

use super::Refusal;
use super::text::clip;
use crate::event::command::{FailJob, LeaseHolder, ReportProgress};
use crate::event::jobs::{JobFailed, JobSpec, JobStarted};
use crate::event::training::{TrainingProgressed, TrainingStarted};
use crate::event::{Millis, NodeId};
use crate::policy::view::Decision;
use crate::projection::State;
use crate::projection::jobs::{Job, JobState};

/// Reports of a run that come faster than this are not recorded, but for the last one.
pub const PROGRESS_MS_MIN: u64 = 250;

pub(super) fn start(state: &State, origin: NodeId, lease: &LeaseHolder) -> Result<Vec<Decision>, Refusal> {
    let job = held(state, origin, lease)?;
    if job.state == JobState::Running {
        return Ok(vec![]);
    }
    let LeaseHolder { job: id, host, token } = lease.clone();
    let mut decisions = vec![Decision::new(JobStarted { job: id.clone(), host, token }, [token])];
    if let JobSpec::Train(spec) = &job.spec {
        let event = TrainingStarted { run: spec.run.clone(), job: id, host, token };
        decisions.push(Decision::new(event, [token]));
    }
    Ok(decisions)
}

pub(super) fn progress(
    state: &State,
    origin: NodeId,
    command: &ReportProgress,
    now: Millis,
) -> Result<Vec<Decision>, Refusal> {
    let job = held(state, origin, &command.lease)?;
    let JobSpec::Train(spec) = &job.spec else { return Err(Refusal::NotTraining { job: job.job.clone() }) };
    let Some(run) = state.training.get(&spec.run) else { return Ok(vec![]) };
    let is_last = command.progress.step >= command.progress.steps;
    let is_news = run.progress.as_ref().is_none_or(|last| last.step < command.progress.step);
    if !is_news || (!is_last && run.progress.is_some() && now.since(run.changed_at) < PROGRESS_MS_MIN) {
        return Ok(vec![]);
    }
    let event = TrainingProgressed { run: run.run.clone(), progress: command.progress.clone() };
    Ok(vec![Decision::new(event, [command.lease.token])])
}

pub(super) fn fail(state: &State, origin: NodeId, command: &FailJob) -> Result<Vec<Decision>, Refusal> {
    held(state, origin, &command.lease)?;
    let LeaseHolder { job, host, token } = command.lease.clone();
    let event = JobFailed { job, host, token, error: clip(&command.error), retry: command.retry };
    Ok(vec![Decision::new(event, [token])])
}

/// The job, if the sender holds it with this token.
fn held<'a>(state: &'a State, origin: NodeId, lease: &LeaseHolder) -> Result<&'a Job, Refusal> {
    let LeaseHolder { job: id, host, token } = lease;
    if origin != *host {
        return Err(Refusal::NotYours { origin, host: *host });
    }
    let job = state.jobs.get(id).ok_or_else(|| Refusal::UnknownJob { job: id.clone() })?;
    if job.is_held_by(*host, *token) {
        return Ok(job);
    }
    let current = job.live_lease().map(|lease| lease.token);
    Err(Refusal::NotLeaseHolder { job: id.clone(), host: *host, token: *token, current })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::jobs::{JobClaimed, JobQueued};
    use crate::event::samples::{sample, specs};
    use crate::event::training::TrainingProgress;
    use crate::event::{Command, Event, JobId, Kind, Real, Seq};
    use crate::policy::testing::{Given, joined, online};

    /// Record 5 is the claim of a training job.
    fn claimed() -> Given {
        let job = JobId::new("train-connect4-g1");
        let spec = specs().swap_remove(3);
        let queued = JobQueued { job: job.clone(), spec, priority: 0, lease_ms: 1, attempts_max: 1, avoid: vec![] };
        let claim = JobClaimed { job, host: NodeId(1), attempt: 1 };
        let triggered = sample(Kind::TrainingTriggered);
        Given::events([joined(1), online(1, 1), triggered, queued.into(), Event::from(claim)])
    }

    fn lease(host: u64, token: u64) -> LeaseHolder {
        LeaseHolder { job: JobId::new("train-connect4-g1"), host: NodeId(host), token: Seq(token) }
    }

    fn report(step: u32) -> Command {
        let zero = Real::ZERO;
        let progress =
            TrainingProgress { step, steps: 300, policy_loss: zero, value_loss: zero, samples_per_second: zero };
        Command::ReportProgress(ReportProgress { lease: lease(1, 5), progress })
    }

    #[test]
    fn a_training_job_starts_once_with_its_run() {
        let given = claimed().when(1, Command::StartJob(lease(1, 5))).then_kinds(&["JOB_STARTED", "TRAINING_STARTED"]);
        given.applied().when(1, Command::StartJob(lease(1, 5))).then(&[]);
    }

    #[test]
    fn only_the_token_that_holds_counts() {
        claimed().when(1, Command::StartJob(lease(1, 4))).refused("not_lease_holder");
        claimed().when(1, Command::StartJob(lease(2, 5))).refused("not_yours");
        let unknown = LeaseHolder { job: JobId::new("x"), ..lease(1, 5) };
        claimed().when(1, Command::StartJob(unknown)).refused("unknown_job");
        let stale = FailJob { lease: lease(1, 4), error: "no".into(), retry: true };
        claimed().when(1, Command::FailJob(stale)).refused("not_lease_holder");
    }

    #[test]
    fn progress_is_recorded_at_a_bounded_rate() {
        let given = claimed().when(1, report(10)).then_kinds(&["TRAINING_PROGRESSED"]).applied();
        given.clone().when(1, report(10)).then(&[]);
        given.clone().when(1, report(20)).then(&[]);
        given.clone().when(1, report(300)).then_kinds(&["TRAINING_PROGRESSED"]);
        given.later(PROGRESS_MS_MIN).when(1, report(20)).then_kinds(&["TRAINING_PROGRESSED"]);
    }

    #[test]
    fn a_failure_is_recorded_with_bounded_words() {
        let failure = FailJob { lease: lease(1, 5), error: "x".repeat(10_000), retry: true };
        let failed = claimed().when(1, Command::FailJob(failure));
        let Event::JobFailed(body) = &failed.decisions()[0].event else { panic!("a failure") };
        assert_eq!(body.error.len(), crate::policy::limits::TEXT_BYTES_MAX);
    }
}
