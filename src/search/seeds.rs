//! Seeds from seeds: every game of a run has its own, so that games do not depend on each other.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;

/// The seed of part `index` of what `seed` stands for (SplitMix64 over both).
pub fn derive(seed: u64, index: u64) -> u64 {
    mix(mix(seed).wrapping_add(mix(index ^ 0x6b69_6675)))
}

/// The generator that belongs to a seed.
pub fn generator(seed: u64) -> ChaCha8Rng {
    ChaCha8Rng::seed_from_u64(seed)
}

/// A step of SplitMix64 (Steele, Lea and Flood 2014): a bijection that spreads every bit.
fn mix(value: u64) -> u64 {
    let mut z = value.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn seeds_of_neighbours_differ() {
        let seeds: BTreeSet<u64> = (0..30).flat_map(|seed| (0..30).map(move |index| derive(seed, index))).collect();
        assert_eq!(seeds.len(), 900);
        assert_eq!(derive(1, 2), derive(1, 2));
    }
}
