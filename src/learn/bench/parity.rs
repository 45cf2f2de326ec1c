//! How far a device and precision are from 32 bits on the processor, over many positions.

use serde::Serialize;
use tch::Device;

use super::material;
use crate::game::Planes;
use crate::learn::error::LearnError;
use crate::learn::frozen::difference;
use crate::learn::infer::{NetEvaluator, POSITIONS_AT_ONCE_MAX};
use crate::learn::weights::Weights;
use crate::search::Evaluator;

/// Sets the positions apart from those that are timed.
const SEED_OFFSET: u64 = 1;

/// The greatest differences found.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Parity {
    /// Positions of random games that both were asked about.
    pub positions: u32,
    /// The greatest difference of a move's share of the policy.
    pub policy_share_max: f32,
    /// The greatest difference of a seat's value.
    pub value_max: f32,
}

/// Asks `chosen` and 32 bits on the processor about the same positions.
pub(super) fn compare<G: Planes>(
    game: &G,
    weights: &Weights,
    chosen: &mut NetEvaluator<G>,
    positions: u32,
    seed: u64,
) -> Result<Parity, LearnError> {
    let mut exact = NetEvaluator::new(game, weights, Device::Cpu)?;
    let all = material::positions(game, positions as usize, seed.wrapping_add(SEED_OFFSET));
    let mut parity = Parity { positions, policy_share_max: 0.0, value_max: 0.0 };
    for chunk in all.chunks(POSITIONS_AT_ONCE_MAX) {
        let batch: Vec<_> = chunk.iter().map(|(state, legal)| (state, legal.as_slice())).collect();
        let [share, value] = difference(&exact.evaluate(game, &batch)?, &chosen.evaluate(game, &batch)?);
        // What is no number must be seen: `f32::max` would drop it.
        let worse = |known: f32, found: f32| if known.is_nan() || known > found { known } else { found };
        parity.policy_share_max = worse(parity.policy_share_max, share);
        parity.value_max = worse(parity.value_max, value);
    }
    Ok(parity)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::game::connect4::ConnectFour;
    use crate::learn::tests::tiny;

    #[test]
    fn the_same_net_is_on_a_par_and_another_is_not() {
        let parity = |seed| {
            let mut chosen = NetEvaluator::new(&ConnectFour, &tiny(seed), Device::Cpu).expect("fits");
            compare(&ConnectFour, &tiny(1), &mut chosen, 600, 7).expect("runs")
        };
        assert_eq!(parity(1), Parity { positions: 600, policy_share_max: 0.0, value_max: 0.0 });
        let other = parity(2);
        assert!(other.policy_share_max > 0.0 && other.value_max > 0.0, "{other:?}");
    }
}
