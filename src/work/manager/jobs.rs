//! Which leases this node holds, and what is to be done about each. Pure bookkeeping.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use tokio_util::sync::CancellationToken;

use crate::event::command::Command;
use crate::event::jobs::JobSpec;
use crate::event::training::TrainingPlan;
use crate::event::{Hash, JobId, Proposal, Real, Seq};
use crate::game::record::Due;
use crate::work::inference::InferenceUsage;

/// A job whose lease this node holds, as the log says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Assigned {
    /// The job.
    pub job: JobId,
    /// The lease's fencing token.
    pub token: Seq,
    /// What is to be done.
    pub spec: JobSpec,
    /// What a training run is, when it was planned.
    pub plan: Option<Box<TrainingPlan>>,
    /// What a game of each batch weighs, when a training run's dataset was weighed.
    pub weights: BTreeMap<Hash, Real>,
    /// True for self-play in which the game's own judgement plays instead of the model.
    pub taught: bool,
    /// What the games that are to be verified were to be, when that is known.
    pub due: Option<Due>,
    /// True when the log says that it has started.
    pub started: bool,
}

/// A job that runs, or is getting its inputs.
pub(super) struct Running {
    pub(super) job: JobId,
    /// Stops the job.
    pub(super) cancel: CancellationToken,
    /// Says that the lease is gone.
    pub(super) lost: CancellationToken,
    /// Cuts the job's task off.
    pub(super) abort: Option<tokio::task::AbortHandle>,
    /// How its worker uses its net, as it said last.
    pub(super) inference: LastInference,
}

/// What a worker said last of its net; none before it has said anything.
pub(super) type LastInference = Arc<Mutex<Option<InferenceUsage>>>;

/// What to do about a lease that is new here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Todo {
    /// Run the job.
    Start(Assigned),
    /// Say that it cannot be run here, and why.
    GiveBack(Assigned, &'static str),
}

impl Running {
    /// A job whose task is about to start.
    pub(super) fn new(job: JobId) -> Running {
        let (cancel, lost) = (CancellationToken::new(), CancellationToken::new());
        Running { job, cancel, lost, abort: None, inference: LastInference::default() }
    }
}

impl Todo {
    /// The lease whose job is to be started, if that is to be done.
    pub(super) fn start(&self) -> Option<&Assigned> {
        match self {
            Todo::Start(lease) => Some(lease),
            Todo::GiveBack(..) => None,
        }
    }
}

/// The leases of this node, by token.
#[derive(Default)]
pub(super) struct Jobs {
    pub(super) running: BTreeMap<Seq, Running>,
    /// Leases whose last word is in the outbox, while the log does not have it yet.
    closed: BTreeSet<Seq>,
    /// Leases whose start is in the outbox from before this process.
    started_before: BTreeSet<Seq>,
    pub(super) stopping: bool,
}

impl Jobs {
    /// What the reports of an earlier process say.
    pub(super) fn after(pending: &[Proposal]) -> Jobs {
        let mut jobs = Jobs::default();
        for proposal in pending {
            match &proposal.command {
                Command::CompleteJob(complete) => jobs.closed.insert(complete.lease.token),
                Command::FailJob(fail) => jobs.closed.insert(fail.lease.token),
                Command::StartJob(lease) => jobs.started_before.insert(lease.token),
                _ => false,
            };
        }
        jobs
    }

    /// Compares with what is assigned now: says what is new, and stops what is gone.
    pub(super) fn compare(&mut self, assigned: &[Assigned]) -> Vec<Todo> {
        let tokens: BTreeSet<Seq> = assigned.iter().map(|lease| lease.token).collect();
        self.closed.retain(|token| tokens.contains(token));
        self.started_before.retain(|token| tokens.contains(token));
        for (token, running) in &self.running {
            if !tokens.contains(token) && !running.lost.is_cancelled() {
                tracing::info!(job = %running.job, %token, "the lease is gone: the job is stopped");
                running.lost.cancel();
                running.cancel.cancel();
            }
        }
        let fresh = assigned
            .iter()
            .filter(|lease| !self.running.contains_key(&lease.token) && !self.closed.contains(&lease.token));
        let todo: Vec<Todo> = fresh.cloned().map(|lease| self.judge(lease)).collect();
        for item in &todo {
            if let Todo::GiveBack(lease, _) = item {
                self.closed.insert(lease.token);
            }
        }
        todo
    }

