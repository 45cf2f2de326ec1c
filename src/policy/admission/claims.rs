//! Who gets which job.

use super::Refusal;
use crate::event::command::ClaimJobs;
use crate::event::jobs::{JobClaimed, JobKind, JobSpec};
use crate::event::{Millis, NodeId};
use crate::policy::limits::{AVOID_MS_MAX, CLAIM_JOBS_MAX, RETRY_DELAY_MS, RETRY_DELAY_MS_MAX, VERIFY_SLOTS};
use crate::policy::view::Decision;
use crate::projection::State;
use crate::projection::jobs::Job;

/// The best waiting jobs for the host: by priority, then in order of queueing; as many as it asks for and has slots
/// for. Verification runs beside the slots. A job that failed waits a little; a job that should avoid the host is left
/// to others while another host is online, for some time.
pub(super) fn claim(state: &State, origin: NodeId, command: &ClaimJobs, now: Millis) -> Result<Vec<Decision>, Refusal> {
    let host = command.host;
    if origin != host {
        return Err(Refusal::NotYours { origin, host });
    }
    let row = state.hosts.get(host).filter(|row| row.online).ok_or(Refusal::Offline { host })?;
    let held = state.jobs.held().filter(|job| job.live_lease().is_some_and(|lease| lease.host == host));
    let (verifying, working): (Vec<&Job>, Vec<&Job>) = held.partition(|job| is_verification(job));
    let mut room = (row.slots as usize).saturating_sub(working.len());
    let mut room_to_verify = VERIFY_SLOTS.saturating_sub(verifying.len());
    let wanted = command.slots.min(CLAIM_JOBS_MAX) as usize;
    let mut decisions = vec![];
    for job in state.jobs.queued() {
        if decisions.len() >= wanted || (room == 0 && room_to_verify == 0) {
            break;
        }
        let room = if is_verification(job) { &mut room_to_verify } else { &mut room };
        if *room == 0 || !can_run(command, job) || rests(job, now) || leaves_to_others(state, host, job, now) {
            continue;
        }
        *room -= 1;
        let event = JobClaimed { job: job.job.clone(), host, attempt: job.attempts.saturating_add(1) };
        decisions.push(Decision::new(event, [job.queued_seq, job.changed_seq]));
    }
    Ok(decisions)
}

fn is_verification(job: &Job) -> bool {
    job.spec.kind() == JobKind::Verify
}

fn can_run(command: &ClaimJobs, job: &Job) -> bool {
    let program = match &job.spec {
        JobSpec::External(spec) => command.programs.contains(&spec.program),
        _ => true,
    };
    program && command.kinds.contains(&job.spec.kind())
}

fn rests(job: &Job, now: Millis) -> bool {
    let Some(failed_at) = job.failed_at else { return false };
    let doublings = job.attempts.saturating_sub(1).min(16);
    now.since(failed_at) < (RETRY_DELAY_MS << doublings).min(RETRY_DELAY_MS_MAX)
}

