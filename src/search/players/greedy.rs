//! Looks one ply ahead and takes what the game's own judgement likes best.

use rand::Rng as _;
use rand_chacha::ChaCha8Rng;

use super::Player;
use crate::game::Game;

/// Plays every action, judges the positions, and chooses the best for itself. Among equally good actions the seed decides; so it
/// does among all in a game without a judgement, but for actions that win at once.
#[derive(Clone, Debug)]
pub struct Greedy<G: Game> {
    legal: Vec<G::Action>,
    best: Vec<usize>,
}

impl<G: Game> Greedy<G> {
    /// A player that looks one ply ahead.
    pub fn new() -> Greedy<G> {
        Greedy { legal: Vec::new(), best: Vec::new() }
    }
}

impl<G: Game> Default for Greedy<G> {
    fn default() -> Self {
        Greedy::new()
    }
}

/// What `seat` may expect of a position.
fn expectation<G: Game>(game: &G, state: &G::State, seat: crate::game::Seat) -> f32 {
    match game.outcome(state) {
        // A sure result is better, or worse, than any judgement.
        Some(outcome) => 4.0 * outcome.share(seat) - 2.0,
        None => game.estimate(state).map_or(0.0, |shares| shares[seat.index()]),
    }
}

impl<G: Game> Player<G> for Greedy<G> {
    fn choose(&mut self, game: &G, state: &G::State, rng: &mut ChaCha8Rng) -> Option<G::Action> {
        game.legal(state, &mut self.legal);
        if let [only] = self.legal.as_slice() {
            return Some(only.clone());
        }
        let mover = game.to_move(state);
        let mut most = f32::MIN;
        self.best.clear();
        for (index, action) in self.legal.iter().enumerate() {
            let mut after = state.clone();
            game.play_listed(&mut after, action);
            let value = expectation(game, &after, mover);
            if value > most {
                most = value;
                self.best.clear();
            }
            if value == most {
                self.best.push(index);
            }
        }
        let last = self.best.len().checked_sub(1)?;
        Some(self.legal[self.best[rng.random_range(0..=last as u32) as usize]].clone())
    }
}
