//! How fast nets run on this device, in each precision and in batches of several sizes: measured once for each architecture, remembered
//! for the life of the worker.
//!
//! Which precision is fastest, and which batch uses the device well, depends on the processor, the library and the width of the net, so
//! nobody assumes it.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use serde::{Serialize, Serializer};
use tch::Device;

use super::architecture::Architecture;
use super::error::LearnError;
use super::frozen;
use super::infer::{NetEvaluator, POSITIONS_AT_ONCE_MAX};
use super::precision::Precision;
use crate::game::Planes;

/// A precision is only chosen over 32 bits when it is so many times faster: less than that is noise, and 32 bits are exact.
const GAIN_MIN: f64 = 1.05;
/// No further round of timing begins after this time. A round is one batch in each precision; the first one always runs.
const TIMING_MAX: Duration = Duration::from_millis(300);
/// The most rounds.
const ROUNDS_MAX: u32 = 50;
/// The batches that are tried, from the smallest.
const BATCHES: [usize; 6] = [16, 32, 64, 128, 256, 512];
/// A batch is large enough when it reaches this share of the best rate of all that were tried: a larger one has more games unfinished when a job is
/// cut off, and more with nothing to do at its end.
const ENOUGH: f64 = 0.95;
/// How long each batch is timed, at least once.
const BATCH_TIMING: Duration = Duration::from_millis(60);
/// No larger batch is tried after this time: of a net that is so slow the small ones fill the device.
const BATCHES_TIMING_MAX: Duration = Duration::from_secs(1);
/// The most architectures that are remembered; then all are forgotten and measured again. There are 13 games of 4 families each.
const ARCHITECTURES_MAX: usize = 64;

/// What became of one precision.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Trial {
    /// The precision.
    #[serde(serialize_with = "name")]
    pub precision: Precision,
    /// Why it must not be used for these weights; none when it agrees with 32 bits.
    pub refused: Option<String>,
    /// Raw batched inference, in the best round; none when it was refused or is the only one.
    pub positions_per_second: Option<f64>,
    /// How many times faster than 32 bits that is; 1 when nothing was measured.
    pub speed_up: f64,
}

impl Trial {
    /// A precision that has not been timed yet.
    pub fn untimed(precision: Precision, refused: Option<String>) -> Trial {
        Trial { precision, refused, positions_per_second: None, speed_up: 1.0 }
    }
}

/// Which of the trials to use: the fastest that is not refused, or the first, of 32 bits, when none gains more than noise.
pub fn choose(trials: &[Trial]) -> usize {
    let gains = |trial: &Trial| trial.refused.is_none() && trial.speed_up >= GAIN_MIN;
    let better = trials.iter().enumerate().skip(1).filter(|(_, trial)| gains(trial));
    better.max_by(|(_, a), (_, b)| a.speed_up.total_cmp(&b.speed_up)).map_or(0, |(index, _)| index)
}

/// The smallest of the batches that reaches [`ENOUGH`] of the best rate; the smallest of all where nothing was timed.
fn enough(rates: &[(usize, f64)]) -> usize {
    let best = rates.iter().map(|(_, rate)| *rate).fold(0.0, f64::max);
    let reaches = rates.iter().find(|(_, rate)| *rate >= ENOUGH * best);
    reaches.map_or(Speeds::BATCH_MIN, |(batch, _)| *batch)
}

/// Speeds that were measured.
#[derive(Clone, Debug)]
pub struct Speeds {
    batch: usize,
    known: BTreeMap<String, BTreeMap<Precision, f64>>,
    batches: BTreeMap<String, usize>,
}

impl Speeds {
    /// The smallest batch that is tried.
    pub const BATCH_MIN: usize = BATCHES[0];

    /// Nothing measured yet. Batches for timing will have so many positions, at most [`POSITIONS_AT_ONCE_MAX`].
    pub fn new(batch: usize) -> Speeds {
        Speeds { batch: batch.clamp(1, POSITIONS_AT_ONCE_MAX), known: BTreeMap::new(), batches: BTreeMap::new() }
    }

    /// The batch that uses the device well with such a net in its precision: the smallest whose rate is nearly the best.
    pub(super) fn batch<G: Planes>(
        &mut self,
        game: &G,
        architecture: &Architecture,
        evaluator: &mut NetEvaluator<G>,
    ) -> Result<usize, LearnError> {
        let key = format!("{:?} {:?} {architecture:?}", evaluator.device(), evaluator.precision());
        if let Some(batch) = self.batches.get(&key) {
            return Ok(*batch);
        }
        let rates = measure_batches(game, evaluator)?;
        let batch = enough(&rates);
        tracing::info!(games = batch, ?rates, "games at once chosen by timing");
        if self.batches.len() >= ARCHITECTURES_MAX {
            self.batches.clear();
        }
        self.batches.insert(key, batch);
        Ok(batch)
    }

    /// Writes speeds into the trials of the candidates: those that were measured before, or else measures now. A candidate without a
    /// rival needs no speed.
    pub(super) fn fill<G: Planes>(
        &mut self,
        game: &G,
        architecture: &Architecture,
        device: Device,
        candidates: &mut [NetEvaluator<G>],
        trials: &mut [Trial],
    ) -> Result<(), LearnError> {
        if candidates.len() < 2 {
            return Ok(());
        }
        let key = format!("{device:?} {architecture:?}");
        let known = |known: &BTreeMap<Precision, f64>| candidates.iter().all(|it| known.contains_key(&it.precision()));
        if !self.known.get(&key).is_some_and(known) {
            let measured = measure(game, self.batch, device, candidates)?;
            if self.known.len() >= ARCHITECTURES_MAX {
                self.known.clear();
            }
            self.known.insert(key.clone(), measured);
        }
        let speeds = &self.known[&key];
        let exact = speeds.get(&Precision::F32).copied();
        for trial in trials.iter_mut().filter(|trial| trial.refused.is_none()) {
            trial.positions_per_second = speeds.get(&trial.precision).copied();
            trial.speed_up = trial.positions_per_second.zip(exact).map_or(1.0, |(speed, exact)| speed / exact);
        }
        Ok(())
    }
}

