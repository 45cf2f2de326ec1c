//! Commands become facts here, once, or are refused.
//!
//! [`admit`] checks a proposal against the state of the last record: whether it was admitted before, who sends it, and
//! whether it makes sense. Its decisions belong together: append them in one batch, or none of them. One file for each
//! domain of commands.

mod admit;
mod artifacts;
mod claims;
mod cluster;
pub mod config;
#[cfg(test)]
mod exactly_once;
mod history;
mod identity;
mod leases;
mod members;
mod notes;
mod outcomes;
mod refusal;
mod restore;
mod results;
#[cfg(test)]
mod results_tests;
mod submissions;
mod text;

pub use admit::admit;
pub use cluster::{check_cluster_name, check_member};
pub use config::check as check_config;
pub use refusal::Refusal;
