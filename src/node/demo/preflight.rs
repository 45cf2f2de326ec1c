//! What a demo needs before it makes anything.

use std::path::Path;
use std::process::{Command, Stdio};

use crate::cli::{ExitCode, Failure};

/// Whether the worker program starts. Without one the cluster would wait for somebody who can make its first model.
///
/// # Errors
/// What it says, and what to do.
pub fn worker_starts(program: &Path) -> Result<(), Failure> {
    let hint = "build it with `tools/demo --build-only`, which sets up libtorch, too";
    let tried = Command::new(program).arg("--version").stdin(Stdio::null()).output();
    let reason = match tried {
        Ok(output) if output.status.success() => return Ok(()),
        Ok(output) => {
            let words = String::from_utf8_lossy(&output.stderr).into_owned();
            let last = words.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or("it says nothing");
            format!("it ended with {}: {}", output.status, last.trim())
        }
        Err(error) => error.to_string(),
    };
    let message = format!("the worker {} does not start: {reason}", program.display());
    Err(Failure::new(ExitCode::NotFound, message).hint(hint))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_worker_that_is_missing_or_ends_with_an_error_is_said() {
        let missing = worker_starts(Path::new("/does/not/exist/kifu-worker")).expect_err("there is none");
        assert!(missing.message.contains("No such file") && missing.hint.is_some(), "{missing}");
        let broken = worker_starts(Path::new("false")).expect_err("it ends");
        assert!(broken.message.contains("the worker false does not start: it ended with exit status: 1"), "{broken}");
        assert_eq!(worker_starts(Path::new("true")), Ok(()));
    }
}
