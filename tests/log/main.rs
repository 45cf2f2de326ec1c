//! The event log: one suite on the real disk and on its twin in memory, then crashes, damage and faults.

mod base;
mod crash;
mod damage;
mod driven;
mod faults;
mod golden;
mod kill;
mod model;
mod raft_suite;
mod reader;
mod repair;
mod suite;
mod support;
mod verify;
