//! Jobs and programs for tests.

use std::path::{Path, PathBuf};

use kifu::event::jobs::{ExternalSpec, JobSpec};
use kifu::event::{JobId, Seq};
use kifu::work::protocol::Assignment;
use kifu::work::worker::{Backoff, WorkerLimits, WorkerProgram};

/// Generous limits: a test that should not reach one never does, even on a busy machine.
pub fn limits() -> WorkerLimits {
    WorkerLimits {
        hello_ms: 60_000,
        stall_ms: 60_000,
        cancel_ms: 60_000,
        exit_ms: 60_000,
        jobs_max: 100,
        backoff: Backoff { base_ms: 1, cap_ms: 1 },
    }
}

/// The misbehaving worker in one of its modes.
pub fn program(mode: &str, more: &[&Path]) -> WorkerProgram {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/work/fake_worker.py");
    let mut argv = vec!["python3".to_owned(), script.display().to_string(), mode.to_owned()];
    argv.extend(more.iter().map(|path| path.display().to_string()));
    WorkerProgram { name: mode.to_owned(), argv, env: Default::default() }
}

/// An external job with a scratch folder below `dir`.
pub fn assignment(dir: &Path, program: &str, token: u64) -> Assignment {
    let scratch: PathBuf = dir.join(format!("scratch-{token}"));
    std::fs::create_dir_all(&scratch).expect("a folder");
    Assignment {
        job: JobId::new(format!("test-{token}")),
        token: Seq(token),
        plan: None,
        spec: JobSpec::External(ExternalSpec { program: program.to_owned(), params: "{}".to_owned(), inputs: vec![] }),
        inputs: Default::default(),
        scratch,
        weights: Default::default(),
        taught: false,
        checkpoint: None,
    }
}
