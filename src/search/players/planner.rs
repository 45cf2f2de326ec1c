//! Monte Carlo tree search with a fixed number of simulations, whose leaves the game itself judges. No net.

use rand_chacha::ChaCha8Rng;

use super::Player;
use crate::game::Game;
use crate::search::error::SearchError;
use crate::search::gumbel::{Recipe, Search, Step};
use crate::search::judgement::judge;

/// Searches with the game's own judgement ([`Game::estimate`]). Without one, every position is worth a draw.
pub struct Planner<G: Game> {
    search: Search<G>,
    recipe: Recipe,
    legal: Vec<G::Action>,
}

impl<G: Game> Planner<G> {
    /// A player that spends so many simulations on each choice, considering so many actions at the root.
    ///
    /// # Errors
    /// When a number is out of the recipe's bounds.
    pub fn new(game: &G, simulations: u32, considered: u32) -> Result<Planner<G>, SearchError> {
        let recipe = Recipe::new(simulations, considered, 0.0)?;
        Ok(Planner { search: Search::idle(game.clone(), recipe), recipe, legal: Vec::new() })
    }
}

impl<G: Game> Player<G> for Planner<G> {
    fn choose(&mut self, game: &G, state: &G::State, rng: &mut ChaCha8Rng) -> Option<G::Action> {
        game.legal(state, &mut self.legal);
        if self.legal.len() < 2 {
            return self.legal.pop();
        }
        self.search.start(self.recipe, state.clone(), rng);
        while let Step::Evaluate(leaf, legal) = self.search.next_leaf() {
            let answer = judge(game, leaf, legal);
            self.search.supply(&answer).expect("as many logits as actions, and shares that sum to 1");
        }
        let decision = self.search.finish().expect("a search of a game that is not over decides");
        Some(decision.legal[decision.index].clone())
    }
}
