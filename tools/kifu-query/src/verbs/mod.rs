//! One file for each verb.

pub mod artifacts;
pub mod campaign;
pub mod completion;
pub mod config;
pub mod counts;
pub mod datasets;
pub mod digests;
pub mod events;
pub mod games;
pub mod gauntlets;
pub mod get;
pub mod hosts;
pub mod jobs;
pub mod leader;
pub mod models;
pub mod projections;
pub mod ratings;
pub mod status;
pub mod training;
pub mod wait;
pub mod whoami;
