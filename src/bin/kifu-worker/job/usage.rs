//! How a job's evaluators use the net, told while they are at work.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Instant;

use kifu::learn::gauge::Gauge;
use kifu::work::InferenceUsage;

/// Reads a gauge now and then.
pub struct UsageWatch {
    gauge: Rc<Cell<Gauge>>,
    /// Games at once.
    concurrent: usize,
    /// How the gauge stood when it was read last, and when that was.
    before: Gauge,
    then: Instant,
}

impl UsageWatch {
    /// Reads this gauge of evaluators that play so many games at once.
    pub fn new(gauge: Rc<Cell<Gauge>>, concurrent: usize) -> UsageWatch {
        let before = gauge.get();
        UsageWatch { gauge, concurrent, before, then: Instant::now() }
    }

    /// The figures since it was read last; none when nothing was evaluated.
    pub fn read(&mut self) -> Option<InferenceUsage> {
        let (gauge, now) = (self.gauge.get(), Instant::now());
        let usage = gauge.usage_since(&self.before, self.then, now);
        (self.before, self.then) = (gauge, now);
        usage.map(|usage| InferenceUsage {
            leaves_per_s: usage.leaves_per_second,
            batch_fill: usage.batch / self.concurrent.max(1) as f64,
            net_share: usage.net_share,
            wait_ms: usage.wait_ms,
        })
    }
}
