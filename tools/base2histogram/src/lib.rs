//! Histograms that keep nothing.
//!
//! openraft counts batch sizes and stages of its log in histograms which can be read only with its feature `runtime-stats`. We leave that
//! feature off, but the published crate of this name builds 26 MiB of tables in each process at the first sample, half of what an
//! idle node takes. So Cargo.toml puts this crate in its place: what openraft calls is there and does nothing. To read openraft's statistics,
//! remove the patch from Cargo.toml and switch the feature on.

use std::fmt;
use std::marker::PhantomData;

/// Takes samples and keeps none.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Histogram<T = ()>(PhantomData<T>);

impl<T> Histogram<T> {
    /// An empty histogram, which it stays.
    pub fn new() -> Self {
        Self(PhantomData)
    }

    /// Forgets the sample.
    pub fn record(&mut self, _value: u64) {}

    /// Forgets so many samples.
    pub fn record_n(&mut self, _value: u64, _samples: u64) {}

    /// What an empty histogram says.
    pub fn percentile_stats(&self) -> PercentileStats {
        PercentileStats::default()
    }
}

/// Percentiles of a histogram, named after themselves: `p0_1` is the 0.1th.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub struct PercentileStats {
    /// Number of samples.
    pub samples: u64,
    pub p0_1: u64,
    pub p1: u64,
    pub p5: u64,
    pub p10: u64,
    pub p50: u64,
    pub p90: u64,
    pub p99: u64,
    pub p99_9: u64,
}

impl fmt::Display for PercentileStats {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("nothing recorded")
    }
}

/// A chart of such histograms.
#[derive(Clone, Copy, Debug, Default)]
pub struct AsciiChart;

impl AsciiChart {
    /// An empty chart, which it stays.
    pub fn new() -> Self {
        Self
    }

    /// Adds nothing.
    #[must_use]
    pub fn add(self, _name: &str, _histogram: Histogram) -> Self {
        self
    }
}

impl fmt::Display for AsciiChart {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("nothing recorded")
    }
}
