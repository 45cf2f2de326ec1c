//! An exact solver: whether the mover wins, draws or loses against every defence.
//!
//! `position` holds the bit tricks, `table` what was found before, `search` the alpha-beta search. How far away a win is plays
//! no part: an action is optimal when no other has a better outcome.

mod position;
mod search;
mod table;
#[cfg(test)]
mod tests;

pub use search::{Solver, Value};
