//! In which numbers a run computes losses and gradients. The weights, the optimiser and the average are of 32 bits whatever is chosen: only
//! convolutions and linear layers round what they multiply.

use std::time::{Duration, Instant};

use tch::Device;

use super::gradients::Gradient;
use super::losses::{losses, to_input};
use crate::learn::batch::Batch;
use crate::learn::error::LearnError;
use crate::learn::net::Net;
use crate::learn::policy_head::Asked;
use crate::learn::precision::Precision;
use crate::learn::speeds::{Trial, clock};
use crate::learn::weights::Weights;

/// How far the loss may be from that of 32 bits, as a share of it.
const LOSS_SHARE_MAX: f64 = 0.01;
/// How far the gradient's length may be from that of 32 bits, as a share of it.
const NORM_SHARE_MAX: f64 = 0.1;
/// No further round of timing begins after this time. A round is one pass in each precision; the first one always runs.
const TIMING_MAX: Duration = Duration::from_millis(500);

/// What is timed: the way forward and back of one batch.
pub(super) struct Pass<'a> {
    pub weights: &'a Weights,
    pub batch: &'a Batch,
    pub shape: [i64; 3],
    pub value_weight: f64,
    pub device: Device,
}

impl Pass<'_> {
    /// What became of each precision, 32 bits first; [`crate::learn::speeds::choose`] says which to use.
    pub fn trials(&self) -> Result<Vec<Trial>, LearnError> {
        let mut trials = vec![Trial::untimed(Precision::F32, None)];
        if !Precision::Bf16.is_native(self.device) {
            return Ok(trials);
        }
        let nets = [self.net(Precision::F32)?, self.net(Precision::Bf16)?];
        let exact = self.run(&nets[0])?;
        let refused = match self.run(&nets[1]) {
            Ok(found) => disagreement(exact, found),
            Err(error) => Some(error.to_string()),
        };
        trials.push(Trial::untimed(Precision::Bf16, refused));
        if trials[1].refused.is_none() {
            let seconds = self.time(&nets)?.map(|time| time.as_secs_f64().max(1e-9));
            for (trial, time) in trials.iter_mut().zip(seconds) {
                trial.positions_per_second = Some(self.batch.len as f64 / time);
                trial.speed_up = seconds[0] / time;
            }
        }
        Ok(trials)
    }

    fn net(&self, precision: Precision) -> Result<Net, LearnError> {
        let mut net = Net::new(self.weights, self.device)?;
        net.compute_in(precision);
        Ok(net)
    }

    /// The loss and the gradient's length.
    fn run(&self, net: &Net) -> Result<[f64; 2], LearnError> {
        let asked = Asked::new(&self.batch.choices, self.device)?;
        let heads = net.forward(&to_input(self.batch, self.shape, self.device)?, &asked, true)?;
        let loss = losses(&heads, self.batch, self.device)?.total(self.value_weight)?;
        let norm = Gradient::of(&loss, net)?.norm()?;
        Ok([loss.f_double_value(&[])?, norm.f_double_value(&[])?])
    }

    /// The best time of each; they take turns, so that a noisy neighbour disturbs both alike.
    fn time(&self, nets: &[Net; 2]) -> Result<[Duration; 2], LearnError> {
        let clock = clock(self.device);
        let (began, mut best) = (Instant::now(), [Duration::MAX; 2]);
        loop {
            for (net, best) in nets.iter().zip(&mut best) {
                let begun = clock();
                self.run(net)?;
                *best = clock().saturating_sub(begun).min(*best);
            }
            if began.elapsed() >= TIMING_MAX {
                return Ok(best);
            }
        }
    }
}

/// What is too far from 32 bits, if anything is.
fn disagreement(exact: [f64; 2], found: [f64; 2]) -> Option<String> {
    let limits = [("loss", LOSS_SHARE_MAX), ("gradient's length", NORM_SHARE_MAX)];
    let differ = |(exact, found): (f64, f64), limit: f64| {
        let distance = (exact - found).abs();
        distance.is_nan() || distance > limit * exact.abs()
    };
    let pairs = exact.into_iter().zip(found).zip(limits);
    pairs
        .into_iter()
        .find(|(pair, (_, limit))| differ(*pair, *limit))
        .map(|((exact, found), (what, _))| format!("the {what} of the first batch is {found}, and {exact} in 32 bits"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fewer_bits_must_find_the_same_loss_and_gradient() {
        for (found, what) in [
            ([2.0, 3.0], None),
            ([2.019, 2.75], None),
            ([2.021, 3.0], Some("loss")),
            ([2.0, 3.31], Some("length")),
            ([f64::NAN, 3.0], Some("loss")),
            ([2.0, f64::INFINITY], Some("length")),
        ] {
            let said = disagreement([2.0, 3.0], found);
            match what {
                None => assert_eq!(said, None, "{found:?}"),
                Some(what) => assert!(said.as_ref().is_some_and(|said| said.contains(what)), "{found:?}: {said:?}"),
            }
        }
    }
}
