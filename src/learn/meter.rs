//! When a training run reports, and the figures of the report.

use std::time::{Duration, Instant};

use super::train::StepLosses;
use crate::event::training::TrainingProgress;
use crate::event::unit::Real;

/// A report is due after so many steps …
const STEPS_MAX: u32 = 25;
/// … or after this time.
const INTERVAL_MAX: Duration = Duration::from_secs(1);

/// Sums of the steps since the last report.
#[derive(Debug)]
pub(super) struct Meter {
    steps_total: u32,
    batch: usize,
    since: Instant,
    steps: u32,
    policy: f64,
    value: f64,
}

impl Meter {
    pub fn new(steps_total: u32, batch: usize, now: Instant) -> Meter {
        Meter { steps_total, batch, since: now, steps: 0, policy: 0.0, value: 0.0 }
    }

    /// Counts a step.
    pub fn count(&mut self, losses: StepLosses) {
        self.steps += 1;
        self.policy += losses.policy;
        self.value += losses.value;
    }

    /// The figures since the last report, when one is due after `step` steps in all or at the end.
    pub fn report(&mut self, step: u32, done: bool, now: Instant) -> Option<TrainingProgress> {
        let elapsed = now.saturating_duration_since(self.since);
        let due = self.steps >= STEPS_MAX || elapsed >= INTERVAL_MAX || done;
        if self.steps == 0 || !due {
            return None;
        }
        let steps = f64::from(self.steps);
        let samples = steps * self.batch as f64;
        let real = |value: f64| Real::from_f64(value).unwrap_or(Real::ZERO);
        let progress = TrainingProgress {
            step,
            steps: self.steps_total,
            policy_loss: real(self.policy / steps),
            value_loss: real(self.value / steps),
            samples_per_second: real(samples / elapsed.as_secs_f64().max(1e-6)),
        };
        *self = Meter::new(self.steps_total, self.batch, now);
        Some(progress)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOSSES: StepLosses = StepLosses { policy: 2.0, value: 0.5, margin: 0.0, gradient_norm: 1.0 };

    fn after(steps: u32, total: u32, elapsed_ms: u64) -> Option<TrainingProgress> {
        let start = Instant::now();
        let mut meter = Meter::new(total, 10, start);
        (0..steps).for_each(|_| meter.count(LOSSES));
        meter.report(steps, steps >= total, start + Duration::from_millis(elapsed_ms))
    }

    #[test]
    fn reports_are_due_by_steps_by_time_and_at_the_end() {
        assert_eq!(after(24, 100, 500), None);
        assert_eq!(after(0, 100, 5_000), None);
        for (steps, total, elapsed_ms) in [(25, 100, 500), (1, 100, 1_000), (24, 24, 500)] {
            let report = after(steps, total, elapsed_ms).expect("due");
            assert_eq!((report.step, report.steps), (steps, total));
            assert_eq!((report.policy_loss, report.value_loss), (Real(2_000_000), Real(500_000)));
        }
        assert_eq!(after(25, 100, 500).expect("due").samples_per_second, Real(500 * Real::SCALE));
    }
}
