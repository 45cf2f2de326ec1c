//! Random openings.

use rand_chacha::ChaCha8Rng;

use crate::game::Game;
use crate::search::error::SearchError;
use crate::search::wander::wander;

/// Openings that are tried before a plan is refused.
pub const OPENING_TRIES_MAX: u32 = 1_000;

/// The position after `plies` random plies in which the game is not over.
pub(super) fn opening<G: Game>(game: &G, plies: u32, rng: &mut ChaCha8Rng) -> Result<G::State, SearchError> {
    for _ in 0..OPENING_TRIES_MAX {
        let mut state = game.start();
        if wander(game, &mut state, plies, rng, |_| {}) {
            return Ok(state);
        }
    }
    Err(SearchError::NoOpening { plies, tries: OPENING_TRIES_MAX })
}
