//! Calls into sled: it may panic on damaged files, and a lock that somebody else is about to let go of is no failure.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

/// How far apart a locked database is tried: a process that was just killed, or is just being forked, may hold the lock a moment longer,
/// and so may a thread of sled's own after the database was dropped.
const LOCK_WAIT: Duration = Duration::from_millis(50);
/// How long it is tried at a start, when nothing else can be done: on a busy machine such a thread may take seconds.
pub(crate) const AT_A_START: Duration = Duration::from_secs(10);
/// How long it is tried while others wait.
pub(crate) const MEANWHILE: Duration = Duration::from_secs(1);

/// Why sled did not do what it was asked to do. Callers say on which path.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SledFault {
    /// Another process has the database open.
    #[error("it is in use by another process")]
    InUse,
    /// The system refused.
    #[error("{0}")]
    Io(io::Error),
    /// sled found something that it did not write, or panicked.
    #[error("{0}")]
    Damaged(String),
}

/// Runs a call into sled; its panic is an error.
///
/// # Errors
/// What sled, or the system, said.
pub(crate) fn guarded<T>(call: impl FnOnce() -> sled::Result<T>) -> Result<T, SledFault> {
    match catch_unwind(AssertUnwindSafe(call)) {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(sled::Error::Io(error))) if is_locked(&error) => Err(SledFault::InUse),
        Ok(Err(sled::Error::Io(error))) => Err(SledFault::Io(error)),
        Ok(Err(error)) => Err(SledFault::Damaged(error.to_string())),
        Err(panic) => {
            let words = panic.downcast_ref::<String>().map(String::as_str);
            let words = words.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("no message");
            Err(SledFault::Damaged(format!("sled panicked: {words}")))
        }
    }
}

/// Opens a database, and tries that for so long if it is locked.
///
/// # Errors
/// As [`guarded`].
pub(crate) fn open_patiently(config: &sled::Config, patience: Duration) -> Result<sled::Db, SledFault> {
    for _ in 0..patience.as_millis() / LOCK_WAIT.as_millis() {
        match guarded(|| config.open()) {
            Err(SledFault::InUse) => std::thread::sleep(LOCK_WAIT),
            other => return other,
        }
    }
    guarded(|| config.open())
}

/// sled wraps the lock's error in words.
fn is_locked(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::WouldBlock || error.to_string().contains("could not acquire lock")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[expect(clippy::disallowed_methods, reason = "somebody else has to hold the lock")]
    fn a_lock_that_is_let_go_of_soon_is_waited_for() {
        let dir = tempfile::tempdir().expect("a folder");
        let config = sled::Config::new().path(dir.path());
        let held = open_patiently(&config, AT_A_START).expect("nobody has it");
        assert!(matches!(guarded(|| config.open()), Err(SledFault::InUse)));
        let soon = std::thread::spawn(move || {
            std::thread::sleep(2 * LOCK_WAIT);
            drop(held);
        });
        // Once it is dropped a thread of sled's own may still hold it, on a busy machine for longer than patience lasts.
        let opened = loop {
            match open_patiently(&config, AT_A_START) {
                Err(SledFault::InUse) => {}
                other => break other,
            }
        };
        opened.expect("it was let go of");
        soon.join().expect("dropped");
    }

    #[test]
    fn a_panic_is_an_error_with_its_words() {
        let fault = guarded::<()>(|| panic!("page {} is gone", 7)).expect_err("it panicked");
        assert_eq!(fault.to_string(), "sled panicked: page 7 is gone");
    }
}