/// Positions a second of each candidate on the frozen positions. They take turns, so that a noisy neighbour disturbs all alike, and of
/// each the best round counts.
fn measure<G: Planes>(
    game: &G,
    batch: usize,
    device: Device,
    candidates: &mut [NetEvaluator<G>],
) -> Result<BTreeMap<Precision, f64>, LearnError> {
    let positions = frozen::positions(game);
    let asked: Vec<_> = positions.iter().map(|(state, legal)| (state, legal.as_slice())).cycle().take(batch).collect();
    for candidate in candidates.iter_mut() {
        candidate.encode(game, &asked);
        // The first call of a shape builds its kernels.
        candidate.run_encoded()?;
    }
    let clock = clock(device);
    let mut best = vec![Duration::MAX; candidates.len()];
    let began = Instant::now();
    for _ in 0..ROUNDS_MAX {
        for (candidate, best) in candidates.iter().zip(&mut best) {
            let begun = clock();
            candidate.run_encoded()?;
            *best = clock().saturating_sub(begun).min(*best);
        }
        if began.elapsed() >= TIMING_MAX {
            break;
        }
    }
    let speed = |time: Duration| batch as f64 / time.as_secs_f64().max(1e-9);
    Ok(candidates.iter().zip(best).map(|(candidate, best)| (candidate.precision(), speed(best))).collect())
}

/// Positions a second in batches of [`BATCHES`]; of each the best run counts.
fn measure_batches<G: Planes>(game: &G, evaluator: &mut NetEvaluator<G>) -> Result<Vec<(usize, f64)>, LearnError> {
    let positions = frozen::positions(game);
    let clock = clock(evaluator.device());
    let began = Instant::now();
    let mut rates = Vec::new();
    for batch in BATCHES.into_iter().filter(|batch| *batch <= POSITIONS_AT_ONCE_MAX) {
        if began.elapsed() >= BATCHES_TIMING_MAX {
            break;
        }
        let asked: Vec<_> =
            positions.iter().map(|(state, legal)| (state, legal.as_slice())).cycle().take(batch).collect();
        evaluator.encode(game, &asked);
        // The first call of a shape builds its kernels.
        evaluator.run_encoded()?;
        let (mut best, sized) = (Duration::MAX, Instant::now());
        loop {
            let begun = clock();
            evaluator.run_encoded()?;
            best = clock().saturating_sub(begun).min(best);
            if sized.elapsed() >= BATCH_TIMING {
                break;
            }
        }
        rates.push((batch, batch as f64 / best.as_secs_f64().max(1e-9)));
    }
    Ok(rates)
}

/// What time is taken from. A thread that does all the work itself is timed by what it really ran: workers share their cores.
pub(super) fn clock(device: Device) -> impl Fn() -> Duration {
    let alone = device == Device::Cpu && tch::get_num_threads() == 1;
    let start = Instant::now();
    move || if alone { thread_time() } else { start.elapsed() }
}

/// Processor time of this thread.
fn thread_time() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    Duration::new(time.tv_sec.unsigned_abs(), u32::try_from(time.tv_nsec).unwrap_or(0))
}

fn name<S: Serializer>(precision: &Precision, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_str(precision.name())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trial(precision: Precision, refused: bool, speed_up: f64) -> Trial {
        let refused = refused.then(|| "differs".to_owned());
        Trial { speed_up, ..Trial::untimed(precision, refused) }
    }

    #[test]
    fn the_smallest_batch_that_is_nearly_the_fastest_is_enough() {
        let cases: [(&[(usize, f64)], usize); 6] = [
            (&[(16, 100.0), (32, 180.0), (64, 300.0), (128, 310.0)], 64),
            (&[(16, 100.0), (32, 104.0)], 16),
            (&[(16, 94.0), (32, 100.0)], 32),
            (&[(16, 100.0), (32, 90.0), (64, 200.0)], 64),
            (&[(16, 100.0)], 16),
            (&[], 16),
        ];
        for (rates, expected) in cases {
            assert_eq!(enough(rates), expected, "{rates:?}");
        }
    }

    #[test]
    fn the_fastest_that_agrees_is_chosen() {
        let exact = trial(Precision::F32, false, 1.0);
        let cases = [
            (vec![exact.clone()], 0),
            (vec![exact.clone(), trial(Precision::Bf16, false, 1.7)], 1),
            (vec![exact.clone(), trial(Precision::Bf16, true, 1.7)], 0),
            (vec![exact.clone(), trial(Precision::Bf16, false, 1.04)], 0),
            (vec![exact.clone(), trial(Precision::Bf16, false, 0.2)], 0),
            (vec![exact.clone(), trial(Precision::Bf16, false, f64::NAN)], 0),
            (vec![exact.clone(), trial(Precision::Bf16, false, 1.2), trial(Precision::Bf16, false, 1.3)], 2),
            (vec![exact.clone(), trial(Precision::Bf16, false, 1.3), trial(Precision::Bf16, true, 1.9)], 1),
        ];
        for (trials, expected) in cases {
            assert_eq!(choose(&trials), expected, "{trials:?}");
        }
    }
}
