//! What a worker writes to stderr goes to the node's log; the last lines are kept for the report of its death.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::process::ChildStderr;

use super::lines::{Line, LineReader};

/// The longest line that is logged; the rest of a longer one is dropped.
const LINE_BYTES_MAX: usize = 4_096;
/// Lines logged in a second; a worker that says more is not heard until the next one.
const LINES_PER_SECOND_MAX: u32 = 100;
/// Lines kept for the report.
const TAIL_LINES: usize = 6;

/// The last lines.
#[derive(Clone, Default)]
pub(super) struct StderrTail(Arc<Mutex<VecDeque<String>>>);

impl StderrTail {
    /// Reads a worker's stderr to its end in a task of its own.
    pub(super) fn follow(program: String, stderr: ChildStderr) -> (StderrTail, tokio::task::JoinHandle<()>) {
        let tail = StderrTail::default();
        let task = tokio::spawn(read(program, stderr, tail.clone()));
        (tail, task)
    }

    /// The last lines as the end of a sentence: `; it said: …`, or nothing.
    pub(super) fn words(&self) -> String {
        let lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match lines.iter().cloned().collect::<Vec<_>>().join(" | ") {
            words if words.is_empty() => words,
            words => format!("; it said: {words}"),
        }
    }

    fn push(&self, line: String) {
        let mut lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if lines.len() == TAIL_LINES {
            lines.pop_front();
        }
        lines.push_back(line);
    }
}

async fn read(program: String, stderr: ChildStderr, tail: StderrTail) {
    let mut reader = LineReader::new(stderr, LINE_BYTES_MAX);
    let mut second = Instant::now();
    let mut logged = 0;
    loop {
        let (bytes, end) = match reader.next().await {
            Ok(Line::Whole(bytes) | Line::TooLong(bytes)) => (bytes, false),
            Ok(Line::End(bytes)) => (bytes, true),
            Err(_) => return,
        };
        if !bytes.is_empty() {
            let line = excerpt(&bytes, LINE_BYTES_MAX);
            if second.elapsed() > Duration::from_secs(1) {
                (second, logged) = (Instant::now(), 0);
            }
            logged += 1;
            match logged {
                ..LINES_PER_SECOND_MAX => tracing::info!(target: "kifu::worker", program, "{line}"),
                LINES_PER_SECOND_MAX => {
                    tracing::warn!(target: "kifu::worker", program, "says too much; some lines are dropped")
                }
                _ => {}
            }
            tail.push(line);
        }
        if end {
            return;
        }
    }
}

/// The start of some bytes as printable text.
pub(super) fn excerpt(bytes: &[u8], max: usize) -> String {
    let text = String::from_utf8_lossy(&bytes[..bytes.len().min(max)]);
    text.chars().map(|letter| if letter.is_control() { ' ' } else { letter }).collect()
}
