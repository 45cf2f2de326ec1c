//! Two machines meet over QUIC on loopback: the right ones, the wrong ones, and the hostile ones.
#![allow(clippy::unwrap_used, missing_docs)]

mod admission;
mod flood;
mod handshake;
mod hostile;
mod hostile_handshake;
mod identities;
mod raw;
mod renewal;
mod replays;
mod restart;
mod strangers;
mod streams;
mod support;
