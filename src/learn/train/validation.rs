//! The loss on games that the run does not learn from.

use tch::Device;

use super::losses::{losses, to_input};
use crate::game::Planes;
use crate::learn::batch::{Batch, Scale};
use crate::learn::curve::Point;
use crate::learn::error::LearnError;
use crate::learn::net::Net;
use crate::learn::policy_head::Asked;
use crate::learn::samples::Samples;
use crate::learn::weights::Weights;

/// Positions that go through the net at once.
const CHUNK: usize = 512;

/// Held-out positions, as they are.
pub(super) struct HeldOut {
    chunks: Vec<Batch>,
    shape: [i64; 3],
    device: Device,
    /// The policy's loss of uniform shares, in nats.
    chance: f64,
}

impl HeldOut {
    /// Takes up to `max` of the samples in `indices`, evenly spread over them; none when there are none.
    pub fn new<G: Planes>(game: &G, samples: &Samples, indices: &[u32], max: u32, device: Device) -> Option<HeldOut> {
        let every = indices.len().div_ceil(max.max(1) as usize).max(1);
        let taken: Vec<u32> = indices.iter().copied().step_by(every).collect();
        let scale = Scale::of(samples, &taken);
        let chunks: Vec<Batch> = taken.chunks(CHUNK).map(|chunk| Batch::of(game, samples, chunk, &scale)).collect();
        let shape = samples.shape();
        let shape = [shape.channels, shape.height, shape.width].map(|side| side as i64);
        let positions = taken.len().max(1) as f64;
        let chance = chunks.iter().map(chance).sum::<f64>() / positions;
        (!chunks.is_empty()).then_some(HeldOut { chunks, shape, device, chance })
    }

    /// Positions that are looked at.
    pub fn positions(&self) -> usize {
        self.chunks.iter().map(|batch| batch.len).sum()
    }

    /// The policy's mean loss of who gives each legal action the same share, in nats.
    pub fn chance(&self) -> f64 {
        self.chance
    }

    /// The mean losses after `step` steps.
    pub fn losses(&self, weights: &Weights, step: u32) -> Result<Point, LearnError> {
        let _no_gradients = tch::no_grad_guard();
        let net = Net::new(weights, self.device)?;
        let (mut sums, mut count) = ([0.0; 3], 0.0);
        for batch in &self.chunks {
            let asked = Asked::new(&batch.choices, self.device)?;
            let heads = net.forward(&to_input(batch, self.shape, self.device)?, &asked, false)?;
            let losses = losses(&heads, batch, self.device)?;
            let len = batch.len as f64;
            for (sum, loss) in sums.iter_mut().zip([losses.policy, losses.value, losses.margin]) {
                *sum += len * loss.f_double_value(&[])?;
            }
            count += len;
        }
        let [policy, value, margin] = sums.map(|sum| sum / count);
        Ok(Point { step, policy, value, margin })
    }
}

/// The sum of the policy's losses of uniform shares.
fn chance(batch: &Batch) -> f64 {
    let weight = |position: usize| batch.weight.get(position).map_or(1.0, |weight| f64::from(*weight));
    let of = |position| weight(position) * (batch.choices.of(position).len().max(1) as f64).ln();
    (0..batch.len).map(of).sum()
}
