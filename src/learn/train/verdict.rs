//! What a run has to show in the end: weights that know at least about as much of the held-out games as those it began with.

use crate::learn::curve::Point;

/// With fewer held-out positions nothing is concluded: a few games say little.
pub(super) const POSITIONS_MIN: usize = 64;
/// By so many nats the policy's loss may always rise: other games, another average.
const RISE_MAX: f64 = 0.1;

/// What is wrong with a run, if anything is: its best look at the held-out games has lost more than half of what the parent knew of the
/// policy, that is of the way from the loss of uniform shares (`chance`) to the parent's, and more than noise.
///
/// A run from random weights has nothing to lose, and fails only when it knows less than nothing. Values are not judged: to say nothing of
/// the winner is often the best that the first games teach.
pub(super) fn fault(parent: &Point, best: Option<&Point>, chance: f64) -> Option<String> {
    let known = (chance - parent.policy).max(0.0);
    let limit = parent.policy + RISE_MAX.max(known / 2.0);
    let policy = best.map_or(f64::NAN, |best| best.policy);
    // A loss that is no number is above every limit.
    (policy.is_nan() || policy > limit).then(|| {
        format!(
            "the policy's loss on held-out games was {:.3} before the run and is {policy:.3} at best after it, where uniform shares have {chance:.3}",
            parent.policy
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn point(policy: f64) -> Point {
        Point { step: 5, policy, value: 0.7, margin: 0.0 }
    }

    #[test]
    fn a_run_fails_when_it_lost_half_of_what_its_parent_knew() {
        for (parent, best, chance, fails) in [
            // A champion: better, a little worse, half gone, at chance, beyond.
            (1.0, 0.9, 1.9, false),
            (1.0, 1.05, 1.9, false),
            (1.0, 1.44, 1.9, false),
            (1.0, 1.46, 1.9, true),
            (1.0, 1.9, 1.9, true),
            (1.0, f64::NAN, 1.9, true),
            // Random weights know nothing; to know nothing is no collapse.
            (1.95, 1.2, 1.9, false),
            (1.95, 1.95, 1.9, false),
            (1.9, 1.99, 1.9, false),
            (1.9, 2.1, 1.9, true),
        ] {
            let fault = fault(&point(parent), Some(&point(best)), chance);
            assert_eq!(fault.is_some(), fails, "from {parent} to {best} of {chance}: {fault:?}");
        }
        assert!(fault(&point(1.0), None, 1.9).is_some(), "no look was finite");
    }
}
