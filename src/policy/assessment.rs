//! What a dataset is worth: the mean score of its batches over its games, with a lower bound. Scores are those that
//! `QUALITY_SCORE_UPDATED` recorded, see [`super::quality`].
//!
//! The lower bound is that of a 95% interval over batches, which play and are verified independently; of a single batch that of a share of its
//! games (Wilson). Unknown is not bad and not good: it never passes.

use crate::event::evaluation::wilson;
use crate::event::{Hash, Real};
use crate::projection::State;
use crate::projection::games::BatchState;

/// The 97.5% quantile of the normal distribution: two-sided 95%.
const Z: f64 = 1.959_963_984_540_054;

/// What is known of a dataset's quality.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Quality {
    /// It was measured.
    Known {
        /// The mean over its games.
        mean: Real,
        /// The lower end of the 95% interval.
        low: Real,
        /// Games that it rests on.
        games: u64,
    },
    /// Something is missing, in words.
    Unknown(String),
}

impl Quality {
    /// Whether the quality is surely at least this.
    pub fn passes(&self, min: Real) -> bool {
        matches!(self, Quality::Known { low, .. } if *low >= min)
    }
}

/// The quality of a dataset of these batches.
pub fn dataset(state: &State, batches: &[Hash]) -> Quality {
    let mut parts = Vec::with_capacity(batches.len());
    for hash in batches {
        match batch(state, hash) {
            Ok(part) => parts.push(part),
            Err(reason) => return Quality::Unknown(format!("batch {hash}: {reason}")),
        }
    }
    let games: u64 = parts.iter().map(|(games, _)| games).sum();
    if games == 0 {
        return Quality::Unknown("there are no games".to_owned());
    }
    let weighted: i128 = parts.iter().map(|(games, score)| i128::from(*games) * i128::from(score.0)).sum();
    let mean = Real(i64::try_from(weighted / i128::from(games)).unwrap_or(0));
    Quality::Known { mean, low: low(&parts, games, mean), games }
}

/// The lower end of the interval: the weighted batches vary about their mean, and the mean varies by their number less.
fn low(parts: &[(u64, Real)], games: u64, mean: Real) -> Real {
    if parts.len() < 2 {
        return wilson(mean.to_f64() * games as f64, games as f64).0;
    }
    let share = |of: u64| of as f64 / games as f64;
    let distance = |score: Real| score.to_f64() - mean.to_f64();
    let squares: f64 =
        parts.iter().map(|(of, score)| (share(*of) * distance(*score)) * (share(*of) * distance(*score))).sum();
    let count = parts.len() as f64;
    let error = (squares * count / (count - 1.0)).sqrt();
    Real::from_f64((mean.to_f64() - Z * error).max(0.0)).unwrap_or(Real::ZERO)
}

/// Games and score of one batch, or why it is unknown.
fn batch(state: &State, hash: &Hash) -> Result<(u64, Real), String> {
    let batch = state.games.get(hash).ok_or("it is not in the log")?;
    match batch.state {
        BatchState::Verified => {}
        BatchState::Quarantined => return Err("it is in quarantine".to_owned()),
        BatchState::Recorded => return Err("nobody has replayed it yet".to_owned()),
    }
    let row = state.quality.get(hash).ok_or("it has no score")?;
    Ok((row.games.into(), row.score))
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::event::jobs::JobQueued;
    use crate::event::samples::{hash, specs};
    use crate::event::{Event, JobId};
    use crate::policy::testing::{Given, batch as batch_events};

    /// A verified batch of 40 games whose job asked for 48 simulations: so many games are distinct, and so many simulations were spent.
    pub(in crate::policy) fn played(name: &str, distinct: u32, spent: u64) -> Vec<Event> {
        let job = JobId::new(name);
        let spec = specs().swap_remove(0);
        let queued = JobQueued { job: job.clone(), spec, priority: 0, lease_ms: 1, attempts_max: 1, avoid: vec![] };
        let mut events = batch_events(name, 1, 40, distinct);
        for event in &mut events {
            match event {
                Event::GamesRecorded(body) => body.job = job.clone(),
                Event::GamesVerified(body) => body.tally.simulations = body.tally.targets * spent,
                _ => {}
            }
        }
        // The score is that of the policy, not one that the test makes up.
        events.retain(|event| !matches!(event, Event::QualityScoreUpdated(_)));
        [vec![queued.into()], events].concat()
    }

    fn quality(batches: &[(&str, u32, u64)]) -> Quality {
        let events = batches.iter().flat_map(|(name, distinct, spent)| played(name, *distinct, *spent));
        let hashes: Vec<Hash> = batches.iter().map(|(name, _, _)| hash(name)).collect();
        dataset(&Given::events(events).decide(crate::policy::quality::decide).applied().state, &hashes)
    }

    fn mean(quality: &Quality) -> Real {
        match quality {
            Quality::Known { mean, low, .. } if low <= mean => *mean,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn datasets_of_different_quality_get_different_scores() {
        let good = quality(&[("a", 40, 48), ("b", 40, 48)]);
        assert_eq!(good, Quality::Known { mean: Real::ONE, low: Real::ONE, games: 80 });
        let repeated = quality(&[("a", 40, 48), ("b", 10, 48)]);
        let shallow = quality(&[("a", 40, 12), ("b", 40, 12)]);
        assert_eq!(mean(&repeated), Real(625_000));
        assert_eq!(mean(&shallow), Real(250_000), "a quarter of the simulations that were asked for");
        assert!(mean(&good) > mean(&repeated) && mean(&repeated) > mean(&shallow));
        assert!(good.passes(Real(900_000)) && !repeated.passes(Real(500_000)), "one bad batch makes the mean unsure");
    }

    #[test]
    fn what_is_unknown_never_passes() {
        let single = quality(&[("a", 40, 48)]);
        assert!(
            mean(&single) == Real::ONE && single.passes(Real(900_000)) && !single.passes(Real(950_000)),
            "40 games"
        );
        let nothing = quality(&[]);
        let unverified = played("a", 40, 48).into_iter().take(2);
        let unverified = dataset(&Given::events(unverified).state, &[hash("a")]);
        let unscored = dataset(&Given::events(played("a", 40, 48)).state, &[hash("a")]);
        let missing = dataset(&Given::events([]).state, &[hash("a")]);
        for unknown in [nothing, unverified, unscored, missing] {
            assert!(matches!(unknown, Quality::Unknown(_)) && !unknown.passes(Real::ZERO), "{unknown:?}");
        }
    }
}
