//! Monte Carlo tree search with a fixed number of simulations, whose leaves the game itself judges. No net.

use rand_chacha::ChaCha8Rng;

use super::Player;
use crate::game::{Game, Outcome};
use crate::search::error::SearchError;
use crate::search::evaluator::Evaluation;
use crate::search::gumbel::{Recipe, Search, Step};

/// How much a better judgement after one ply raises an action's logit.
const PRIOR_SCALE: f32 = 12.0;

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

/// The game's judgement, and as logits what each action leads to. The same position always gets the same answer.
pub fn judgement<G: Game>(game: &G, state: &G::State, legal: &[G::Action]) -> Evaluation {
    let shares = |state: &G::State| {
        let judged = game.outcome(state).map(Outcome::shares).or_else(|| game.estimate(state));
        judged.unwrap_or_else(|| Outcome::shared_by_all(game.seats()).shares())
    };
    let mover = game.to_move(state).index();
    let logit = |action: &G::Action| {
        let mut after = state.clone();
        game.play_listed(&mut after, action);
        PRIOR_SCALE * shares(&after)[mover]
    };
    let value = shares(state);
    Evaluation { logits: legal.iter().map(logit).collect(), value }
}

impl<G: Game> Player<G> for Planner<G> {
    fn choose(&mut self, game: &G, state: &G::State, rng: &mut ChaCha8Rng) -> Option<G::Action> {
        game.legal(state, &mut self.legal);
        if self.legal.len() < 2 {
            return self.legal.pop();
        }
        self.search.start(self.recipe, state.clone(), rng);
        while let Step::Evaluate(leaf, legal) = self.search.next_leaf() {
            let answer = judgement(game, leaf, legal);
            self.search.supply(&answer).expect("as many logits as actions, and shares that sum to 1");
        }
        let decision = self.search.finish().expect("a search of a game that is not over decides");
        Some(decision.legal[decision.index].clone())
    }
}
