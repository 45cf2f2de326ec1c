//! What a search asks of a net.

use crate::game::{Game, SEATS_MAX};

/// A net's opinion of one position.
#[derive(Clone, Debug, PartialEq)]
pub struct Evaluation {
    /// One logit for each legal action, in the order of [`Game::legal`].
    pub logits: Vec<f32>,
    /// Win probability of each seat (absolute, not rotated); unused seats hold 0.
    pub value: [f32; SEATS_MAX],
}

/// Evaluates positions in batches. Search never flips signs and never sees a net's internals.
pub trait Evaluator<G: Game> {
    /// What went wrong, when a batch cannot be evaluated.
    type Error: std::error::Error + Send + Sync + 'static;

    /// Evaluates every position, in order. Each comes with its legal actions; none is over.
    ///
    /// # Errors
    /// When the batch as a whole failed. There is no fallback: the caller voids what depended on it.
    fn evaluate(&mut self, game: &G, batch: &[(&G::State, &[G::Action])]) -> Result<Vec<Evaluation>, Self::Error>;

    /// Positions evaluated so far; games attest this number.
    fn leaves(&self) -> u64;
}
