//! Exit codes, and failures on their way to one.

use std::fmt::Display;
use std::io::Write;
use std::process::Termination;

/// The codes, for the end of a program's help.
pub const HELP: &str = "Exit codes: 0 ok, 1 failure, 2 usage, 3 not found, 4 not leader or unavailable, 5 conflict, \
6 unhealthy, 7 differences found, 8 not placed, 124 timeout, 130 interrupted";

/// How every program of the house ends. Scripts rely on these numbers; they never change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum ExitCode {
    /// All went well.
    Ok = 0,
    /// It failed, for a reason that has no code of its own.
    Failure = 1,
    /// The command line is wrong.
    Usage = 2,
    /// What was asked for does not exist.
    NotFound = 3,
    /// No node answers, or the one that does is not the leader and knows none.
    Unavailable = 4,
    /// The state is not what the request expects.
    Conflict = 5,
    /// The cluster, a node or a log is unhealthy.
    Unhealthy = 6,
    /// Two things that were compared differ.
    Differences = 7,
    /// Work was accepted but no host can take it.
    NotPlaced = 8,
    /// Time ran out.
    Timeout = 124,
    /// The user interrupted.
    Interrupted = 130,
}

impl ExitCode {
    /// Every code, in order of number.
    pub const ALL: &'static [ExitCode] = &[
        ExitCode::Ok,
        ExitCode::Failure,
        ExitCode::Usage,
        ExitCode::NotFound,
        ExitCode::Unavailable,
        ExitCode::Conflict,
        ExitCode::Unhealthy,
        ExitCode::Differences,
        ExitCode::NotPlaced,
        ExitCode::Timeout,
        ExitCode::Interrupted,
    ];

    /// The number that the shell sees.
    pub fn number(self) -> u8 {
        self as u8
    }

    /// What it means, for `--help` and the docs.
    pub fn meaning(self) -> &'static str {
        match self {
            ExitCode::Ok => "ok",
            ExitCode::Failure => "failure",
            ExitCode::Usage => "usage",
            ExitCode::NotFound => "not found",
            ExitCode::Unavailable => "not leader or unavailable",
            ExitCode::Conflict => "conflict",
            ExitCode::Unhealthy => "unhealthy",
            ExitCode::Differences => "differences found",
            ExitCode::NotPlaced => "not placed",
            ExitCode::Timeout => "timeout",
            ExitCode::Interrupted => "interrupted",
        }
    }
}

impl Termination for ExitCode {
    fn report(self) -> std::process::ExitCode {
        std::process::ExitCode::from(self.number())
    }
}

impl From<ExitCode> for std::process::ExitCode {
    fn from(code: ExitCode) -> Self {
        code.report()
    }
}

/// An expected error: what to tell the user, and the code to end with.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Failure {
    /// The code to end with.
    pub code: ExitCode,
    /// What failed, on what, and why.
    pub message: String,
    /// What to do about it, or what was perhaps meant.
    pub hint: Option<String>,
}

impl Failure {
    /// A failure with a code.
    pub fn new(code: ExitCode, message: impl Display) -> Failure {
        Failure { code, message: message.to_string(), hint: None }
    }

    /// A failure without a code of its own.
    pub fn general(message: impl Display) -> Failure {
        Failure::new(ExitCode::Failure, message)
    }

    /// A wrong command line that clap could not see.
    pub fn usage(message: impl Display) -> Failure {
        Failure::new(ExitCode::Usage, message)
    }

    /// The same failure with advice.
    #[must_use]
    pub fn hint(self, hint: impl Display) -> Failure {
        Failure { hint: Some(hint.to_string()), ..self }
    }

    /// Writes `error: …` and `hint: …`, as every program shows a failure.
    ///
    /// # Errors
    /// What the writer says.
    pub fn write_to(&self, mut out: impl Write) -> std::io::Result<()> {
        writeln!(out, "error: {}", self.message)?;
        self.hint.iter().try_for_each(|hint| writeln!(out, "hint: {hint}"))
    }
}

/// A reader that went away (`… | head`) is no failure of ours; all else that cannot be written is.
impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Failure {
        match error.kind() {
            std::io::ErrorKind::BrokenPipe => Failure { code: ExitCode::Ok, message: String::new(), hint: None },
            _ => Failure::general(error),
        }
    }
}

/// Runs a program's body and shows its failure on stderr.
pub fn run(body: impl FnOnce() -> Result<ExitCode, Failure>) -> ExitCode {
    match body() {
        Ok(code) => code,
        Err(failure) => {
            if !failure.message.is_empty() {
                // Nobody is left to tell when stderr is closed too.
                let _ = failure.write_to(std::io::stderr().lock());
            }
            failure.code
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use expect_test::expect;

    #[test]
    fn the_numbers_are_the_contract() {
        let table: String =
            ExitCode::ALL.iter().map(|code| format!("{} {}\n", code.number(), code.meaning())).collect();
        expect![[r#"
            0 ok
            1 failure
            2 usage
            3 not found
            4 not leader or unavailable
            5 conflict
            6 unhealthy
            7 differences found
            8 not placed
            124 timeout
            130 interrupted
        "#]]
        .assert_eq(&table);
    }

    #[test]
    fn a_failure_says_what_and_what_to_do() {
        let mut text = vec![];
        let failure = Failure::new(ExitCode::NotFound, "there is no job/a").hint("did you mean job/b?");
        failure.write_to(&mut text).expect("memory");
        assert_eq!(String::from_utf8_lossy(&text), "error: there is no job/a\nhint: did you mean job/b?\n");
    }

    #[test]
    fn a_closed_pipe_is_not_a_failure() {
        let broken = std::io::Error::from(std::io::ErrorKind::BrokenPipe);
        assert_eq!(run(|| Err(broken.into())), ExitCode::Ok);
        let full = std::io::Error::from(std::io::ErrorKind::StorageFull);
        assert_eq!(Failure::from(full).code, ExitCode::Failure);
    }
}
