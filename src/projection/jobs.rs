//! Jobs and their leases. A lease's fencing token is the `seq` of its `JOB_CLAIMED`; only the token that holds now
//! can start, complete, fail or expire the job.

use std::cmp::Reverse;
use std::collections::BTreeSet;

use super::row::row;
use super::table::Table;
use crate::event::jobs::{JobQueued, JobSpec};
use crate::event::{Event, JobId, Millis, NodeId, Record, Seq};

/// Finished jobs that are kept. The ones that finished first are dropped; the log still has them.
pub const FINISHED_JOBS_MAX: usize = 2_000;

row! {
    /// A job.
    pub struct Job {
        /// The job.
        pub job: JobId,
        /// What is to be done.
        pub spec: JobSpec,
        /// Where it stands.
        pub state: JobState,
        /// Higher is claimed first.
        pub priority: i32,
        /// How long a claim lasts without a sign of life.
        pub lease_ms: u64,
        /// Claims allowed.
        pub attempts_max: u32,
        /// Hosts that should leave it to others.
        pub avoid: Vec<NodeId>,
        /// Claims so far.
        pub attempts: u32,
        /// The lease that holds; after the end the last one. None while queued.
        pub lease: Option<Lease>,
        /// The record that queued it first.
        pub queued_seq: Seq,
        /// When.
        pub queued_at: Millis,
        /// The last record that changed it.
        pub changed_seq: Seq,
        /// When.
        pub changed_at: Millis,
        /// When an attempt last failed. Lost leases do not count.
        pub failed_at: Option<Millis>,
        /// Why the last attempt brought nothing, in words.
        pub error: Option<String>,
        /// Wall-clock time of the attempt that brought the result.
        pub elapsed_ms: Option<u64>,
        /// Results that came with a token that did not hold.
        pub refused: u32,
        /// The record with the result of an external job.
        pub result_seq: Option<Seq>,
    }

    /// Where a job stands.
    #[derive(Copy, PartialOrd, Ord)]
    pub enum JobState {
        /// It waits to be claimed.
        Queued,
        /// A host holds its lease.
        Claimed,
        /// A worker has begun.
        Running,
        /// It brought its result.
        Done,
        /// It failed for good.
        Failed,
        /// It is no longer wanted.
        Cancelled,
    }

    /// A host's hold on a job.
    pub struct Lease {
        /// The host.
        pub host: NodeId,
        /// The fencing token.
        pub token: Seq,
        /// When it was claimed.
        pub claimed_at: Millis,
        /// When a worker began.
        pub started_at: Option<Millis>,
    }
}

impl JobState {
    /// Whether nothing more will happen to the job.
    pub fn is_finished(self) -> bool {
        matches!(self, JobState::Done | JobState::Failed | JobState::Cancelled)
    }
}

impl Job {
    /// The lease that holds now, if one does.
    pub fn live_lease(&self) -> Option<&Lease> {
        self.lease.as_ref().filter(|_| matches!(self.state, JobState::Claimed | JobState::Running))
    }

    /// Whether `host` holds the job with `token`.
    pub fn is_held_by(&self, host: NodeId, token: Seq) -> bool {
        self.live_lease().is_some_and(|lease| lease.host == host && lease.token == token)
    }
}

/// Jobs by id, with indexes that follow from the rows.
#[derive(Clone, Debug, Default)]
pub struct Jobs {
    /// All jobs that are not finished, and the last [`FINISHED_JOBS_MAX`] that are.
    pub table: Table<JobId, Job>,
    queued: BTreeSet<(Reverse<i32>, Seq, JobId)>,
    held: BTreeSet<JobId>,
    finished: BTreeSet<(Seq, JobId)>,
}

impl Jobs {
    /// The job with this id.
    pub fn get(&self, job: &JobId) -> Option<&Job> {
        self.table.get(job)
    }

    /// Jobs that wait, in the order in which they should be claimed.
    pub fn queued(&self) -> impl Iterator<Item = &Job> {
        self.queued.iter().filter_map(|(_, _, job)| self.table.get(job))
    }

    /// The job that has waited longest.
    pub fn longest_queued(&self) -> Option<&Job> {
        self.queued().min_by_key(|job| job.queued_seq)
    }

    /// Jobs that a host holds, in order of id.
    pub fn held(&self) -> impl Iterator<Item = &Job> {
        self.held.iter().filter_map(|job| self.table.get(job))
    }

    /// Jobs that are not finished.
    pub fn live(&self) -> impl Iterator<Item = &Job> {
        self.queued().chain(self.held())
    }

    /// Finished jobs that are still kept, the latest first.
    pub fn finished(&self) -> impl Iterator<Item = &Job> {
        self.finished.iter().rev().filter_map(|(_, job)| self.table.get(job))
    }

    /// Whether the job exists and is not finished.
    pub fn is_live(&self, job: &JobId) -> bool {
        self.get(job).is_some_and(|job| !job.state.is_finished())
    }

