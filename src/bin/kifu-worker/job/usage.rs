//! How a job's evaluators use the net, told while they are at work.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Instant;

use kifu::game::Planes;
use kifu::learn::NetEvaluator;
use kifu::learn::gauge::Gauge;
use kifu::work::InferenceUsage;

/// Reads a gauge now and then.
pub struct UsageWatch {
    gauge: Rc<Cell<Gauge>>,
    /// Games at once.
    concurrent: usize,
    bits: u32,
    speed_up: f64,
    /// How the gauge stood when it was read last, and when that was.
    before: Gauge,
    then: Instant,
}

impl UsageWatch {
    /// Reads the gauge of this evaluator, which plays so many games at once.
    pub fn new<G: Planes>(evaluator: &NetEvaluator<G>, concurrent: usize) -> UsageWatch {
        let gauge = evaluator.gauge();
        let (before, bits, speed_up) = (gauge.get(), evaluator.precision().bits(), evaluator.speed_up());
        UsageWatch { gauge, concurrent, bits, speed_up, before, then: Instant::now() }
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
            bits: f64::from(self.bits),
            speed_up: self.speed_up,
            games: self.concurrent as f64,
        })
    }
}
