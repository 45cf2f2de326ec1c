//! What a search found at one position, in 16-bit numbers.

use crate::game::SEATS_MAX;

/// The sum of a quantised policy, and the value of a sure win.
pub const POLICY_SCALE: u16 = u16::MAX;

/// What a search found before it chose.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Findings {
    /// Simulations really spent.
    pub simulations: u32,
    /// Value of the position for each seat of the game, in units of 1/[`POLICY_SCALE`].
    pub value: Vec<u16>,
    /// The improved policy over the legal actions in canonical order; the sum is exactly [`POLICY_SCALE`].
    pub policy: Vec<u16>,
}

impl Findings {
    /// Quantises a policy (of at least one action) and the values of the first `seats` seats.
    ///
    /// The policy's shares are rounded down, and what is left of the sum goes to those with the largest remainders.
    pub fn new(simulations: u32, value: [f32; SEATS_MAX], seats: usize, policy: &[f32]) -> Findings {
        let value = value[..seats].iter().map(|&share| quantise(share)).collect();
        Findings { simulations, value, policy: quantise_policy(policy) }
    }

    /// The policy as probabilities.
    pub fn policy(&self) -> impl ExactSizeIterator<Item = f32> {
        self.policy.iter().map(|&share| f32::from(share) / f32::from(POLICY_SCALE))
    }

    /// The values as probabilities; unused seats hold 0.
    pub fn value(&self) -> [f32; SEATS_MAX] {
        let mut value = [0.0; SEATS_MAX];
        for (into, &share) in value.iter_mut().zip(&self.value) {
            *into = f32::from(share) / f32::from(POLICY_SCALE);
        }
        value
    }

    /// The sum of the policy.
    pub(super) fn policy_sum(&self) -> u64 {
        self.policy.iter().map(|&share| u64::from(share)).sum()
    }
}

fn quantise(share: f32) -> u16 {
    (share.clamp(0.0, 1.0) * f32::from(POLICY_SCALE)).round() as u16
}

fn quantise_policy(policy: &[f32]) -> Vec<u16> {
    let scale = f64::from(POLICY_SCALE);
    let sum: f64 = policy.iter().map(|&share| f64::from(share.max(0.0))).sum();
    let exact =
        |share: f32| if sum > 0.0 { f64::from(share.max(0.0)) / sum * scale } else { scale / policy.len() as f64 };
    let mut quantised: Vec<u16> = policy.iter().map(|&share| exact(share) as u16).collect();

    let given: u64 = quantised.iter().map(|&share| u64::from(share)).sum();
    let left = u64::from(POLICY_SCALE).saturating_sub(given) as usize;
    let mut order: Vec<usize> = (0..policy.len()).collect();
    order.sort_by(|&a, &b| exact(policy[b]).fract().total_cmp(&exact(policy[a]).fract()).then(a.cmp(&b)));
    // Rounding down loses less than one unit an action, so one round of giving back is enough.
    for &index in order.iter().take(left) {
        quantised[index] = quantised[index].saturating_add(1);
    }
    quantised
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn quantised_policies_sum_to_the_scale(weights in prop::collection::vec(0.0f32..1.0, 1..300)) {
            let sum: f32 = weights.iter().sum();
            let policy: Vec<f32> = weights.iter().map(|w| if sum > 0.0 { w / sum } else { 0.0 }).collect();
            let findings = Findings::new(8, [0.25, 0.75, 0.0, 0.0], 2, &policy);
            prop_assert_eq!(findings.policy_sum(), u64::from(POLICY_SCALE));
            if sum > 0.0 {
                for (quantised, share) in findings.policy().zip(&policy) {
                    prop_assert!((quantised - share).abs() < 2.0 / 65535.0, "{} {}", quantised, share);
                }
            }
        }
    }

    #[test]
    fn values_keep_their_seats() {
        let findings = Findings::new(1, [0.0, 1.0, 0.5, 0.7], 3, &[1.0]);
        assert_eq!(findings.value, [0, 65535, 32768]);
        assert_eq!(findings.policy, [65535]);
        assert_eq!(findings.value()[3], 0.0);
    }
}
