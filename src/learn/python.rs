//! Python for tests of what other programs read: with the packages that `tools/setup` fetches into `.python/`.

use std::io::Write as _;
use std::process::Command;

/// A `python3` that can import `packages`. None where it cannot: that fails in CI (where `CI` is set), and is said aloud elsewhere, past
/// the test runner's capture, because a check that did not run must not look like one that passed.
pub(crate) fn with(packages: &str) -> Option<Command> {
    let python = || {
        let mut command = Command::new("python3");
        command.env("PYTHONPATH", concat!(env!("CARGO_MANIFEST_DIR"), "/.python"));
        command
    };
    let probe = python().args(["-c", &format!("import {packages}")]).output();
    if probe.as_ref().is_ok_and(|output| output.status.success()) {
        return Some(python());
    }
    let reason = match probe {
        Ok(output) => String::from_utf8_lossy(&output.stderr).trim().to_owned(),
        Err(error) => error.to_string(),
    };
    assert!(std::env::var_os("CI").is_none(), "python3 cannot import {packages}; run tools/setup: {reason}");
    let _ = writeln!(std::io::stderr(), "NOT RUN: a test needs python3 with {packages}; run tools/setup");
    None
}
