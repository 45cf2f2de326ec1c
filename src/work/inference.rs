//! How a worker uses its net, as it tells its node: a hint for people and dashboards, never a fact of the log.

use serde::{Deserialize, Serialize};

/// Figures of the time since the worker's last word, about a second. None is negative.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct InferenceUsage {
    /// Leaves evaluated a second.
    pub leaves_per_s: f64,
    /// Positions in a batch, on average, as a share of the games that are played at once.
    pub batch_fill: f64,
    /// Share of the time in which the net runs.
    pub net_share: f64,
    /// How long a leaf waits from the search's question to the answer, in milliseconds.
    pub wait_ms: f64,
    /// Bits of the numbers in which the net runs; a worker that does not say uses 32.
    #[serde(default = "bits_by_default")]
    pub bits: f64,
    /// How many times faster than in 32 bits that was measured to be.
    #[serde(default = "speed_up_by_default")]
    pub speed_up: f64,
    /// Games that are played at once: the largest batch. 0 from a worker that does not say.
    #[serde(default)]
    pub games: f64,
}

fn bits_by_default() -> f64 {
    32.0
}

fn speed_up_by_default() -> f64 {
    1.0
}

impl InferenceUsage {
    /// The first figure that makes no sense.
    pub fn senseless(&self) -> Option<(&'static str, f64)> {
        let figures = [
            ("leaves_per_s", self.leaves_per_s),
            ("batch_fill", self.batch_fill),
            ("net_share", self.net_share),
            ("wait_ms", self.wait_ms),
            ("bits", self.bits),
            ("speed_up", self.speed_up),
            ("games", self.games),
        ];
        figures.into_iter().find(|(_, figure)| !(figure.is_finite() && *figure >= 0.0))
    }

    /// All of a node's workers together: rates and shares of time add up, the others are means over leaves.
    pub fn together(all: &[InferenceUsage]) -> InferenceUsage {
        // Not `sum`: of nothing that is -0.
        let total = |figure: fn(&InferenceUsage) -> f64| all.iter().map(figure).fold(0.0, |sum, one| sum + one);
        let leaves = total(|one| one.leaves_per_s);
        let mean = |figure: fn(&InferenceUsage) -> f64| match leaves > 0.0 {
            true => all.iter().map(|one| figure(one) * one.leaves_per_s / leaves).sum(),
            false => 0.0,
        };
        InferenceUsage {
            leaves_per_s: leaves,
            batch_fill: mean(|one| one.batch_fill),
            net_share: total(|one| one.net_share),
            wait_ms: mean(|one| one.wait_ms),
            bits: mean(|one| one.bits),
            speed_up: mean(|one| one.speed_up),
            games: mean(|one| one.games),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: InferenceUsage = InferenceUsage {
        leaves_per_s: 300.0,
        batch_fill: 1.0,
        net_share: 0.9,
        wait_ms: 2.0,
        bits: 16.0,
        speed_up: 1.8,
        games: 64.0,
    };
    const OTHER: InferenceUsage = InferenceUsage {
        leaves_per_s: 100.0,
        batch_fill: 0.5,
        net_share: 0.5,
        wait_ms: 6.0,
        bits: 32.0,
        speed_up: 1.0,
        games: 32.0,
    };

    #[test]
    fn workers_add_up() {
        let expect = InferenceUsage {
            leaves_per_s: 400.0,
            batch_fill: 0.875,
            net_share: 1.4,
            wait_ms: 3.0,
            bits: 20.0,
            speed_up: 1.6,
            games: 56.0,
        };
        assert_eq!(InferenceUsage::together(&[ONE, OTHER]), expect);
        let none = InferenceUsage::together(&[]);
        assert_eq!(format!("{none:?}"), format!("{:?}", InferenceUsage::default()), "0, and not -0");
    }

    #[test]
    fn a_worker_need_not_say_in_what_numbers_it_computes() {
        let said = r#"{"leaves_per_s":9,"batch_fill":1,"net_share":0.5,"wait_ms":1}"#;
        let usage: InferenceUsage = serde_json::from_str(said).expect("older workers say no more");
        assert_eq!((usage.bits, usage.speed_up, usage.games), (32.0, 1.0, 0.0));
    }

    #[test]
    fn figures_without_sense_are_named() {
        assert_eq!(ONE.senseless(), None);
        assert_eq!(InferenceUsage { wait_ms: -1.0, ..ONE }.senseless(), Some(("wait_ms", -1.0)));
        assert!(InferenceUsage { batch_fill: f64::INFINITY, ..ONE }.senseless().is_some());
    }
}
