//! Shows that work goes on, when somebody watches.

use std::io::IsTerminal;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// A bar on stderr. It draws nothing when stderr is not a terminal, and is removed when it is dropped.
#[derive(Debug)]
pub struct Progress {
    bar: ProgressBar,
}

impl Progress {
    /// A bar for `total` steps of something, such as `events`; a spinner when the total is unknown.
    pub fn new(total: Option<u64>, unit: &str) -> Progress {
        let target = if std::io::stderr().is_terminal() {
            ProgressDrawTarget::stderr_with_hz(10)
        } else {
            ProgressDrawTarget::hidden()
        };
        let bar = ProgressBar::with_draw_target(total, target);
        let template = match total {
            Some(_) => format!("{{bar:30}} {{human_pos}}/{{human_len}} {unit}, {{per_sec}}, {{eta}} left {{msg}}"),
            None => format!("{{spinner}} {{human_pos}} {unit}, {{per_sec}} {{msg}}"),
        };
        bar.set_style(ProgressStyle::with_template(&template).unwrap_or_else(|_| ProgressStyle::default_bar()));
        Progress { bar }
    }

    /// `steps` more are done.
    pub fn advance(&self, steps: u64) {
        self.bar.inc(steps);
    }

    /// So many are done in all.
    pub fn set(&self, position: u64) {
        self.bar.set_position(position);
    }

    /// Words beside the bar.
    pub fn say(&self, words: impl Into<String>) {
        self.bar.set_message(words.into());
    }

    /// Steps done so far.
    pub fn position(&self) -> u64 {
        self.bar.position()
    }

    /// Time since the bar was made.
    pub fn elapsed(&self) -> Duration {
        self.bar.elapsed()
    }

    /// Removes the bar and says what was done, such as `120,000 events in 1.2s (100,000/s)`.
    pub fn finish(self, unit: &str) -> String {
        let (count, elapsed) = (self.bar.position(), self.bar.elapsed());
        let rate = (count as f64 / elapsed.as_secs_f64().max(1e-6)) as u64;
        let (count, rate) = (indicatif::HumanCount(count), indicatif::HumanCount(rate));
        format!("{count} {unit} in {:.1}s ({rate}/s)", elapsed.as_secs_f64())
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_counts_even_when_it_is_not_drawn() {
        let progress = Progress::new(Some(10), "events");
        progress.advance(3);
        progress.set(7);
        assert_eq!(progress.position(), 7);
        assert!(progress.finish("events").starts_with("7 events in "));
    }
}
