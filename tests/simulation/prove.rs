//! Proof that the harness can fail: builds with a defect must be caught. Built with the cargo feature `broken` only.

use kifu::broken::Defect;

use crate::seeds;

/// A defect that this many runs do not notice goes unnoticed.
const SEEDS: std::ops::Range<u64> = 1..33;
/// Runs of the same build without a defect, which must all pass.
const SOUND: std::ops::Range<u64> = 1..5;

#[test]
fn every_defect_is_caught() {
    assert_eq!(seeds::first_failure(SOUND, None), None, "the build itself is sound");
    let mut unnoticed = vec![];
    for (name, _) in Defect::ALL {
        match seeds::first_failure(SEEDS, Some(name)) {
            Some(report) => println!("{name}: caught by seed {}: {}", report.seed, report.failure.unwrap_or_default()),
            None => unnoticed.push(name),
        }
    }
    assert!(unnoticed.is_empty(), "nobody noticed these defects: {unnoticed:?}");
}
