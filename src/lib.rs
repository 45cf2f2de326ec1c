//! Kifu: an event-sourced control plane for self-play training clusters.
//!
//! A node *observes*, the cluster *agrees on the order*, every node *folds* the same facts to the same state, only the
//! leader *decides*, and its decisions are facts too. See `ARCHITECTURE.md` for the road of an event.
//!
//! # Layout, lowest floor first
//!
//! Imports point down only.

pub mod event;

pub mod game;
pub mod judge;
pub mod log;
pub mod projection;

pub mod learn;
pub mod net;
pub mod policy;
pub mod search;

pub mod artifact;
pub mod replay;
pub mod replica;
pub mod work;

pub mod node;

pub mod cli;

#[doc(hidden)]
pub mod broken;
