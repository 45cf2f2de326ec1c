//! When a run has learned what it can: early stopping on the validation loss.

/// The least fall of the loss that counts, as a share of the best so far.
const FALL_MIN: f64 = 1e-4;

/// Looks at the validation loss so far.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(in crate::learn) struct Stopping {
    /// Looks in a row without a better loss after which the run stops.
    pub patience: u32,
    /// The step and the loss of the best look.
    pub best: Option<(u32, f64)>,
    /// Looks in a row that were no better.
    pub worse: u32,
}

impl Stopping {
    pub fn new(patience: u32) -> Stopping {
        Stopping { patience, best: None, worse: 0 }
    }

    /// Takes note of a look. True when it is the best so far.
    pub fn look(&mut self, step: u32, loss: f64) -> bool {
        let lower = self.best.is_none_or(|(_, best)| loss < best - FALL_MIN * best.abs());
        let better = loss.is_finite() && lower;
        self.worse = if better { 0 } else { self.worse + 1 };
        if better {
            self.best = Some((step, loss));
        }
        better
    }

    /// Whether the run should stop.
    pub fn is_over(&self) -> bool {
        self.patience > 0 && self.worse >= self.patience
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_stops_after_enough_looks_that_were_no_better() {
        let mut stopping = Stopping::new(2);
        for (step, loss, better, over) in [
            (1, 2.0, true, false),
            (2, 1.0, true, false),
            (3, 1.0, false, false),
            (4, 0.9, true, false),
            (5, 0.95, false, false),
            (6, f64::NAN, false, true),
        ] {
            assert_eq!((stopping.look(step, loss), stopping.is_over()), (better, over), "step {step}");
        }
        assert_eq!(stopping.best, Some((4, 0.9)));
    }

    #[test]
    fn without_patience_no_run_stops_early() {
        let mut stopping = Stopping::new(0);
        (0..100).for_each(|step| assert!(stopping.look(step, 1.0) == (step == 0) && !stopping.is_over()));
    }
}
