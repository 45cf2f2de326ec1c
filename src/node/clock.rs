//! The node's clock. Time enters the house here, and nowhere below.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use crate::event::Millis;

/// Tells the time. A copy for whoever stamps events.
#[derive(Clone, Copy, Debug, Default)]
pub struct Clock;

impl Clock {
    /// Now, in milliseconds since the Unix epoch. A clock before 1970 reads as 0.
    pub fn now(&self) -> Millis {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Millis(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
    }
}

/// Beyond this the system's clock is said to have been set.
const STEP: Duration = Duration::from_secs(1);

/// A clock that follows the system's without ever jumping: where that was set, it goes at half or one and a half times its pace until both
/// agree. Whoever measures silence with it is wrong by that much at most: a clock that was set forward by an hour makes nobody look as if it
/// had been silent for an hour, and one that was set back makes nobody who is gone look alive. Clones are one clock.
#[derive(Clone, Debug, Default)]
pub struct SteadyClock(Arc<Mutex<Option<Told>>>);

/// What was told last.
#[derive(Clone, Copy, Debug)]
struct Told {
    /// The time, since the Unix epoch.
    time: Duration,
    /// When that was.
    at: Instant,
    /// Whether the system's clock was far off then.
    off: bool,
}

impl SteadyClock {
    /// Now, in milliseconds since the Unix epoch.
    pub fn now(&self) -> Millis {
        let wall = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let at = Instant::now();
        let mut told = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let next = told.map_or(Told { time: wall, at, off: false }, |told| told.then(wall, at));
        *told = Some(next);
        Millis(u64::try_from(next.time.as_millis()).unwrap_or(u64::MAX))
    }
}

impl Told {
    fn then(self, wall: Duration, at: Instant) -> Told {
        let passed = at.saturating_duration_since(self.at);
        let time = wall.clamp(self.time + passed / 2, self.time + passed * 3 / 2);
        let apart = time.abs_diff(wall);
        if apart > STEP && !self.off {
            tracing::warn!(apart_ms = apart.as_millis(), "the system's clock was set: this node's follows it slowly");
        }
        Told { time, at: self.at + passed, off: apart > STEP }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_that_was_set_is_followed_without_a_jump() {
        let (begin, second) = (Instant::now(), Duration::from_secs(1));
        for set_to in [4_000, 16_000] {
            let mut told = Told { time: 10_000 * second, at: begin, off: false };
            for passed in 1..20_000 {
                let next = told.then((set_to + passed) * second, begin + passed * second);
                let step = next.time - told.time;
                assert!((second / 2..=second * 3 / 2).contains(&step), "{step:?} in a second");
                told = next;
            }
            assert_eq!(told.time, (set_to + 19_999) * second, "in the end both agree");
            assert!(!told.off);
        }
    }

    #[test]
    fn clones_are_one_clock_and_it_begins_right() {
        let (clock, wall) = (SteadyClock::default(), Clock.now());
        let first = clock.now();
        assert!(first.since(wall) < 60_000 && wall.since(first) < 60_000);
        assert!(clock.clone().now() >= first);
    }
}
