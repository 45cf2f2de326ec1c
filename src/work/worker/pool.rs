//! The workers of a node: kept while they behave, one job each at a time.

use std::collections::BTreeSet;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::{Semaphore, mpsc};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::error::WorkerError;
use super::process::{JobEnd, WorkerEvent, WorkerProcess};
use super::program::{WorkerLimits, WorkerProgram};
use crate::event::jobs::{JobKind, JobSpec};
use crate::work::protocol::Assignment;

/// Gives jobs to worker processes. At most `slots` jobs run at a time; further ones wait. Idle workers are kept, at
/// most `slots` of each program.
pub struct WorkerPool {
    limits: WorkerLimits,
    slots: usize,
    running: Semaphore,
    programs: Mutex<Vec<Program>>,
    stopping: CancellationToken,
    /// Workers that are on their way out.
    exits: TaskTracker,
}

/// A program with its idle workers.
struct Program {
    program: WorkerProgram,
    /// What it said it runs; none until it said hello once.
    offer: Option<Offer>,
    idle: Vec<WorkerProcess>,
    failures: u32,
    not_before: Instant,
    starting: bool,
}

#[derive(Clone, Default)]
struct Offer {
    kinds: BTreeSet<JobKind>,
    programs: BTreeSet<String>,
}

impl Offer {
    fn fits(&self, spec: &JobSpec) -> bool {
        self.kinds.contains(&spec.kind())
            && match spec {
                JobSpec::External(external) => self.programs.contains(&external.program),
                _ => true,
            }
    }
}

/// A place in the list of programs.
type Index = usize;

impl WorkerPool {
    /// A pool of these programs. Nothing is started before [`WorkerPool::tend`].
    pub fn new(programs: Vec<WorkerProgram>, slots: usize, limits: WorkerLimits) -> WorkerPool {
        let programs = programs.into_iter().map(|program| Program {
            program,
            offer: None,
            idle: vec![],
            failures: 0,
            not_before: Instant::now(),
            starting: false,
        });
        WorkerPool {
            limits,
            slots,
            running: Semaphore::new(slots),
            programs: Mutex::new(programs.collect()),
            stopping: CancellationToken::new(),
            exits: TaskTracker::new(),
        }
    }

    /// Jobs that run at a time.
    pub fn slots(&self) -> usize {
        self.slots
    }

    /// Starts one worker of each program that has none and is not left alone after a failure. Failures are logged and
    /// counted. Call it at the start and now and then.
    pub async fn tend(&self) {
        let due: Vec<(Index, WorkerProgram)> = {
            let mut programs = self.programs();
            let now = Instant::now();
            let due = programs
                .iter_mut()
                .enumerate()
                .filter(|(_, program)| program.offer.is_none() && !program.starting && program.not_before <= now);
            due.map(|(index, program)| {
                program.starting = true;
                (index, program.program.clone())
            })
            .collect()
        };
        for (index, program) in due {
            let started = tokio::select! {
                started = WorkerProcess::start(&program, self.limits) => started,
                () = self.stopping.cancelled() => Err(WorkerError::Cancelled),
            };
            self.programs()[index].starting = false;
            match started {
                Ok(worker) => self.put_back(index, worker),
                Err(WorkerError::Cancelled) => return,
                Err(error) => self.failed(index, &error),
            }
        }
    }

    /// Kinds of jobs that can be claimed now: those of programs that work.
    pub fn kinds(&self) -> BTreeSet<JobKind> {
        self.offers().into_iter().flat_map(|offer| offer.kinds).collect()
    }

    /// Programs of external jobs that can be claimed now.
    pub fn programs_offered(&self) -> BTreeSet<String> {
        self.offers().into_iter().flat_map(|offer| offer.programs).collect()
    }

