//! Floor 1: the rules of games. Knows nothing of the rest of the house.
//!
//! [`Game`] is what every game implements: any number of seats from 2 to 4, phases within a turn, and action spaces from
//! seven columns to tens of thousands of ids. [`Planes`] is how a net sees a position. [`Seat`] is the only way to name a player.

pub mod outcome;
pub mod planes;
pub mod rules;
pub mod seat;

pub use outcome::Outcome;
pub use planes::{PlaneShape, Planes};
pub use rules::{ActionId, Game, IllegalAction};
pub use seat::{SEATS_MAX, Seat};
