//! How well a device is used while games are played.

use std::time::{Duration, Instant};

/// What an evaluator has done since it was made.
#[derive(Clone, Copy, Debug)]
pub struct Gauge {
    since: Instant,
    batches: u64,
    leaves: u64,
    encoding: Duration,
    running: Duration,
}

/// The figures of a gauge.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Usage {
    /// Positions evaluated a second, everything between two batches included.
    pub leaves_per_second: f64,
    /// Positions a second while the net runs: what raw batched inference would reach with the same batches.
    pub net_leaves_per_second: f64,
    /// Positions in a batch, on average.
    pub batch: f64,
    /// Share of the time in which the net runs: how close self-play comes to raw inference.
    pub net_share: f64,
    /// Share of the time in which positions are encoded; the rest is search and rules.
    pub encoding_share: f64,
    /// How long a leaf waits from the search's question to the answer, on average, in milliseconds.
    pub wait_ms: f64,
}

impl Gauge {
    /// A gauge that begins at `now`.
    pub fn new(now: Instant) -> Gauge {
        Gauge { since: now, batches: 0, leaves: 0, encoding: Duration::ZERO, running: Duration::ZERO }
    }

    /// Counts a batch of `leaves` positions that took so long to encode and to run.
    pub fn count(&mut self, leaves: usize, encoding: Duration, running: Duration) {
        self.batches += 1;
        self.leaves += leaves as u64;
        self.encoding += encoding;
        self.running += running;
    }

    /// The figures of the time from `then`, when the gauge stood as `earlier`, to `now`; none without a batch in it.
    pub fn usage_since(&self, earlier: &Gauge, then: Instant, now: Instant) -> Option<Usage> {
        let part = Gauge {
            since: then,
            batches: self.batches.saturating_sub(earlier.batches),
            leaves: self.leaves.saturating_sub(earlier.leaves),
            encoding: self.encoding.saturating_sub(earlier.encoding),
            running: self.running.saturating_sub(earlier.running),
        };
        part.usage(now)
    }

    /// The figures until `now`; none before the first batch.
    pub fn usage(&self, now: Instant) -> Option<Usage> {
        self.usage_within(now.saturating_duration_since(self.since))
    }

    /// The figures, had all of it happened within `wall`; none before the first batch.
    pub fn usage_within(&self, wall: Duration) -> Option<Usage> {
        if self.batches == 0 {
            return None;
        }
        let seconds = |time: Duration| time.as_secs_f64().max(1e-9);
        let wall = seconds(wall);
        let leaves = self.leaves as f64;
        Some(Usage {
            leaves_per_second: leaves / wall,
            net_leaves_per_second: leaves / seconds(self.running),
            batch: leaves / self.batches as f64,
            net_share: self.running.as_secs_f64() / wall,
            encoding_share: self.encoding.as_secs_f64() / wall,
            wait_ms: (self.encoding + self.running).as_secs_f64() * 1e3 / self.batches as f64,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_of_the_whole_time() {
        let start = Instant::now();
        let mut gauge = Gauge::new(start);
        assert_eq!(gauge.usage(start), None);
        gauge.count(30, Duration::from_millis(100), Duration::from_millis(300));
        gauge.count(10, Duration::from_millis(100), Duration::from_millis(500));
        let usage = gauge.usage(start + Duration::from_secs(2)).expect("two batches");
        let expect = Usage {
            leaves_per_second: 20.0,
            net_leaves_per_second: 50.0,
            batch: 20.0,
            net_share: 0.4,
            encoding_share: 0.1,
            wait_ms: 500.0,
        };
        assert_eq!(usage, expect);

        let (then, earlier) = (start + Duration::from_secs(2), gauge);
        assert_eq!(gauge.usage_since(&earlier, then, then + Duration::from_secs(1)), None);
        gauge.count(10, Duration::from_millis(100), Duration::from_millis(400));
        let last = gauge.usage_since(&earlier, then, then + Duration::from_secs(1)).expect("a batch");
        assert_eq!((last.leaves_per_second, last.batch, last.net_share, last.wait_ms), (10.0, 10.0, 0.4, 500.0));
    }
}
