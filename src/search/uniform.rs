//! An evaluator without a net.

use std::convert::Infallible;

use super::evaluator::{Evaluation, Evaluator};
use crate::game::{Game, SEATS_MAX, Seat};

/// Finds all actions and all seats equally good. What a search then finds, it finds by looking ahead.
#[derive(Clone, Debug, Default)]
pub struct UniformEvaluator {
    leaves: u64,
}

impl<G: Game> Evaluator<G> for UniformEvaluator {
    type Error = Infallible;

    fn evaluate(&mut self, game: &G, batch: &[(&G::State, &[G::Action])]) -> Result<Vec<Evaluation>, Infallible> {
        self.leaves += batch.len() as u64;
        let mut value = [0.0; SEATS_MAX];
        Seat::all(game.seats()).for_each(|seat| value[seat.index()] = 1.0 / game.seats() as f32);
        Ok(batch.iter().map(|(_, legal)| Evaluation { logits: vec![0.0; legal.len()], value }).collect())
    }

    fn leaves(&self) -> u64 {
        self.leaves
    }
}
