//! What must hold after every record, checked from the log alone and against the state.

use std::collections::{BTreeMap, BTreeSet};

use crate::event::{Event, Hash, JobId, Record, Seq};
use crate::projection::State;

/// Remembers what the log said so far.
#[derive(Default)]
pub(super) struct Checks {
    held: BTreeMap<JobId, Seq>,
    once: BTreeSet<String>,
    generation: u32,
}

impl Checks {
    /// Checks a record before it is applied.
    pub(super) fn before(&mut self, record: &Record) {
        for cause in &record.draft.caused_by {
            assert!(*cause < record.seq && cause.0 > 0, "record {} is caused by {cause}", record.seq);
        }
        match &record.draft.event {
            Event::JobClaimed(body) => {
                let other = self.held.insert(body.job.clone(), record.seq);
                assert_eq!(other, None, "two live leases of {}", body.job);
            }
            Event::JobStarted(body) => assert_eq!(self.held.get(&body.job), Some(&body.token)),
            Event::JobCompleted(body) => self.release(&body.job, body.token),
            Event::JobFailed(body) => self.release(&body.job, body.token),
            Event::JobLeaseExpired(body) => self.release(&body.job, body.token),
            Event::JobCancelled(body) => drop(self.held.remove(&body.job)),
            Event::GenerationOpened(body) => {
                assert_eq!(body.generation, self.generation + 1, "generations follow one another");
                self.generation = body.generation;
            }
            _ => {}
        }
        if let Some(name) = once(&record.draft.event) {
            assert!(self.once.insert(name.clone()), "{name} twice");
        }
    }

    /// Checks the state after a record.
    pub(super) fn after(&self, state: &State) {
        let held: BTreeSet<&JobId> = state.jobs.held().map(|job| &job.job).collect();
        assert_eq!(held, self.held.keys().collect(), "the log's leases are the state's");
        for host in state.hosts.table.values() {
            let of_host = state.jobs.held().filter(|job| job.live_lease().is_some_and(|lease| lease.host == host.host));
            let working = of_host.filter(|job| job.spec.kind().name() != "verify").count();
            assert!(working <= host.slots as usize, "{} runs {working} jobs", host.name);
        }
    }

    fn release(&mut self, job: &JobId, token: Seq) {
        assert_eq!(self.held.remove(job), Some(token), "only the lease that holds can end: {job}");
    }
}

/// The name of what an event decides, when it may be decided only once.
fn once(event: &Event) -> Option<String> {
    let batch = |batch: &Hash| format!("batch {batch}");
    let name = match event {
        Event::JobQueued(body) => body.job.to_string(),
        Event::GamesVerified(body) => batch(&body.batch),
        Event::GamesQuarantined(body) => batch(&body.batch),
        Event::QualityScoreUpdated(body) => format!("score of {}", body.batch),
        Event::DatasetSealed(body) => body.dataset.to_string(),
        Event::TrainingTriggered(body) => body.run.to_string(),
        Event::TrainingCompleted(body) => format!("end of {}", body.run),
        Event::TrainingFailed(body) => format!("end of {}", body.run),
        Event::GauntletStarted(body) => body.gauntlet.to_string(),
        Event::GauntletConcluded(body) => format!("end of {}", body.gauntlet),
        Event::MatchesPlayed(body) => format!("{} {} {}", body.gauntlet, body.opponent, body.first_pair),
        Event::ModelInitialized(body) => body.model.to_string(),
        Event::ModelPromoted(body) => format!("verdict on {}", body.model),
        Event::PromotionRejected(body) => format!("verdict on {}", body.model),
        Event::GenerationOpened(body) => format!("generation {}", body.generation),
        Event::StageOverdue(body) => format!("overdue {} of {}", body.stage.name(), body.generation),
        Event::CampaignCompleted(body) => format!("campaign {}", body.generations),
        _ => return None,
    };
    Some(name)
}
