//! The deterministic simulation: whole clusters in one thread, with a clock, a network and disks that do their worst.
//!
//! [`run`] is one run of one seed; [`faults`] what goes wrong in it; [`invariants`] what must hold all the same. The nodes
//! are the real ones down to the log's disk, the outbox's shelf and the UDP socket ([`node`]). A process runs one seed
//! ([`seeds`]): the same seed gives the same trace, in every process.
//!
//! `tools/simulate --seeds 1..500` runs many, `tools/simulate --seed 7` one again, `tools/simulate --prove` shows that
//! builds with a defect are caught.

#![allow(clippy::print_stdout, clippy::print_stderr, clippy::unwrap_used, reason = "a program that reports to people")]

mod bulk;
mod calm;
mod client;
mod clusters;
mod dice;
mod faults;
mod invariants;
mod machine;
mod net;
mod node;
mod operator;
mod oracle;
mod os;
mod plan;
#[cfg(feature = "broken")]
mod prove;
mod report;
mod run;
mod trace;
mod watcher;
mod wires;
mod world;
