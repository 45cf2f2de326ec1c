//! Which games are learned from and which are held out.
//!
//! A game's side follows from its own line of actions and from nothing else: it is the same in every dataset, on every machine,
//! whatever other games there are. Positions of one game, and games with the same actions, are never on both sides.

use super::error::LearnError;
use super::samples::Samples;
use crate::event::{Hash, Real};

/// Goes before a line into the hash, so that sides have nothing to do with other uses of the line.
const DOMAIN: &[u8] = b"kifu held-out games 1";

/// Indices of samples on either side.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Split {
    /// Learned from.
    pub train: Vec<u32>,
    /// Held out.
    pub validation: Vec<u32>,
}

/// Whether the game with this line is held out when `share` of all games are.
pub fn is_held_out(line: &Hash, share: Real) -> bool {
    let mut hasher = blake3::Hasher::new();
    hasher.update(DOMAIN).update(&line.0);
    let mut first = [0; 8];
    first.copy_from_slice(&hasher.finalize().as_bytes()[..8]);
    let bound = u128::try_from(share.0).unwrap_or(0) * (1 << 64) / Real::SCALE as u128;
    u128::from(u64::from_le_bytes(first)) < bound
}

/// Parts samples by game.
///
/// # Errors
/// [`LearnError::Recipe`] when nothing is left to learn from.
pub fn split(samples: &Samples, share: Real) -> Result<Split, LearnError> {
    let mut split = Split::default();
    for (index, game) in samples.games().iter().enumerate() {
        let side = if is_held_out(&game.line, share) { &mut split.validation } else { &mut split.train };
        side.extend(samples.of_game(index).map(|sample| sample as u32));
    }
    if split.train.is_empty() {
        return Err(LearnError::Recipe("the dataset has no position with a policy in the games that are learned from"));
    }
    Ok(split)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::learn::fixtures;

    #[test]
    fn a_game_is_wholly_on_one_side_and_always_on_the_same() {
        let (few, many) = (fixtures::samples(20, 1), fixtures::samples(200, 1));
        let share = Real(250_000);
        let held_out = |samples: &Samples| -> BTreeSet<Hash> {
            let split = split(samples, share).expect("enough");
            let sides: Vec<BTreeSet<u32>> =
                [&split.train, &split.validation].map(|side| side.iter().copied().collect()).into();
            assert_eq!(sides[0].len() + sides[1].len(), samples.len());
            for game in 0..samples.games().len() {
                let of_game: BTreeSet<u32> = samples.of_game(game).map(|it| it as u32).collect();
                assert!(sides.iter().any(|side| of_game.is_subset(side)), "game {game} is on both sides");
            }
            let is_out = |line: &Hash| is_held_out(line, share);
            samples.games().iter().map(|game| game.line).filter(is_out).collect()
        };
        let (few, many) = (held_out(&few), held_out(&many));
        assert!(few.is_subset(&many), "a game changed sides when others came");
        assert!((30..70).contains(&many.len()), "{} of 200", many.len());
    }

    #[test]
    fn shares_grow_and_ends_hold() {
        let samples = fixtures::samples(100, 3);
        let held = |share| samples.games().iter().filter(|game| is_held_out(&game.line, share)).count();
        assert_eq!((held(Real::ZERO), held(Real::ONE)), (0, 100));
        for game in samples.games() {
            let smaller = is_held_out(&game.line, Real(100_000));
            assert!(!smaller || is_held_out(&game.line, Real(300_000)));
        }
        assert!(split(&samples, Real::ONE).is_err());
    }
}
