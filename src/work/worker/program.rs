//! Which programs are workers, and what they are allowed.

use std::collections::BTreeMap;

use super::backoff::Backoff;

/// A program that can be started as a worker.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WorkerProgram {
    /// What people call it, in logs and errors.
    pub name: String,
    /// The program and its arguments. A program without a slash is looked up in `PATH`.
    pub argv: Vec<String>,
    /// Variables set for it, besides the node's own.
    #[serde(default)]
    pub env: BTreeMap<String, String>,
}

/// What workers are allowed before they are killed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WorkerLimits {
    /// Time to say hello, in milliseconds. Loading libtorch on a busy machine takes some.
    pub hello_ms: u64,
    /// Time without a line while a job runs, in milliseconds.
    pub stall_ms: u64,
    /// Time to end a job that was cancelled, in milliseconds.
    pub cancel_ms: u64,
    /// Time to exit after `shutdown`, and again after SIGTERM, in milliseconds. Then comes SIGKILL.
    pub exit_ms: u64,
    /// Jobs after which a worker is replaced by a fresh one, against slow leaks.
    pub jobs_max: u32,
    /// How long a program that failed is left alone.
    pub backoff: Backoff,
}

impl Default for WorkerLimits {
    fn default() -> Self {
        WorkerLimits {
            hello_ms: 60_000,
            stall_ms: 60_000,
            cancel_ms: 5_000,
            exit_ms: 2_000,
            jobs_max: 500,
            backoff: Backoff::default(),
        }
    }
}
