//! Random plies, with which openings begin: those of matches and those of self-play.

use rand_chacha::ChaCha8Rng;

use super::players::{Player, UniformRandom};
use crate::game::Game;

/// Plays so many uniformly random plies from `state` on, each of which `played` sees. False when no game is left then.
pub(super) fn wander<G: Game>(
    game: &G,
    state: &mut G::State,
    plies: u32,
    rng: &mut ChaCha8Rng,
    mut played: impl FnMut(&G::Action),
) -> bool {
    let mut player = UniformRandom::new();
    for _ in 0..plies {
        let Some(action) = player.choose(game, state, rng) else { return false };
        game.play_listed(state, &action);
        played(&action);
    }
    game.outcome(state).is_none()
}
