//! The kinds of jobs that this worker runs, one file each.

mod error;
mod gauntlet;
mod init_model;
mod run;
mod self_play;
mod train;
mod usage;

pub use error::JobError;
pub use run::{Workshop, run};
