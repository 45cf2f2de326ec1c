//! A bound on log lines that strangers can cause.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::limits::WARNINGS_PER_SECOND_MAX;

/// Lets [`WARNINGS_PER_SECOND_MAX`] pass each second and counts the rest.
#[derive(Debug, Default)]
pub(super) struct Throttle {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    second_began: Option<Instant>,
    passed: u32,
    withheld: u64,
}

impl Throttle {
    /// Whether one more may pass now; if so, how many were withheld since the last.
    pub(super) fn pass(&self, now: Instant) -> Option<u64> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let fresh = state.second_began.is_none_or(|began| now.duration_since(began) >= Duration::from_secs(1));
        if fresh {
            state.second_began = Some(now);
            state.passed = 0;
        }
        if state.passed == WARNINGS_PER_SECOND_MAX {
            state.withheld += 1;
            return None;
        }
        state.passed += 1;
        Some(std::mem::take(&mut state.withheld))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lets_a_few_pass_each_second_and_tells_how_many_it_withheld() {
        let throttle = Throttle::default();
        let start = Instant::now();
        let passed = (0..25).filter(|_| throttle.pass(start).is_some()).count();
        assert_eq!(passed, WARNINGS_PER_SECOND_MAX as usize);
        assert_eq!(throttle.pass(start + Duration::from_secs(1)), Some(15));
        assert_eq!(throttle.pass(start + Duration::from_secs(1)), Some(0));
    }
}
