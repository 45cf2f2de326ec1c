//! Worker processes: started, spoken to, watched and, when they break the protocol, killed.
//!
//! [`WorkerProcess`] is one process; [`WorkerPool`] keeps some of them and gives each job one of the right kind. A worker's
//! word is never trusted: every line is bounded, checked against the job that runs, and files that it names must lie in
//! the job's scratch folder (`check`).

mod backoff;
mod check;
mod error;
mod group;
mod lines;
mod pool;
mod process;
mod program;
mod stderr;

pub use backoff::Backoff;
pub use check::{FILES_MAX, OUTPUT_BYTES_MAX, scratch_file};
pub use error::WorkerError;
pub use pool::WorkerPool;
pub use process::{EVENTS_MAX, JobEnd, WorkerEvent, WorkerProcess};
pub use program::{WorkerLimits, WorkerProgram};
