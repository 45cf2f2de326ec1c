//! Random games for all tests of this room.

use rand::Rng as _;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng as _;

use super::super::{Move, RingRift, State};
use crate::game::Game;

/// Does the long suite run?
pub(in super::super) fn is_long() -> bool {
    std::env::var_os("KIFU_TEST_LONG").is_some()
}

/// Random games to check: few, or in the long suite at least a million positions of a small configuration and a hundred thousand of
/// a large one.
pub(in super::super) fn games<const W: usize>() -> u64 {
    match (is_long(), W) {
        (false, 1) => 4,
        (false, _) => 1,
        (true, 1) => 10_000,
        (true, _) => 250,
    }
}

/// Plays a random game and shows `see` every position with its legal moves and the one that is played.
pub(in super::super) fn random_game<const W: usize>(
    game: &RingRift<W>,
    seed: u64,
    mut see: impl FnMut(&State<W>, &[Move], Move),
) -> State<W> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let (mut state, mut legal) = (game.start(), Vec::new());
    loop {
        game.legal(&state, &mut legal);
        if legal.is_empty() {
            return state;
        }
        let chosen = legal[rng.random_range(0..legal.len() as u32) as usize];
        see(&state, &legal, chosen);
        game.play_listed(&mut state, &chosen);
    }
}

/// Calls the function with every configuration.
macro_rules! for_every_configuration {
    ($check:ident) => {{
        RingRift::SQUARE8.iter().for_each(|game| $check(game));
        RingRift::HEX8.iter().for_each(|game| $check(game));
        RingRift::SQUARE19.iter().for_each(|game| $check(game));
        RingRift::HEXAGONAL.iter().for_each(|game| $check(game));
    }};
}
pub(super) use for_every_configuration;
