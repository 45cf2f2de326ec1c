//! Connect Four: seven columns, six rows, four in a row wins.
//!
//! `board` holds the bitboards, `rules` the contract of a game, `planes` how a net sees it.

mod board;
mod planes;
mod rules;
#[cfg(test)]
mod tests;

pub use board::Board;
pub use rules::{Column, ConnectFour};
