//! Benchmarks of a cluster of real processes on this machine: what `kifu-node bench` runs.
//!
//! [`Cluster`] is a few nodes on loopback that have nothing to do; [`load`] writes notes into it as a client would;
//! [`append`], [`failover`], [`catchup`] and [`replay`] each measure one thing and return rows. Speed is measured here and
//! never asserted. [`usage`] reads what the processes used.

pub mod append;
pub mod catchup;
pub mod cluster;
pub mod failover;
pub mod load;
pub mod replay;
pub mod usage;

pub use cluster::{BenchOptions, Cluster};
