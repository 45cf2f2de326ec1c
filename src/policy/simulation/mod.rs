//! Whole campaigns without a machine: the real fold, the real admission and the real policies, with hosts, clocks and
//! results made up from a seed. A failing test names its seed.

mod checks;
mod cluster;
mod golden;
mod hosts;
mod results;
mod tests;
