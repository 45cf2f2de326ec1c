//! An evaluator without a net: the game itself judges.

use std::convert::Infallible;

use super::evaluator::{Evaluation, Evaluator};
use crate::game::{Game, Outcome};

/// How much a better judgement after one ply raises an action's logit.
const PRIOR_SCALE: f32 = 12.0;

/// Evaluates by the game's own judgement ([`Game::estimate`]). Without one, every position is worth a draw.
#[derive(Clone, Debug, Default)]
pub struct Judgement {
    leaves: u64,
}

impl<G: Game> Evaluator<G> for Judgement {
    type Error = Infallible;

    fn evaluate(&mut self, game: &G, batch: &[(&G::State, &[G::Action])]) -> Result<Vec<Evaluation>, Infallible> {
        self.leaves += batch.len() as u64;
        Ok(batch.iter().map(|(state, legal)| judge(game, state, legal)).collect())
    }

    fn leaves(&self) -> u64 {
        self.leaves
    }
}

/// The game's judgement, and as logits what each action leads to. The same position always gets the same answer.
pub fn judge<G: Game>(game: &G, state: &G::State, legal: &[G::Action]) -> Evaluation {
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