    /// Folds a record.
    pub fn apply(&mut self, record: &Record) {
        match &record.draft.event {
            Event::JobQueued(body) if !self.table.contains(&body.job) => self.queue(record, body),
            Event::JobClaimed(body) => self.change(record, &body.job, |job| {
                if job.state == JobState::Queued {
                    let (token, claimed_at) = (record.seq, record.draft.recorded_at);
                    job.lease = Some(Lease { host: body.host, token, claimed_at, started_at: None });
                    job.attempts = body.attempt;
                    job.state = JobState::Claimed;
                }
            }),
            Event::JobStarted(body) => self.change_held(record, &body.job, body.token, |job| {
                job.state = JobState::Running;
                if let Some(lease) = &mut job.lease {
                    lease.started_at = Some(record.draft.recorded_at);
                }
            }),
            Event::JobCompleted(body) => self.change_held(record, &body.job, body.token, |job| {
                job.state = JobState::Done;
                job.elapsed_ms = Some(body.elapsed_ms);
            }),
            Event::JobFailed(body) => self.change_held(record, &body.job, body.token, |job| {
                job.failed_at = Some(record.draft.recorded_at);
                give_back(job, body.retry, &body.error);
            }),
            Event::JobLeaseExpired(body) => self.change_held(record, &body.job, body.token, |job| {
                give_back(job, true, "the lease expired");
            }),
            Event::JobCancelled(body) => self.change(record, &body.job, |job| {
                if !job.state.is_finished() {
                    job.state = JobState::Cancelled;
                    job.error = Some(body.reason.clone());
                }
            }),
            Event::ClusterRestored(_) => {
                for job in std::mem::take(&mut self.held) {
                    self.change(record, &job, |job| give_back(job, true, "its host stayed in the old cluster"));
                }
            }
            Event::JobResultRefused(body) => {
                self.table.update(&body.job, |job| job.refused = job.refused.saturating_add(1));
            }
            Event::ExternalResultRecorded(body) => {
                self.table.update(&body.job, |job| job.result_seq = Some(record.seq));
            }
            _ => {}
        }
    }

    /// Builds the indexes from the rows.
    pub(super) fn reindex(&mut self) {
        (self.queued, self.held, self.finished) = Default::default();
        let all: Vec<Job> = self.table.values().cloned().collect();
        all.iter().for_each(|job| self.insert_index(job));
    }

    fn queue(&mut self, record: &Record, body: &JobQueued) {
        let job = Job {
            job: body.job.clone(),
            spec: body.spec.clone(),
            state: JobState::Queued,
            priority: body.priority,
            lease_ms: body.lease_ms,
            attempts_max: body.attempts_max,
            avoid: body.avoid.clone(),
            attempts: 0,
            lease: None,
            queued_seq: record.seq,
            queued_at: record.draft.recorded_at,
            changed_seq: record.seq,
            changed_at: record.draft.recorded_at,
            failed_at: None,
            error: None,
            elapsed_ms: None,
            refused: 0,
            result_seq: None,
        };
        self.insert_index(&job);
        self.table.put(body.job.clone(), job);
    }

    /// Changes the job if `token` holds it.
    fn change_held(&mut self, record: &Record, id: &JobId, token: Seq, change: impl FnOnce(&mut Job)) {
        let holds = |job: &Job| job.live_lease().is_some_and(|lease| lease.token == token);
        if self.get(id).is_some_and(holds) {
            self.change(record, id, change);
        }
    }

    fn change(&mut self, record: &Record, id: &JobId, change: impl FnOnce(&mut Job)) {
        let Some(before) = self.table.get(id).cloned() else { return };
        let mut after = before.clone();
        change(&mut after);
        if after == before {
            return;
        }
        (after.changed_seq, after.changed_at) = (record.seq, record.draft.recorded_at);
        self.remove_index(&before);
        self.insert_index(&after);
        self.table.put(id.clone(), after);
        while self.finished.len() > FINISHED_JOBS_MAX {
            let Some((_, oldest)) = self.finished.pop_first() else { return };
            self.table.remove(&oldest);
        }
    }

    fn insert_index(&mut self, job: &Job) {
        match job.state {
            JobState::Queued => drop(self.queued.insert((Reverse(job.priority), job.queued_seq, job.job.clone()))),
            JobState::Claimed | JobState::Running => drop(self.held.insert(job.job.clone())),
            JobState::Done | JobState::Failed | JobState::Cancelled => {
                self.finished.insert((job.changed_seq, job.job.clone()));
            }
        }
    }

    fn remove_index(&mut self, job: &Job) {
        self.queued.remove(&(Reverse(job.priority), job.queued_seq, job.job.clone()));
        self.held.remove(&job.job);
        self.finished.remove(&(job.changed_seq, job.job.clone()));
    }
}

/// Ends an attempt without a result: the job waits again, or has failed for good.
fn give_back(job: &mut Job, retry: bool, error: &str) {
    job.error = Some(error.to_owned());
    if retry && job.attempts < job.attempts_max {
        job.state = JobState::Queued;
        job.lease = None;
    } else {
        job.state = JobState::Failed;
    }
}
