//! Floor 1: the rules of games. Knows nothing of the rest of the house.
//!
//! [`Game`] is what every game implements: any number of seats from 2 to 4, phases within a turn, and action spaces from
//! seven columns to tens of thousands of ids. [`Planes`] is how a net sees a position, [`Sketch`] how it sees an action. [`Seat`] is the only way to name a player.
//! [`registry`] is the closed list of games; [`record`] is a game on paper, and the check that it replays.

pub mod connect4;
pub mod outcome;
pub mod planes;
pub mod record;
pub mod registry;
pub mod ringrift;
pub mod rules;
pub mod seat;
pub mod sketch;

pub use outcome::Outcome;
pub use planes::{PlaneShape, Planes};
pub use rules::{ActionId, Game, IllegalAction};
pub use seat::{SEATS_MAX, Seat};
pub use sketch::{PolicyShape, Sketch};