fn leaves_to_others(state: &State, host: NodeId, job: &Job, now: Millis) -> bool {
    job.avoid.contains(&host)
        && now.since(job.queued_at) < AVOID_MS_MAX
        && state.hosts.online().any(|other| !job.avoid.contains(&other.host))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::cluster::{HostOffline, HostOnline, OfflineReason};
    use crate::event::jobs::{JobFailed, JobQueued};
    use crate::event::samples::specs;
    use crate::event::{Command, Event, JobId, Seq};
    use crate::policy::testing::{Given, external_job, joined, online};

    fn queued(name: &str, spec: usize, priority: i32, avoid: Vec<NodeId>) -> Event {
        let spec = specs().swap_remove(spec);
        JobQueued { job: JobId::new(name), spec, priority, lease_ms: 1_000, attempts_max: 5, avoid }.into()
    }

    fn two_hosts() -> Given {
        let two_slots = HostOnline { host: NodeId(2), incarnation: 1, slots: 2 };
        Given::events([joined(1), online(1, 1), joined(2), two_slots.into()])
    }

    fn claim(host: u64, slots: u32, kinds: &[JobKind]) -> Command {
        Command::ClaimJobs(ClaimJobs { host: NodeId(host), slots, kinds: kinds.to_vec(), programs: vec!["p".into()] })
    }

    const ANY: &[JobKind] = &[JobKind::SelfPlay, JobKind::Verify, JobKind::Train, JobKind::External];

    #[test]
    fn the_best_jobs_come_first_and_slots_are_respected() {
        let jobs = [queued("low", 0, 1, vec![]), queued("high", 0, 9, vec![]), queued("high-2", 0, 9, vec![])];
        let given = two_hosts().and_all(jobs);
        let claimed = given.clone().when(2, claim(2, 9, ANY));
        claimed.then_fields(&["JOB_CLAIMED job/high 1", "JOB_CLAIMED job/high-2 1"], &["job", "attempt"]);
        given.clone().when(2, claim(2, 1, ANY)).then_fields(&["JOB_CLAIMED job/high"], &["job"]);
        let full = given.when(2, claim(2, 9, ANY)).applied();
        full.clone().when(2, claim(2, 9, ANY)).then(&[]);
        full.clone().when(1, claim(1, 9, ANY)).then_fields(&["JOB_CLAIMED job/low"], &["job"]);
        // Verification runs beside the slots, one at a time.
        let verify = full.and_all([queued("v", 1, 9, vec![]), queued("w", 1, 9, vec![])]).when(2, claim(2, 9, ANY));
        verify.then_fields(&["JOB_CLAIMED job/v"], &["job"]);
    }

    #[test]
    fn a_host_gets_only_what_it_can_run() {
        let given =
            two_hosts().and_all([queued("train", 3, 1, vec![]), external_job("mine"), queued("other", 5, 9, vec![])]);
        given.clone().when(1, claim(1, 9, &[JobKind::SelfPlay])).then(&[]);
        given.clone().when(1, claim(1, 9, &[JobKind::External])).then_fields(&["JOB_CLAIMED job/mine"], &["job"]);
        given.clone().when(1, claim(2, 9, ANY)).refused("not_yours");
        let gone = HostOffline { host: NodeId(1), last_heard_at: Millis(1), reason: OfflineReason::Left };
        given.and(gone).when(1, claim(1, 9, ANY)).refused("offline");
    }

    #[test]
    fn a_job_is_left_to_others_while_there_are_others() {
        let given = two_hosts().and(queued("v", 1, 0, vec![NodeId(1)]));
        given.clone().when(1, claim(1, 1, ANY)).then(&[]);
        given.clone().when(2, claim(2, 1, ANY)).then_kinds(&["JOB_CLAIMED"]);
        given.clone().later(AVOID_MS_MAX).when(1, claim(1, 1, ANY)).then_kinds(&["JOB_CLAIMED"]);
        let gone = HostOffline { host: NodeId(2), last_heard_at: Millis(1), reason: OfflineReason::Silent };
        given.and(gone).when(1, claim(1, 1, ANY)).then_kinds(&["JOB_CLAIMED"]);
    }

    #[test]
    fn a_job_that_failed_rests_for_a_while() {
        let failed = |token| {
            let (job, host, error) = (JobId::new("a"), NodeId(1), "no".to_owned());
            JobFailed { job, host, token: Seq(token), error, retry: true }
        };
        let given = two_hosts().and(external_job("a")).when(1, claim(1, 1, ANY)).applied().and(failed(6));
        given.clone().when(1, claim(1, 1, ANY)).then(&[]);
        let again = given.later(RETRY_DELAY_MS).when(1, claim(1, 1, ANY));
        let given = again.then_fields(&["JOB_CLAIMED 2"], &["attempt"]).applied().and(failed(8));
        given.clone().later(RETRY_DELAY_MS).when(1, claim(1, 1, ANY)).then(&[]);
        given.later(2 * RETRY_DELAY_MS).when(1, claim(1, 1, ANY)).then_kinds(&["JOB_CLAIMED"]);
    }
}
