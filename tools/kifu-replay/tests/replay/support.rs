//! Runs the program.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// What a run left behind.
pub struct Run {
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
}

pub fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures").join(name)
}

/// Runs the program with these arguments and nothing in its environment.
pub fn run(args: &[&str]) -> Run {
    let mut command = Command::new(env!("CARGO_BIN_EXE_kifu-replay"));
    command.args(args).env_clear().env("RUST_BACKTRACE", "0");
    let output = command.output().expect("the program starts");
    let text = |bytes| String::from_utf8(bytes).expect("text");
    Run { code: output.status.code().expect("no signal"), stdout: text(output.stdout), stderr: text(output.stderr) }
}

/// Runs the program with these words on its stdin.
pub fn run_with(args: &[&str], words: &str) -> Run {
    let mut command = Command::new(env!("CARGO_BIN_EXE_kifu-replay"));
    command.args(args).env_clear().stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("the program starts");
    child.stdin.take().expect("piped").write_all(words.as_bytes()).expect("it listens");
    let output = child.wait_with_output().expect("it ends");
    let text = |bytes| String::from_utf8(bytes).expect("text");
    Run { code: output.status.code().expect("no signal"), stdout: text(output.stdout), stderr: text(output.stderr) }
}

/// Runs a verb on a directory.
pub fn on(data: &Path, args: &[&str]) -> Run {
    let mut all = vec!["--data", data.to_str().expect("text"), "--time", "iso"];
    all.extend(args);
    run(&all)
}

/// A copy of the golden log that a test may change.
pub fn copy() -> tempfile::TempDir {
    let copy = tempfile::tempdir().expect("a folder");
    for file in std::fs::read_dir(fixture("log-v1")).expect("the golden log") {
        let path = file.expect("readable").path();
        std::fs::copy(&path, copy.path().join(path.file_name().expect("a name"))).expect("copied");
    }
    copy
}
