//! One process at a time on a data directory.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, Write};
use std::time::{Duration, Instant};

use rustix::process::{Pid, test_kill_process};

use super::error::NodeError;
use super::layout::Layout;

/// How long a lock is waited for whose holder is gone. A process that was killed while it started a worker leaves a child that holds all it held,
/// ports too, until the child has become the worker.
const GONE_WAIT: Duration = Duration::from_secs(2);
/// How often it is tried meanwhile.
const TRY_EVERY: Duration = Duration::from_millis(20);

/// Held while a node runs on a data directory; freed by the system when the process ends, however it ends.
#[derive(Debug)]
pub struct DirLock {
    _file: File,
}

impl Layout {
    /// Takes the data directory for this process. What a killed process held besides is free then, too.
    ///
    /// # Errors
    /// [`NodeError::Locked`] when another process has it.
    pub fn lock(&self) -> Result<DirLock, NodeError> {
        let path = self.root().join("lock");
        let options = OpenOptions::new().create(true).read(true).write(true).truncate(false).clone();
        let mut file = options.open(&path).map_err(NodeError::io(&path))?;
        let deadline = Instant::now() + GONE_WAIT;
        loop {
            // Before it is tried: who stood still for that long has not seen yet whether it is free by now.
            let late = Instant::now() > deadline;
            match file.try_lock() {
                Ok(()) => break,
                Err(TryLockError::Error(source)) => return Err(NodeError::Io { path, source }),
                Err(TryLockError::WouldBlock) => {
                    let holder = noted(&mut file);
                    if late || holder.is_none_or(lives) {
                        let pid = holder.map_or("unknown".to_owned(), |holder| holder.as_raw_pid().to_string());
                        return Err(NodeError::Locked { path: self.root().to_owned(), pid });
                    }
                    std::thread::sleep(TRY_EVERY);
                }
            }
        }
        note(&mut file).map_err(NodeError::io(&path))?;
        Ok(DirLock { _file: file })
    }
}

/// The process that noted last that it holds the lock.
fn noted(file: &mut File) -> Option<Pid> {
    let mut pid = String::new();
    file.rewind().ok()?;
    file.read_to_string(&mut pid).ok()?;
    Pid::from_raw(pid.parse().ok()?)
}

/// Notes that this process holds the lock.
fn note(file: &mut File) -> io::Result<()> {
    file.set_len(0)?;
    file.rewind()?;
    write!(file, "{}", std::process::id())
}

/// Whether it runs, as far as this process may know: one that belongs to somebody else does.
fn lives(process: Pid) -> bool {
    test_kill_process(process) != Err(rustix::io::Errno::SRCH)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_process_at_a_time() {
        let dir = tempfile::tempdir().expect("a folder");
        let layout = Layout::new(dir.path());
        let held = layout.lock().expect("free");
        let Err(NodeError::Locked { pid, .. }) = layout.lock() else { panic!("the lock is held") };
        assert_eq!(pid, std::process::id().to_string());
        drop(held);
        layout.lock().expect("free again");
    }

    #[test]
    fn what_a_killed_process_has_left_to_a_child_is_waited_for() {
        let dir = tempfile::tempdir().expect("a folder");
        let layout = Layout::new(dir.path());
        let held = layout.lock().expect("free");
        // No process has so large a number (proc(5), pid_max).
        std::fs::write(dir.path().join("lock"), "2000000000").expect("noted");
        let waiting = std::thread::spawn(move || {
            loop {
                match layout.lock() {
                    // It is let go of when this machine has time for it, which may be later than anybody waits.
                    Err(NodeError::Locked { pid, .. }) => assert_eq!(pid, "2000000000"),
                    other => break other.map(drop),
                }
            }
        });
        std::thread::sleep(5 * TRY_EVERY);
        drop(held);
        waiting.join().expect("it ends").expect("the child is gone");
    }
}
