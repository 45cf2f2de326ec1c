//! RingRift from outside.

mod allocations;
mod parity;
