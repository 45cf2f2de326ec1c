//! One worker process.

use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use tokio::io::AsyncWriteExt;
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;

use super::check;
use super::error::WorkerError;
use super::group::Group;
use super::lines::{Line, LineReader};
use super::program::{WorkerLimits, WorkerProgram};
use super::stderr::{StderrTail, excerpt};
use crate::event::jobs::{JobKind, JobSpec};
use crate::event::training::TrainingProgress;
use crate::work::inference::InferenceUsage;
use crate::work::protocol::{Assignment, FromWorker, LINE_BYTES_MAX, PROTOCOL, ToWorker, WorkerResult};

/// Events that wait for whoever started the job. Progress that comes while this many wait is dropped.
pub const EVENTS_MAX: usize = 64;
/// Bytes of a bad line that an error shows.
const EXCERPT_BYTES: usize = 120;

/// What happens while a job runs.
#[derive(Clone, Debug, PartialEq)]
pub enum WorkerEvent {
    /// The worker has the job. Always the first event.
    Started,
    /// It goes on.
    Progress {
        /// Figures of a training run.
        training: Option<TrainingProgress>,
        /// Share done, from 0 to 1.
        done: Option<f64>,
    },
    /// How the worker uses its net.
    Inference(InferenceUsage),
}

/// How a job ended, for a worker that keeps the protocol.
#[derive(Clone, Debug, PartialEq)]
pub enum JobEnd {
    /// With a result. Its files lie in the scratch folder and were checked.
    Done(Box<WorkerResult>),
    /// With the worker's own error.
    Failed {
        /// What went wrong, in words.
        message: String,
        /// False when another attempt cannot help.
        retry: bool,
    },
    /// The worker stopped it because it was told to.
    Cancelled,
}

/// A running worker. Dropping it kills its process group.
pub struct WorkerProcess {
    program: String,
    limits: WorkerLimits,
    child: Child,
    group: Group,
    stdin: Option<ChildStdin>,
    lines: LineReader<ChildStdout>,
    stderr: StderrTail,
    stderr_task: tokio::task::JoinHandle<()>,
    worker: String,
    kinds: Vec<JobKind>,
    programs: Vec<String>,
    jobs: u32,
    usable: bool,
}

impl WorkerProcess {
    /// Starts a program in a process group of its own and waits for its hello.
    ///
    /// # Errors
    /// [`WorkerError::Start`], or why its hello was none. The process is gone then.
    pub async fn start(program: &WorkerProgram, limits: WorkerLimits) -> Result<WorkerProcess, WorkerError> {
        let mut worker = WorkerProcess::spawn(program, limits)?;
        match worker.hello().await {
            Ok(()) => {
                worker.usable = true;
                tracing::info!(program = worker.program, worker = worker.worker, "worker ready");
                Ok(worker)
            }
            Err(error) => {
                worker.kill().await;
                Err(error)
            }
        }
    }

    /// The program and version that the worker says it is.
    pub fn worker(&self) -> &str {
        &self.worker
    }

    /// Kinds of jobs that it runs.
    pub fn kinds(&self) -> &[JobKind] {
        &self.kinds
    }

    /// Which programs it is, for external jobs.
    pub fn programs(&self) -> &[String] {
        &self.programs
    }

    /// The id of its process, while it lives.
    pub fn process_id(&self) -> Option<u32> {
        self.child.id()
    }

    /// True when it said that it runs such a job.
    pub fn fits(&self, spec: &JobSpec) -> bool {
        self.kinds.contains(&spec.kind())
            && match spec {
                JobSpec::External(external) => self.programs.contains(&external.program),
                _ => true,
            }
    }

    /// True while it may be given another job: it lives, kept the protocol, and has not run too many yet.
    pub fn is_usable(&mut self) -> bool {
        self.usable && self.jobs < self.limits.jobs_max && matches!(self.child.try_wait(), Ok(None))
    }

