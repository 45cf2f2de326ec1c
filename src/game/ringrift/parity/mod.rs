//! Parity: recorded games of the reference engines replay without a difference.
//!
//! `lines` are the lines of a vector file, `texts` the legal list as text, `replay` compares one game or case, `file` goes through a
//! file and counts, `difference` says what differs.

mod difference;
mod file;
mod lines;
mod replay;
mod texts;

pub use difference::Difference;
pub use file::{LINE_BYTES_MAX, Parity, Unreadable, check, check_file};
pub use texts::LegalTexts;
