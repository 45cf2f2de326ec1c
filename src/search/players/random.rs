//! Uniformly random play.

use rand::Rng as _;
use rand_chacha::ChaCha8Rng;

use super::Player;
use crate::game::Game;

/// Plays every legal action with the same probability.
#[derive(Clone, Debug)]
pub struct UniformRandom<G: Game> {
    legal: Vec<G::Action>,
}

impl<G: Game> UniformRandom<G> {
    /// A random player.
    pub fn new() -> UniformRandom<G> {
        UniformRandom { legal: Vec::new() }
    }
}

impl<G: Game> Default for UniformRandom<G> {
    fn default() -> Self {
        UniformRandom::new()
    }
}

impl<G: Game> Player<G> for UniformRandom<G> {
    fn choose(&mut self, game: &G, state: &G::State, rng: &mut ChaCha8Rng) -> Option<G::Action> {
        game.legal(state, &mut self.legal);
        (!self.legal.is_empty()).then(|| self.legal[rng.random_range(0..self.legal.len() as u32) as usize].clone())
    }
}