    /// The lease's last word is in the outbox.
    pub(super) fn close(&mut self, token: Seq) {
        if let Some(running) = self.running.remove(&token)
            && !running.lost.is_cancelled()
        {
            self.closed.insert(token);
        }
    }

    fn judge(&self, lease: Assigned) -> Todo {
        if self.stopping {
            Todo::GiveBack(lease, "the node is stopping")
        } else if lease.started || self.started_before.contains(&lease.token) {
            // The worker of the earlier process died with it.
            Todo::GiveBack(lease, "the node restarted")
        } else {
            Todo::Start(lease)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::command::{FailJob, LeaseHolder};
    use crate::event::jobs::InitModelSpec;
    use crate::event::{GameKey, Millis, NodeId};

    fn lease(token: u64, started: bool) -> Assigned {
        let spec = InitModelSpec { game: GameKey("connect4".to_owned()), net: "tiny".to_owned(), seed: token };
        let (job, spec) = (JobId::new(token), JobSpec::InitModel(spec));
        Assigned {
            job,
            token: Seq(token),
            spec,
            plan: None,
            weights: BTreeMap::new(),
            taught: false,
            due: None,
            started,
        }
    }

    fn holder(token: u64) -> LeaseHolder {
        LeaseHolder { job: JobId::new(token), host: NodeId(1), token: Seq(token) }
    }

    fn proposal(command: Command) -> Proposal {
        Proposal { origin: NodeId(1), origin_seq: 1, observed_at: Millis(0), caused_by: vec![], command }
    }

    fn run(jobs: &mut Jobs, token: u64) -> CancellationToken {
        let running = Running::new(JobId::new(token));
        let cancel = running.cancel.clone();
        jobs.running.insert(Seq(token), running);
        cancel
    }

    #[test]
    fn a_lease_is_started_once_and_not_again_after_its_last_word() {
        let mut jobs = Jobs::default();
        assert_eq!(jobs.compare(&[lease(5, false)]), [Todo::Start(lease(5, false))]);
        run(&mut jobs, 5);
        assert_eq!(jobs.compare(&[lease(5, true)]), []);
        jobs.close(Seq(5));
        assert_eq!(jobs.compare(&[lease(5, true)]), [], "the log does not have the result yet");
        assert_eq!(jobs.compare(&[]), []);
        assert!(jobs.closed.is_empty(), "what the log has is forgotten");
    }

    #[test]
    fn a_lease_that_is_gone_stops_its_job_and_a_new_one_starts_it_anew() {
        let mut jobs = Jobs::default();
        jobs.compare(&[lease(5, false)]);
        let cancel = run(&mut jobs, 5);
        let renewed = Assigned { job: JobId::new(5), ..lease(9, false) };
        assert_eq!(jobs.compare(std::slice::from_ref(&renewed)), [Todo::Start(renewed)]);
        assert!(cancel.is_cancelled());
    }

    #[test]
    fn after_a_restart_started_jobs_are_given_back_and_reported_ones_left_alone() {
        let fail = FailJob { lease: holder(3), error: "why".to_owned(), retry: true };
        let pending = [proposal(Command::FailJob(fail)), proposal(Command::StartJob(holder(4)))];
        let mut jobs = Jobs::after(&pending);
        let view = [lease(3, true), lease(4, false), lease(5, true), lease(6, false)];
        let restarted = "the node restarted";
        let todo = [
            Todo::GiveBack(lease(4, false), restarted),
            Todo::GiveBack(lease(5, true), restarted),
            Todo::Start(lease(6, false)),
        ];
        assert_eq!(jobs.compare(&view), todo);
        run(&mut jobs, 6);
        assert_eq!(jobs.compare(&view), [], "each is given back once");
    }

    #[test]
    fn a_node_that_stops_takes_nothing_new() {
        let mut jobs = Jobs { stopping: true, ..Jobs::default() };
        assert_eq!(jobs.compare(&[lease(5, false)]), [Todo::GiveBack(lease(5, false), "the node is stopping")]);
    }
}
