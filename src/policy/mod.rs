//! Floor 2: decisions. Pure functions of the state, of what the leader has heard, and of the time it is told.
//!
//! Only the leader calls them. [`admission::admit`] checks a command once and turns it into facts or refuses it.
//! [`decide_all`] asks every policy what has to happen now; each policy is the only decider of its kind of decision.
//! What they return are facts to be appended; nothing happens before they are in the log.
#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

pub mod admission;
pub mod assessment;
pub mod attestation;
pub mod campaign;
mod canary;
pub mod dataset;
pub mod digest;
pub mod gauntlet;
pub mod hosts;
pub mod leases;
pub mod limits;
pub mod liveness;
pub mod membership;
pub mod names;
pub mod novelty;
pub mod plan;
pub mod promotion;
pub mod provenance;
pub mod quality;
pub mod quorum;
pub mod ratings;
pub mod repair;
pub mod seats;
pub mod self_play;
pub mod sequential;
#[cfg(test)]
mod simulation;
pub mod stages;
pub mod teaching;
#[cfg(test)]
pub(crate) mod testing;
pub mod training;
pub mod upgrade;
pub mod verification;
pub mod view;
pub mod weighing;

pub use admission::{Refusal, admit};
pub use liveness::{Build, Heard, Liveness};
pub use view::{Decision, View, decide_all};