    /// Runs a job on a worker of the right kind: an idle one, or a fresh one. Waits for a free slot, and while the
    /// program is left alone after a failure. `events` hears of its course; `cancel` stops it.
    ///
    /// # Errors
    /// [`WorkerError::Unfit`] when no program runs such a job, [`WorkerError::Cancelled`], or how the worker failed.
    pub async fn run(
        &self,
        assignment: &Assignment,
        events: &mpsc::Sender<WorkerEvent>,
        cancel: &CancellationToken,
    ) -> Result<JobEnd, WorkerError> {
        let index = self.index_for(&assignment.spec)?;
        let (_slot, mut worker) = tokio::select! {
            found = async {
                let slot = self.running.acquire().await.map_err(|_| WorkerError::Cancelled)?;
                Ok::<_, WorkerError>((slot, self.check_out(index).await?))
            } => found?,
            () = cancel.cancelled() => return Err(WorkerError::Cancelled),
        };
        match worker.run(assignment, events, cancel).await {
            Ok(end) => {
                self.put_back(index, worker);
                Ok(end)
            }
            Err(error) => {
                self.failed(index, &error);
                Err(error)
            }
        }
    }

    /// Stops all idle workers, and refuses jobs from now on. Workers with a job end with it: cancel the jobs first.
    pub async fn stop(&self) {
        self.stopping.cancel();
        self.running.close();
        let idle: Vec<WorkerProcess> =
            self.programs().iter_mut().flat_map(|program| std::mem::take(&mut program.idle)).collect();
        for worker in idle {
            self.exits.spawn(worker.stop());
        }
        self.exits.close();
        self.exits.wait().await;
    }

    fn index_for(&self, spec: &JobSpec) -> Result<Index, WorkerError> {
        let programs = self.programs();
        let fits = |program: &Program| program.offer.as_ref().is_some_and(|offer| offer.fits(spec));
        let unfit = || WorkerError::Unfit {
            what: match spec {
                JobSpec::External(external) => format!("the external program {:?}", external.program),
                other => format!("jobs of kind {}", other.kind().name()),
            },
        };
        programs.iter().position(fits).ok_or_else(unfit)
    }

    async fn check_out(&self, index: Index) -> Result<WorkerProcess, WorkerError> {
        let (program, not_before) = {
            let mut programs = self.programs();
            let program = &mut programs[index];
            while let Some(mut worker) = program.idle.pop() {
                if worker.is_usable() {
                    return Ok(worker);
                }
            }
            (program.program.clone(), program.not_before)
        };
        tokio::time::sleep_until(not_before).await;
        WorkerProcess::start(&program, self.limits).await.inspect_err(|error| self.failed(index, error))
    }

    fn put_back(&self, index: Index, mut worker: WorkerProcess) {
        let mut programs = self.programs();
        let program = &mut programs[index];
        program.failures = 0;
        let offer = Offer {
            kinds: worker.kinds().iter().copied().filter(|kind| *kind != JobKind::Verify).collect(),
            programs: worker.programs().iter().cloned().collect(),
        };
        program.offer = Some(offer);
        if self.stopping.is_cancelled() || !worker.is_usable() || program.idle.len() >= self.slots {
            drop(programs);
            self.exits.spawn(worker.stop());
        } else {
            program.idle.push(worker);
        }
    }

    fn failed(&self, index: Index, error: &WorkerError) {
        let mut programs = self.programs();
        let program = &mut programs[index];
        program.failures = program.failures.saturating_add(1);
        let wait = self.limits.backoff.after(program.failures);
        program.not_before = Instant::now() + wait;
        let (failures, wait_ms) = (program.failures, wait.as_millis());
        tracing::warn!(program = program.program.name, %error, failures, wait_ms, "worker program left alone");
    }

    fn offers(&self) -> Vec<Offer> {
        let now = Instant::now();
        let programs = self.programs();
        let working = programs.iter().filter(|program| program.not_before <= now);
        working.filter_map(|program| program.offer.clone()).collect()
    }

    /// Plain data: nothing panics while holding this lock.
    fn programs(&self) -> MutexGuard<'_, Vec<Program>> {
        self.programs.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
