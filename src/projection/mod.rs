//! Floor 1: the state of the cluster as a fold over its log.
//!
//! [`State`] holds all projections and is a pure function of the records it was given: [`State::apply`] does no I/O,
//! reads no clock, draws no random number and never fails; a projection that panics nevertheless stops alone ([`halt`]). A record that refers to something unknown is
//! ignored, the same way on every node. Same log, same bytes.
//!
//! A projection is one or more [`table::Table`]s: rows of plain data with a digest that is kept up to date row by row.
//! [`snapshot`] turns a state into bytes and back, [`store`] keeps its rows in sled. Both can be thrown away: the log
//! is the truth.
#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

pub mod api_tokens;
pub mod artifacts;
pub mod campaign;
pub mod certificates;
pub mod cluster;
pub mod config;
pub mod counts;
pub mod datasets;
pub mod dedupe;
pub mod digests;
pub mod divergences;
pub mod error;
#[cfg(test)]
mod folds;
pub mod games;
pub mod gauntlets;
pub(crate) mod guard;
pub mod halt;
pub mod hosts;
pub mod jobs;
pub mod key;
pub mod leadership;
pub mod membership;
pub mod models;
pub mod producers;
#[cfg(test)]
mod properties;
pub mod quality;
pub mod quorum;
mod row;
pub mod snapshot;
pub mod state;
pub mod store;
pub mod table;
#[cfg(test)]
pub(crate) mod testing;
pub mod tokens;
pub mod training;

pub use error::ProjectionError;
pub use halt::Halt;
pub use state::{Projection, State};
pub use store::{Checkpoints, Save, Store};
