//! Floor 1: judgement. Who is stronger, how sure that is, and what must not count.
//!
//! Pure arithmetic on counted results, so that every node, the replay tool and a test get the same numbers: sums are of integers
//! or in an order that the data fixes, and only operations that IEEE 754 rounds correctly are used ([`exact`] holds the
//! logarithm and the exponential made of them).
//!
//! - [`elo`]: strengths as Elo differences and as win probabilities; parity is `1/n` for `n` players.
//! - [`groups`]: the statistical unit, one opening played in all seat rotations.
//! - [`sequential`]: the generalised sequential probability ratio test on groups.
//! - [`ratings`]: maximum-likelihood ratings (Bradley–Terry, Plackett–Luce) with intervals and pinned anchors.
//! - [`canary`]: whether the evaluator itself can be believed.
#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

pub mod canary;
pub mod elo;
pub mod exact;
pub mod groups;
pub mod ratings;
pub mod sequential;
#[cfg(test)]
mod tests;

pub use canary::{Canary, Faulty};
pub use groups::{GroupScores, units_per_game};
pub use ratings::{Ledger, Rating};
pub use sequential::{Bounds, Standing};
