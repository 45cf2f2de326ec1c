//! RingRift: stacks of rings that leave markers, make lines and enclose territory, on four boards for two to four players.
//!
//! One file per concept. `board` and `geometry` are the boards, `stack` and `state` a position, `moves` and `notation` what can be
//! played and how it is written. `turn` is the flow of a turn; `placement`, `movement`, `lines`, `territory`, `recovery` and
//! `elimination` are its phases; `victory` and `lps` its ends. `actions` numbers the moves, `planes` is how a net sees a position and
//! `sketch` how it sees a move, `draw` and `picture` how people do, and `parity` compares with games of the reference engines.

mod actions;
mod bits;
mod board;
mod cell;
mod draw;
mod elimination;
mod game;
mod geometry;
mod heuristic;
mod lines;
mod lps;
mod movement;
mod moves;
mod notation;
pub mod parity;
mod picture;
mod placement;
mod planes;
mod recovery;
mod rules;
mod sight;
mod sketch;
mod stack;
mod state;
mod territory;
#[cfg(test)]
mod tests;
mod text;
mod turn;
mod victory;

pub use actions::Block;
pub use bits::{Bits, Cells};
pub use board::{Board, Config, LPS_ROUNDS};
pub use cell::Cell;
pub use game::{HexagonalRingRift, RingRift, SmallRingRift, Square19RingRift};
pub use moves::{Border, Extent, Move};
pub use notation::NotationError;
pub use stack::Stack;
pub use state::{End, LpsTracker, Phase, Reason, State, Turn};
pub use text::{Fnv, StateTextError};
