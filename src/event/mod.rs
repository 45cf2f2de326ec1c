//! Floor 0: the vocabulary of the house.
//!
//! Ids and units ([`mod@id`], [`mod@unit`]), one file per domain of events, the closed [`Event`] enum with its registry of
//! kinds and versions ([`registry`]), the [`Record`] that wraps an event in the log ([`record`]), and the
//! [`Command`]s that nodes and people propose ([`command`]).
//!
//! Invariants: an event is a past-tense fact and is never rejected on replay; the bytes of an event are a pure
//! function of its value; a released body is never edited (see `schema/`).

pub mod artifacts;
mod body;
pub mod campaign;
pub mod cluster;
pub mod command;
pub mod config;
pub mod config_v1;
pub mod datasets;
pub mod error;
pub mod evaluation;
pub mod games;
pub mod history;
pub mod id;
pub mod identity;
pub mod jobs;
pub mod judgement;
pub mod membership;
pub mod models;
pub mod notes;
pub mod quality;
pub mod record;
pub mod registry;
#[doc(hidden)]
pub mod samples;
pub mod training;
pub mod unit;

pub use command::{Command, Proposal};
pub use error::EventError;
pub use id::*;
pub use record::{Draft, Record, RecordJson};
pub use registry::{Event, FORMAT_VERSION, Kind, Lower};
pub use unit::{Millis, Real, Seq, Term};
