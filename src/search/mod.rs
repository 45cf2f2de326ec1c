//! Floor 2: planning. Gumbel Monte Carlo tree search over any [`crate::game::Game`], and fixed opponents.
//!
//! [`gumbel`] is the search: sans-IO, it asks for evaluations and never waits for them. [`selfplay`] and [`mod@matches`] drive
//! many games at once through an [`Evaluator`], one leaf of each game in every batch. [`players`] are the opponents without
//! a net. Whatever is random follows from a seed and the number of the game, never from how games are batched.

mod batch;
pub mod budget;
pub mod error;
pub mod evaluator;
pub mod exam;
pub mod gumbel;
pub mod judgement;
pub mod matches;
pub mod players;
pub mod playouts;
#[cfg(test)]
mod ringrift_tests;
pub mod seeds;
pub mod selfplay;
#[cfg(test)]
mod solved;
#[cfg(test)]
mod testing;
pub mod uniform;
mod wander;

pub use budget::Budget;
pub use error::{PlayError, SearchError};
pub use evaluator::{Evaluation, Evaluator};
pub use gumbel::{Decision, Recipe, Search, Step};
pub use judgement::Judgement;
pub use matches::{Contender, GamePlayed, MatchPlan, MatchProgress, MatchResult, SeatPlayed, play_groups};
pub use players::{AlphaBeta, Greedy, Planner, Player, UniformRandom};
pub use playouts::{PlayoutCounts, Playouts};
pub use selfplay::{SelfPlayPlan, SelfPlayProgress, play_games};
pub use uniform::UniformEvaluator;
