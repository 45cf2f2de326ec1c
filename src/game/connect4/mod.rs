//! Connect Four: seven columns, six rows, four in a row wins.
//!
//! `board` holds the bitboards, `rules` the contract of a game, `planes` how a net sees it,
//! [`solver`] what is true about a position.

mod board;
mod planes;
pub mod problems;
mod rules;
pub mod solver;
#[cfg(test)]
mod tests;

pub use board::Board;
pub use rules::{Column, ConnectFour};
