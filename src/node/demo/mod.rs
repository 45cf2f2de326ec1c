//! The demo: a whole cluster on one machine, each node a process of its own, from nothing to a promoted champion.
//!
//! It uses only what anybody could: the node program and the client API. [`fleet`] starts and kills processes, [`watch`] asks
//! the nodes how it goes, [`teller`] tells people, [`chaos`] kills a node once per generation, [`report`] is what is shown at the end,
//! with what the solver says of the champion ([`truth`]). [`preflight`] looks before anything is made whether there is a worker.

pub mod chaos;
pub mod fleet;
pub mod options;
pub mod preflight;
pub mod report;
pub mod run;
pub mod teller;
pub mod truth;
pub mod watch;

pub use options::{DemoOptions, config_for, quick_config};
pub use report::Report;
pub use run::Demo;