    /// Runs a job to its end. `events` hears of its course; `cancel` asks the worker to stop it.
    ///
    /// # Errors
    /// Whatever the worker did wrong. It was killed then, and is not usable. It is not usable either when this future is
    /// dropped before its end.
    pub async fn run(
        &mut self,
        assignment: &Assignment,
        events: &mpsc::Sender<WorkerEvent>,
        cancel: &CancellationToken,
    ) -> Result<JobEnd, WorkerError> {
        self.usable = false;
        self.jobs += 1;
        let end = self.drive(assignment, events, cancel).await;
        match &end {
            Ok(_) => self.usable = true,
            Err(error) => {
                tracing::warn!(job = %assignment.job, %error, "worker failed");
                self.kill().await;
            }
        }
        end
    }

    /// Asks the worker to exit, and makes it, within three times [`WorkerLimits::exit_ms`].
    pub async fn stop(mut self) {
        // A worker that is gone already cannot be asked.
        let _ = self.send(&ToWorker::Shutdown, self.limits.exit_ms).await;
        self.stdin = None;
        if self.exited_within(self.limits.exit_ms).await.is_none() {
            self.kill().await;
        }
        self.group.kill();
    }

    fn spawn(program: &WorkerProgram, limits: WorkerLimits) -> Result<WorkerProcess, WorkerError> {
        let fail = |reason: String| WorkerError::Start {
            program: program.name.clone(),
            command: program.argv.join(" "),
            reason,
        };
        let (file, args) = program.argv.split_first().ok_or_else(|| fail("no program is configured".to_owned()))?;
        let mut child = Command::new(file)
            .args(args)
            .envs(&program.env)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .spawn()
            .map_err(|error| fail(error.to_string()))?;
        let (stdin, stdout) = (child.stdin.take(), child.stdout.take().expect("stdout is piped"));
        let (stderr, stderr_task) =
            StderrTail::follow(program.name.clone(), child.stderr.take().expect("stderr is piped"));
        Ok(WorkerProcess {
            program: program.name.clone(),
            limits,
            group: Group::of(child.id()),
            child,
            stdin,
            lines: LineReader::new(stdout, LINE_BYTES_MAX),
            stderr,
            stderr_task,
            worker: String::new(),
            kinds: vec![],
            programs: vec![],
            jobs: 0,
            usable: false,
        })
    }

    async fn hello(&mut self) -> Result<(), WorkerError> {
        let waited_ms = self.limits.hello_ms;
        let Ok(first) = timeout(Duration::from_millis(waited_ms), self.lines.next()).await else {
            return Err(WorkerError::NoHello { program: self.program.clone(), waited_ms, stderr: self.stderr.words() });
        };
        match self.message(first).await? {
            FromWorker::Hello { protocol: PROTOCOL, worker, kinds, programs } => {
                (self.worker, self.kinds, self.programs) = (worker, kinds, programs);
                Ok(())
            }
            FromWorker::Hello { protocol: theirs, .. } => {
                Err(WorkerError::Protocol { program: self.program.clone(), theirs, ours: PROTOCOL })
            }
            _ => Err(self.breach("its first line is no hello".to_owned())),
        }
    }

