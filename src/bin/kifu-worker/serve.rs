//! The worker's life: hello, then one job after the other.

use std::any::Any;
use std::cell::RefCell;
use std::io::{self, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};

use kifu::event::jobs::JobKind;
use kifu::learn::Speeds;
use kifu::work::protocol::{Assignment, FromWorker, PROTOCOL, WorkerResult};
use tch::Device;

use super::args::Args;
use super::device;
use super::job::{self, JobError, Workshop};
use super::listen::{Input, listen};
use super::speak::Speaker;

/// Why the worker cannot go on.
pub enum Broken {
    /// Stdin made no sense.
    Protocol(String),
    /// Stdout is gone.
    Output(io::Error),
}

impl From<io::Error> for Broken {
    fn from(error: io::Error) -> Broken {
        Broken::Output(error)
    }
}

/// Serves the node at stdin and stdout until it says that this is all.
pub fn serve(args: &Args, device: Device) -> Result<(), Broken> {
    let mut speaker = Speaker::new(io::stdout().lock());
    speaker.say(&hello(device))?;
    let speeds = RefCell::new(Speeds::new(args.concurrent.untimed()));
    let inputs = listen(io::BufReader::new(io::stdin()));
    for input in inputs {
        match input {
            Input::Job(assignment, stop) => {
                let workshop = Workshop { args, device, assignment: &assignment, stop: &stop, speeds: &speeds };
                run(&workshop, &mut speaker)?;
            }
            Input::End => break,
            Input::Broken(reason) => return Err(Broken::Protocol(reason)),
        }
    }
    Ok(())
}

fn hello(device: Device) -> FromWorker {
    FromWorker::Hello {
        protocol: PROTOCOL,
        worker: format!("kifu-worker {} on {}", env!("CARGO_PKG_VERSION"), device::name(device)),
        kinds: vec![JobKind::SelfPlay, JobKind::InitModel, JobKind::Train, JobKind::Gauntlet],
        programs: vec![],
    }
}

/// Runs one job and says how it ended. A panic ends the job, not the worker.
fn run<W: Write>(workshop: &Workshop<'_>, speaker: &mut Speaker<W>) -> io::Result<()> {
    let Assignment { job, token, spec, .. } = workshop.assignment;
    let _span = tracing::info_span!("job", job = %job, kind = spec.kind().name()).entered();
    tracing::info!("job begins");
    let mut reporter = speaker.reporter(job.clone(), *token);
    let outcome = contain(|| job::run(workshop, &mut reporter));
    reporter.into_result()?;
    let (job, token) = (job.clone(), *token);
    match outcome {
        Ok(result) => {
            tracing::info!("job done");
            speaker.say(&FromWorker::Result { job, token, result })
        }
        Err(JobError { message, retry }) => {
            tracing::warn!(retry, "job failed: {message}");
            speaker.say(&FromWorker::Error { job, token, message, retry })
        }
    }
}

/// Makes an error of a panic.
fn contain(job: impl FnOnce() -> Result<WorkerResult, JobError>) -> Result<WorkerResult, JobError> {
    catch_unwind(AssertUnwindSafe(job)).unwrap_or_else(|panic| Err(JobError::passing(describe(panic.as_ref()))))
}

fn describe(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str).or_else(|| panic.downcast_ref::<&str>().copied());
    format!("the worker panicked: {}", text.unwrap_or("without a message"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_is_an_error_that_another_attempt_may_avoid() {
        for (panics, expect) in [
            ((|| panic!("a bug")) as fn() -> Result<WorkerResult, JobError>, "the worker panicked: a bug"),
            (|| panic!("bug {}", 7), "the worker panicked: bug 7"),
            (|| std::panic::panic_any(7), "the worker panicked: without a message"),
        ] {
            let error = contain(panics).expect_err("panics");
            assert_eq!((error.message.as_str(), error.retry), (expect, true));
        }
    }
}
