//! Every decoder against bytes that nobody meant to write.
//!
//! Each target has valid samples; they are changed at random (`mutate`), mended where a checksum would hide what lies behind
//! it, and given to the decoder (`harness`). It must not panic, hang, or take more memory than its bound, and what it accepts
//! must read back as it is written again.
//!
//! A case follows from its target's name, the seed and its number, and from nothing else. A failure prints the line that runs
//! it again:
//!
//! ```text
//! KIFU_FUZZ_SEED=1 KIFU_FUZZ_ONLY=4711 cargo test --test fuzz TARGET
//! ```
//!
//! `KIFU_FUZZ_CASES` is the number of cases of each target (1,000 unless it is set; the long suite takes a hundred times as
//! many).
#![allow(clippy::unwrap_used, missing_docs)]

mod allocator;
mod api;
mod events;
mod games;
mod golden;
mod harness;
mod log;
mod mutate;
mod peers;
mod state;
mod work;
