//! What the node says: read on a thread of its own, so that a job can be stopped while it runs.

use std::io::{BufRead, Read as _};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};

use kifu::event::JobId;
use kifu::work::protocol::{Assignment, LINE_BYTES_MAX, ToWorker};

/// Jobs that may wait behind the one that runs. The node sends the next one after the last answer, which it may have
/// read before the worker is back at its queue. A further one breaks the protocol.
const JOBS_WAITING_MAX: usize = 1;

/// Set when a job should stop.
#[derive(Clone, Debug, Default)]
pub struct StopFlag(Arc<AtomicBool>);

impl StopFlag {
    pub fn raise(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    pub fn is_raised(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// What the main thread has to deal with.
#[derive(Debug)]
pub enum Input {
    /// Do this job, until the flag is raised.
    Job(Box<Assignment>, StopFlag),
    /// Nothing more will come.
    End,
    /// A line made no sense.
    Broken(String),
}

/// Reads lines until the end, a `shutdown` or a line that makes no sense; each of them stops the running job too.
pub fn listen(input: impl BufRead + Send + 'static) -> Receiver<Input> {
    let (jobs, receiver) = sync_channel(JOBS_WAITING_MAX);
    std::thread::spawn(move || {
        let mut ears = Ears { input, jobs, latest: None };
        let last = match ears.hear() {
            Ok(()) => Input::End,
            Err(reason) => Input::Broken(reason),
        };
        ears.stop_latest();
        // The main thread may be gone, and then nobody needs to know.
        let _ = ears.jobs.send(last);
    });
    receiver
}

struct Ears<R> {
    input: R,
    jobs: SyncSender<Input>,
    /// The job that came last, which runs or waits or is done.
    latest: Option<(JobId, StopFlag)>,
}

impl<R: BufRead> Ears<R> {
    fn hear(&mut self) -> Result<(), String> {
        while let Some(message) = self.message()? {
            match message {
                ToWorker::Job(assignment) => self.queue(assignment)?,
                ToWorker::Cancel { job } => {
                    if self.latest.as_ref().is_some_and(|(latest, _)| *latest == job) {
                        self.stop_latest();
                    }
                }
                ToWorker::Shutdown => break,
            }
        }
        Ok(())
    }

    /// The next line; none at the end.
    fn message(&mut self) -> Result<Option<ToWorker>, String> {
        let mut line = Vec::new();
        let limit = LINE_BYTES_MAX as u64 + 1;
        self.input
            .by_ref()
            .take(limit)
            .read_until(b'\n', &mut line)
            .map_err(|error| format!("cannot read: {error}"))?;
        if line.len() > LINE_BYTES_MAX {
            return Err(format!("a line is longer than {LINE_BYTES_MAX} bytes"));
        }
        if line.is_empty() {
            return Ok(None);
        }
        serde_json::from_slice(&line).map(Some).map_err(|error| format!("a line is not a message: {error}"))
    }

    fn queue(&mut self, assignment: Box<Assignment>) -> Result<(), String> {
        let stop = StopFlag::default();
        self.latest = Some((assignment.job.clone(), stop.clone()));
        match self.jobs.try_send(Input::Job(assignment, stop)) {
            Ok(()) => Ok(()),
            Err(TrySendError::Full(_)) => Err("a job came while others wait".to_owned()),
            Err(TrySendError::Disconnected(_)) => Err("the worker is already ending".to_owned()),
        }
    }

    fn stop_latest(&self) {
        if let Some((_, stop)) = &self.latest {
            stop.raise();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Everything that comes of `text`.
    fn hear(text: &str) -> Vec<Input> {
        listen(std::io::Cursor::new(text.to_owned().into_bytes())).into_iter().collect()
    }

    fn job(name: &str) -> String {
        format!(
            r#"{{"type":"job","job":"job/{name}","token":1,"spec":{{"init_model":{{"game":"connect4","net":"tiny","seed":1}}}},"inputs":{{}},"scratch":"/tmp"}}"#
        )
    }

    #[test]
    fn the_end_and_a_shutdown_end_it() {
        for text in ["", "{\"type\":\"shutdown\"}\n", "{\"type\":\"shutdown\"}\nwhatever comes then"] {
            assert!(matches!(hear(text).as_slice(), [Input::End]), "{text}");
        }
    }

    #[test]
    fn senseless_lines_break_it() {
        let long = "x".repeat(LINE_BYTES_MAX + 1);
        for text in ["nonsense\n", "{}\n", "\n", "{\"type\":\"job\"}\n", long.as_str()] {
            assert!(matches!(hear(text).as_slice(), [Input::Broken(_)]), "{:.20}", text);
        }
    }

    #[test]
    fn a_cancel_stops_its_own_job_only() {
        for (cancelled, expect) in [("a", true), ("b", false)] {
            let text = format!("{}\n{{\"type\":\"cancel\",\"job\":\"job/{cancelled}\"}}\n", job("a"));
            let receiver = listen(std::io::Cursor::new(text.into_bytes()).chain(Forever));
            let Ok(Input::Job(_, stop)) = receiver.recv() else { panic!("a job") };
            let deadline = std::time::Instant::now() + std::time::Duration::from_secs(60);
            while expect && !stop.is_raised() && std::time::Instant::now() < deadline {
                std::thread::yield_now();
            }
            assert_eq!(stop.is_raised(), expect);
        }
    }

    /// Stdin that stays open and silent.
    struct Forever;

    impl std::io::Read for Forever {
        fn read(&mut self, _: &mut [u8]) -> std::io::Result<usize> {
            loop {
                std::thread::park();
            }
        }
    }

    impl BufRead for Forever {
        fn fill_buf(&mut self) -> std::io::Result<&[u8]> {
            loop {
                std::thread::park();
            }
        }

        fn consume(&mut self, _: usize) {}
    }
}
