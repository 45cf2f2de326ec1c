//! What a dataset is worth, from what the verifier counted: each batch by itself, the dataset as their mean with a lower bound.
//!
//! `quality of a batch = coverage × diversity × budget`: the share of positions with a policy target, the share of games that no
//! other repeats, and the simulations really spent on a target against those that its job asked for. A dataset's quality is the
//! mean over its games; its lower bound is that of a 95% interval over batches, which play and are verified independently.
//!
//! Unknown is not bad and not good: it never passes.

use crate::event::games::GamesTally;
use crate::event::jobs::JobSpec;
use crate::event::{Hash, Real};
use crate::projection::State;
use crate::projection::games::{Batch, BatchState};

/// The 97.5% quantile of the normal distribution: two-sided 95%.
const Z: f64 = 1.959_963_984_540_054;

/// What is known of a dataset's quality.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Quality {
    /// It was measured.
    Known {
        /// The mean over its games.
        mean: Real,
        /// The lower end of the 95% interval; 0 where a single batch allows no interval.
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
        match state.games.get(hash).map(|found| batch(state, found)) {
            Some(Ok(part)) => parts.push(part),
            Some(Err(reason)) => return Quality::Unknown(format!("batch {hash}: {reason}")),
            None => return Quality::Unknown(format!("batch {hash} is not in the log")),
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
        return Real::ZERO;
    }
    let share = |of: u64| of as f64 / games as f64;
    let distance = |score: Real| score.to_f64() - mean.to_f64();
    let squares: f64 =
        parts.iter().map(|(of, score)| (share(*of) * distance(*score)) * (share(*of) * distance(*score))).sum();
    let count = parts.len() as f64;
    let error = (squares * count / (count - 1.0)).sqrt();
    Real::from_f64((mean.to_f64() - Z * error).max(0.0)).unwrap_or(Real::ZERO)
}

/// Games and quality of one batch, or why it is unknown.
fn batch(state: &State, batch: &Batch) -> Result<(u64, Real), String> {
    let tally = match (&batch.state, &batch.tally) {
        (BatchState::Verified, Some(tally)) => tally,
        (BatchState::Quarantined, _) => return Err("it is in quarantine".to_owned()),
        _ => return Err("nobody has replayed it yet".to_owned()),
    };
    let job = state.jobs.get(&batch.job).ok_or_else(|| format!("{} is no longer kept", batch.job))?;
    let JobSpec::SelfPlay(spec) = &job.spec else { return Err(format!("{} is not self-play", batch.job)) };
    let coverage = Real::ratio(tally.targets, tally.positions).min(Real::ONE);
    let diversity = Real::ratio(tally.distinct.into(), tally.games.into()).min(Real::ONE);
    let product = |one: Real, two: Real| Real(one.0 * two.0 / Real::SCALE);
    Ok((tally.games.into(), product(product(coverage, diversity), budget(tally, spec.search.simulations))))
}

/// Simulations really spent against those asked for; a search that had no simulations to spend is complete.
fn budget(tally: &GamesTally, simulations: u32) -> Real {
    let asked = tally.targets.saturating_mul(simulations.into());
    if asked == 0 { Real::ONE } else { Real::ratio(tally.simulations, asked).min(Real::ONE) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::jobs::JobQueued;
    use crate::event::samples::{hash, specs};
    use crate::event::{Event, JobId};
    use crate::policy::testing::{Given, batch as batch_events};

    /// A verified batch of 40 games whose job asked for 48 simulations: so many games are distinct, and so many simulations were spent.
    fn played(name: &str, distinct: u32, spent: u64) -> Vec<Event> {
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
        [vec![queued.into()], events].concat()
    }

    fn quality(batches: &[(&str, u32, u64)]) -> Quality {
        let events = batches.iter().flat_map(|(name, distinct, spent)| played(name, *distinct, *spent));
        let hashes: Vec<Hash> = batches.iter().map(|(name, _, _)| hash(name)).collect();
        dataset(&Given::events(events).state, &hashes)
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
        assert!(mean(&single) == Real::ONE && !single.passes(Real(1)), "one batch allows no interval");
        let nothing = quality(&[]);
        let unverified = played("a", 40, 48).into_iter().take(2);
        let unverified = dataset(&Given::events(unverified).state, &[hash("a")]);
        let foreign = dataset(&Given::events(batch_events("a", 1, 40, 40)).state, &[hash("a")]);
        let missing = dataset(&Given::events([]).state, &[hash("a")]);
        for unknown in [nothing, unverified, foreign, missing] {
            assert!(matches!(unknown, Quality::Unknown(_)) && !unknown.passes(Real::ZERO), "{unknown:?}");
        }
    }
}
