//! Every recorded batch is replayed by somebody else, if there is somebody else.

use super::limits::{DECISIONS_MAX, PRIORITY_VERIFY};
use super::names;
use super::view::{Decision, View};
use crate::event::games::GamesQuarantined;
use crate::event::jobs::{JobQueued, JobSpec, VerifySpec};
use crate::event::{JobId, NodeId};
use crate::projection::games::{Batch, BatchState};

/// `JOB_QUEUED` to verify each recorded batch. `GAMES_QUARANTINED` when that job has failed for good: a batch that
/// nobody could check is never used.
pub fn decide(view: &View) -> Vec<Decision> {
    let Some(config) = view.state.config() else { return vec![] };
    let recorded = view.state.games.open().filter(|batch| batch.state == BatchState::Recorded);
    let decide = |batch: &Batch| match &batch.verify_job {
        None => {
            let event = JobQueued {
                job: names::verify_job(&batch.batch),
                spec: JobSpec::Verify(VerifySpec { game: batch.game.clone(), batch: batch.batch }),
                priority: PRIORITY_VERIFY,
                lease_ms: config.cluster.lease_ms,
                attempts_max: config.cluster.attempts_max,
                avoid: vec![batch.host],
            };
            Some(Decision::new(event, [batch.recorded_seq]))
        }
        Some(job) if !view.state.jobs.is_live(job) => Some(give_up(view, batch, job)),
        Some(_) => None,
    };
    recorded.filter_map(decide).take(DECISIONS_MAX).collect()
}

fn give_up(view: &View, batch: &Batch, id: &JobId) -> Decision {
    let job = view.state.jobs.get(id);
    let host: NodeId = job.and_then(|job| job.lease.as_ref()).map_or(batch.host, |lease| lease.host);
    let error = job.and_then(|job| job.error.as_deref()).unwrap_or("its job is gone");
    let event =
        GamesQuarantined { batch: batch.batch, host, game: None, reason: format!("nobody could verify it: {error}") };
    Decision::new(event, [batch.recorded_seq].into_iter().chain(job.map(|job| job.changed_seq)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::jobs::JobCancelled;
    use crate::event::samples::{hash, sample};
    use crate::event::{Event, Kind};
    use crate::policy::testing::{Given, config};

    #[test]
    fn a_recorded_batch_is_verified_once_by_somebody_else() {
        let given = Given::events([config(40), sample(Kind::GamesRecorded)]).decide(decide);
        let job = names::verify_job(&hash("batch"));
        let line = format!("JOB_QUEUED {job} [\"0102030405060708\"]");
        given.then_fields(&[&line], &["job", "avoid"]).caused_by(0, &[2]).settled(decide);
    }

    #[test]
    fn a_batch_that_nobody_could_verify_is_never_used() {
        let cancelled = JobCancelled { job: names::verify_job(&hash("batch")), reason: "no host".into() };
        let queued = Given::events([config(40), sample(Kind::GamesRecorded)]).decide(decide).applied();
        let given = queued.and(Event::from(cancelled)).decide(decide);
        given.then_fields(&["GAMES_QUARANTINED nobody could verify it: no host"], &["reason"]).settled(decide);
    }
}