    async fn drive(
        &mut self,
        assignment: &Assignment,
        events: &mpsc::Sender<WorkerEvent>,
        cancel: &CancellationToken,
    ) -> Result<JobEnd, WorkerError> {
        self.send(&ToWorker::Job(Box::new(assignment.clone())), self.limits.stall_ms).await?;
        // A full or closed channel only loses news.
        let _ = events.try_send(WorkerEvent::Started);
        let mut cancelled = false;
        let mut allowed_ms = self.limits.stall_ms;
        let mut deadline = Instant::now() + Duration::from_millis(allowed_ms);
        loop {
            let line = tokio::select! {
                line = self.lines.next() => line,
                () = cancel.cancelled(), if !cancelled => {
                    cancelled = true;
                    allowed_ms = self.limits.cancel_ms;
                    deadline = Instant::now() + Duration::from_millis(allowed_ms);
                    self.send(&ToWorker::Cancel { job: assignment.job.clone() }, allowed_ms).await?;
                    continue;
                }
                () = tokio::time::sleep_until(deadline) => {
                    return Err(WorkerError::Stalled { program: self.program.clone(), waited_ms: allowed_ms });
                }
            };
            let message = self.message(line).await?;
            check::message(assignment, &message).map_err(|reason| self.breach(reason))?;
            match message {
                FromWorker::Result { result, .. } => return Ok(JobEnd::Done(Box::new(result))),
                FromWorker::Error { .. } if cancelled => return Ok(JobEnd::Cancelled),
                FromWorker::Error { message, retry, .. } => return Ok(JobEnd::Failed { message, retry }),
                FromWorker::Progress { training, done, inference, .. } => {
                    if let Some(usage) = inference {
                        let _ = events.try_send(WorkerEvent::Inference(usage));
                    }
                    let _ = events.try_send(WorkerEvent::Progress { training, done });
                }
                FromWorker::Hello { .. } => {}
            }
            if !cancelled {
                deadline = Instant::now() + Duration::from_millis(allowed_ms);
            }
        }
    }

    async fn send(&mut self, message: &ToWorker, allowed_ms: u64) -> Result<(), WorkerError> {
        let mut line = serde_json::to_vec(message).expect("messages are plain data with text keys");
        line.push(b'\n');
        let Some(stdin) = &mut self.stdin else { return Err(self.died().await) };
        let write = async {
            stdin.write_all(&line).await?;
            stdin.flush().await
        };
        match timeout(Duration::from_millis(allowed_ms), write).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) => Err(self.died().await),
            Err(_) => Err(WorkerError::Stalled { program: self.program.clone(), waited_ms: allowed_ms }),
        }
    }

    async fn message(&mut self, line: std::io::Result<Line>) -> Result<FromWorker, WorkerError> {
        let garbage = |reason: String, line: &[u8]| WorkerError::Garbage {
            program: self.program.clone(),
            reason,
            line: excerpt(line, EXCERPT_BYTES),
        };
        match line {
            Ok(Line::Whole(line)) => serde_json::from_slice(&line).map_err(|error| garbage(error.to_string(), &line)),
            Ok(Line::TooLong(line)) => Err(garbage(format!("a line is longer than {LINE_BYTES_MAX} bytes"), &line)),
            Ok(Line::End(_)) | Err(_) => Err(self.died().await),
        }
    }

    fn breach(&self, reason: String) -> WorkerError {
        WorkerError::Breach { program: self.program.clone(), reason }
    }

    /// The report of a worker whose pipes are closed. One that closed them and lives on is killed.
    async fn died(&mut self) -> WorkerError {
        let status = match self.exited_within(self.limits.exit_ms).await {
            Some(status) => status.to_string(),
            None => "it closed its pipes but did not exit".to_owned(),
        };
        self.group.kill();
        // Its last words may still be on their way.
        let _ = timeout(Duration::from_millis(self.limits.exit_ms), &mut self.stderr_task).await;
        WorkerError::Died { program: self.program.clone(), status, stderr: self.stderr.words() }
    }

    async fn kill(&mut self) {
        self.usable = false;
        self.group.terminate();
        let exited = self.exited_within(self.limits.exit_ms).await;
        self.group.kill();
        if exited.is_none() {
            // SIGKILL cannot be refused; a process in the kernel's hands may still take its time.
            let _ = self.exited_within(self.limits.exit_ms).await;
        }
    }

    async fn exited_within(&mut self, ms: u64) -> Option<ExitStatus> {
        timeout(Duration::from_millis(ms), self.child.wait()).await.ok()?.ok()
    }
}

impl Drop for WorkerProcess {
    fn drop(&mut self) {
        self.stderr_task.abort();
        self.group.kill();
    }
}
