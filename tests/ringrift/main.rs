//! RingRift from outside.

mod parity;
