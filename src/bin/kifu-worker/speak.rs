//! What the worker says: one line a message on stdout, and nothing else.

use std::io::{self, Write};
use std::time::{Duration, Instant};

use kifu::event::training::TrainingProgress;
use kifu::event::{JobId, Seq};
use kifu::work::InferenceUsage;
use kifu::work::protocol::FromWorker;

/// Time between two signs of life that carry no news.
const SIGN_OF_LIFE_INTERVAL: Duration = Duration::from_secs(1);

/// Writes lines.
pub struct Speaker<W> {
    out: W,
}

/// Writes the progress of one job.
pub struct Reporter<'a, W> {
    speaker: &'a mut Speaker<W>,
    job: JobId,
    token: Seq,
    last: Instant,
    broken: Option<io::Error>,
}

impl<W: Write> Speaker<W> {
    pub fn new(out: W) -> Speaker<W> {
        Speaker { out }
    }

    /// Says one thing, at once.
    pub fn say(&mut self, message: &FromWorker) -> io::Result<()> {
        let mut line = serde_json::to_vec(message).map_err(io::Error::other)?;
        line.push(b'\n');
        self.out.write_all(&line)?;
        self.out.flush()
    }

    /// Progress of this job.
    pub fn reporter(&mut self, job: JobId, token: Seq) -> Reporter<'_, W> {
        Reporter { speaker: self, job, token, last: Instant::now(), broken: None }
    }
}

/// What a job can say on its way.
pub trait Report {
    /// A sign of life, with the share done; written when the last one is a second old.
    fn alive(&mut self, done: Option<f64>);

    /// The same while games are played, with how the net is used.
    fn played(&mut self, done: f64, usage: &mut dyn FnMut() -> Option<InferenceUsage>);

    /// News of a training run; always written.
    fn trained(&mut self, progress: TrainingProgress);
}

impl<W: Write> Reporter<'_, W> {
    fn send(&mut self, training: Option<TrainingProgress>, done: Option<f64>, inference: Option<InferenceUsage>) {
        let message = FromWorker::Progress { job: self.job.clone(), token: self.token, training, done, inference };
        if let Err(error) = self.speaker.say(&message) {
            self.broken.get_or_insert(error);
        }
        self.last = Instant::now();
    }

    /// The first failure to write.
    pub fn into_result(self) -> io::Result<()> {
        self.broken.map_or(Ok(()), Err)
    }
}

impl<W: Write> Report for Reporter<'_, W> {
    fn alive(&mut self, done: Option<f64>) {
        if self.last.elapsed() >= SIGN_OF_LIFE_INTERVAL {
            self.send(None, done, None);
        }
    }

    fn played(&mut self, done: f64, usage: &mut dyn FnMut() -> Option<InferenceUsage>) {
        if self.last.elapsed() >= SIGN_OF_LIFE_INTERVAL {
            self.send(None, Some(done), usage());
        }
    }

    fn trained(&mut self, progress: TrainingProgress) {
        let done = f64::from(progress.step) / f64::from(progress.steps.max(1));
        self.send(Some(progress), Some(done), None);
    }
}
