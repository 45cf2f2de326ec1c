//! Real processes under attack: killed, paused, cut off, out of space, on a disk that fails, with flipped bits. A writer notes what was acknowledged;
//! afterwards the logs must hold exactly that.
//!
//! By default each attack is short, and always the same. `KIFU_ATTACK_ROUNDS=100` (see `tools/test-long`) makes it long, with a seed of
//! its own; `KIFU_ATTACK_SEED` repeats a run.

#![allow(clippy::print_stderr, clippy::unwrap_used, reason = "tests")]

mod bits;
mod disk;
mod kill;
mod network;
mod oracle;
mod pause;
mod support;
mod sync;
