//! Jobs that people submit. Only external ones: the campaign's own jobs follow from the log.

use super::Refusal;
use super::text::{is_id, is_name};
use crate::event::command::{RequestJob, SubmitJob};
use crate::event::config::Config;
use crate::event::jobs::{JobQueued, JobSpec, JobSubmitted};
use crate::event::{Event, JobId};
use crate::policy::limits::{
    EXTERNAL_BLOBS_MAX, EXTERNAL_BYTES_MAX, EXTERNAL_QUEUED_MAX, NAME_BYTES_MAX, PRIORITY_EXTERNAL_MAX,
};
use crate::policy::upgrade::is_readable;
use crate::policy::view::Decision;
use crate::projection::State;

pub(super) fn submit(state: &State, command: &SubmitJob) -> Result<Vec<Decision>, Refusal> {
    let bad = |reason: &str| Err(Refusal::BadJob { reason: reason.to_owned() });
    let JobSpec::External(spec) = &command.spec else { return bad("only external jobs can be") };
    if !is_id(command.job.as_str(), JobId::PREFIX) || !is_name(&spec.program) {
        return bad("names consist of letters, digits and -_. only, and begin with job/");
    }
    if spec.params.len() > EXTERNAL_BYTES_MAX || spec.inputs.len() > EXTERNAL_BLOBS_MAX {
        return bad("its parameters are too long, or it has too many inputs");
    }
    if let Some(missing) = spec.inputs.iter().find(|input| state.artifacts.get(input).is_none()) {
        return Err(Refusal::UnknownArtifact { artifact: *missing });
    }
    if state.jobs.get(&command.job).is_some() {
        return Err(Refusal::JobExists { job: command.job.clone() });
    }
    let waiting = state.jobs.queued().filter(|job| matches!(job.spec, JobSpec::External(_))).count();
    if waiting >= EXTERNAL_QUEUED_MAX {
        return Err(Refusal::QueueFull { waiting });
    }
    let limits = state.config().map_or_else(|| Config::default().cluster, |config| config.cluster.clone());
    let event = JobQueued {
        job: command.job.clone(),
        spec: command.spec.clone(),
        priority: command.priority.min(PRIORITY_EXTERNAL_MAX),
        lease_ms: limits.lease_ms,
        attempts_max: limits.attempts_max,
        avoid: vec![],
    };
    Ok(vec![Decision::new(event, [])])
}

/// As [`submit`], with who asked for it.
pub(super) fn request(state: &State, command: &RequestJob) -> Result<Vec<Decision>, Refusal> {
    if command.actor.len() > NAME_BYTES_MAX {
        return Err(Refusal::BadJob { reason: "its actor's name is too long".to_owned() });
    }
    let mut decisions = submit(state, &command.job)?;
    let submitted = Event::from(JobSubmitted { job: command.job.job.clone(), actor: command.actor.clone() });
    // A member that cannot read who asked need not stop for it.
    if is_readable(state, &submitted) {
        decisions.push(Decision::new(submitted, []));
    }
    Ok(decisions)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Command;
    use crate::event::jobs::ExternalSpec;
    use crate::event::membership::ClusterVersionRaised;
    use crate::event::samples::{hash, specs};
    use crate::policy::limits::PRIORITY_GAUNTLET;
    use crate::policy::testing::{Given, joined};

    fn job(name: &str, spec: JobSpec) -> Command {
        Command::SubmitJob(SubmitJob { job: JobId(name.into()), spec, priority: 3 })
    }

    fn external() -> JobSpec {
        JobSpec::External(ExternalSpec { program: "p".into(), params: "{}".into(), inputs: vec![] })
    }

    #[test]
    fn an_external_job_is_queued_once() {
        let given = Given::events([joined(1)]).when(1, job("job/mine", external()));
        let Event::JobQueued(_) = &given.decisions()[0].event else { panic!("a job") };
        let given = given.then_fields(&["JOB_QUEUED job/mine 3"], &["job", "priority"]).applied();
        given.when(1, job("job/mine", external())).refused("job_exists");
    }

    #[test]
    fn no_submitted_job_comes_before_a_gauntlet() {
        for (asked, given) in [(i32::MAX, 19), (20, 19), (19, 19), (-3, -3)] {
            let job = SubmitJob { job: JobId("job/mine".into()), spec: external(), priority: asked };
            let queued = Given::events([joined(1)]).when(1, Command::SubmitJob(job));
            queued.then_fields(&[&format!("JOB_QUEUED {given}")], &["priority"]);
        }
        const { assert!(PRIORITY_EXTERNAL_MAX < PRIORITY_GAUNTLET) };
    }

    #[test]
    fn who_asked_is_recorded_once_all_members_can_read_it() {
        let Command::SubmitJob(job) = job("job/mine", external()) else { unreachable!() };
        let request = || Command::RequestJob(RequestJob { job: job.clone(), actor: "ada".into() });
        Given::events([joined(1)]).when(1, request()).then_kinds(&["JOB_QUEUED"]);
        let raised = ClusterVersionRaised { from: 1, to: 2 };
        let given = Given::events([joined(1)]).and(raised).when(1, request());
        given.then_kinds(&["JOB_QUEUED", "JOB_SUBMITTED"]);
        let Command::RequestJob(named) = request() else { unreachable!() };
        let long = RequestJob { actor: "x".repeat(NAME_BYTES_MAX + 1), ..named };
        Given::events([joined(1)]).when(1, Command::RequestJob(long)).refused("bad_job");
    }

    #[test]
    fn what_cannot_run_is_refused() {
        let given = || Given::events([joined(1)]);
        given().when(1, job("mine", external())).refused("bad_job");
        given().when(1, job("job/a b", external())).refused("bad_job");
        given().when(1, job("job/mine", specs().swap_remove(0))).refused("bad_job");
        let inputs = vec![hash("nowhere")];
        let spec = ExternalSpec { program: "p".into(), params: String::new(), inputs };
        given().when(1, job("job/mine", JobSpec::External(spec))).refused("unknown_artifact");
        let spec = ExternalSpec { program: "p".into(), params: "x".repeat(EXTERNAL_BYTES_MAX + 1), inputs: vec![] };
        given().when(1, job("job/mine", JobSpec::External(spec))).refused("bad_job");
    }
}
