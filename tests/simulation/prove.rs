//! Proof that the harness can fail: builds with a defect must be caught. Built with the cargo feature `broken` only.

use kifu::broken::Defect;

use crate::clusters::{self, CALM_SEED};
use crate::run::Scenario;

/// A defect that this many runs do not notice goes unnoticed.
const SEEDS: std::ops::Range<u64> = 1..33;
/// Runs of the same build without a defect, which must all pass.
const SOUND: std::ops::Range<u64> = 1..5;
/// Names the only defect to prove.
const ONLY: &str = "KIFU_BROKEN";

/// The runs that must notice a defect, and those that must not see one where there is none. What faults hide, runs without them show, and
/// one of these is enough.
fn runs(defect: Defect) -> (Scenario, std::ops::Range<u64>, std::ops::Range<u64>) {
    let one = CALM_SEED..CALM_SEED + 1;
    match defect {
        Defect::PreVote => (Scenario::Calm, one.clone(), one),
        Defect::Heartbeats => (Scenario::Bulk, one.clone(), one),
        _ => (Scenario::Chaos, SEEDS, SOUND),
    }
}

#[test]
fn every_defect_is_caught() {
    let only = std::env::var(ONLY).unwrap_or_default();
    let (mut unnoticed, mut sound) = (vec![], vec![]);
    for (name, defect) in Defect::ALL.into_iter().filter(|(name, _)| only.is_empty() || only == *name) {
        let (scenario, seeds, without) = runs(defect);
        if !sound.contains(&scenario) {
            assert_eq!(clusters::first_failure(without, None, scenario), None, "the build itself is sound");
            sound.push(scenario);
        }
        match clusters::first_failure(seeds, Some(name), scenario) {
            Some(report) => println!("{name}: caught by seed {}: {}", report.seed, report.failure.unwrap_or_default()),
            None => unnoticed.push(name),
        }
    }
    assert!(!sound.is_empty(), "there is no defect {only:?}");
    assert!(unnoticed.is_empty(), "nobody noticed these defects: {unnoticed:?}");
}
