//! Opponents without a net: they choose at once and need no evaluator.

mod alpha_beta;
mod greedy;
mod planner;
mod random;
#[cfg(test)]
mod tests;

use rand_chacha::ChaCha8Rng;

pub use alpha_beta::{AlphaBeta, DEPTH_MAX};
pub use greedy::Greedy;
pub use planner::Planner;
pub use random::UniformRandom;

use crate::game::Game;

/// Someone who chooses actions without a net.
pub trait Player<G: Game> {
    /// Chooses among the legal actions of `state`; `None` only when the game is over. All chance comes from `rng`.
    fn choose(&mut self, game: &G, state: &G::State, rng: &mut ChaCha8Rng) -> Option<G::Action>;
}
