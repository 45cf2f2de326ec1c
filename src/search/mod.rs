//! Floor 2: planning. Gumbel Monte Carlo tree search over any [`crate::game::Game`], and fixed opponents.

pub mod evaluator;

pub use evaluator::{Evaluation, Evaluator};
