//! The process group of a worker: whatever it started dies with it.

use rustix::process::{Pid, Signal, kill_process_group};

/// A process group, named by the process that leads it; empty once it was killed, since its number may then be reused.
#[derive(Debug)]
pub(super) struct Group(Option<Pid>);

impl Group {
    /// The group that the process with this id leads.
    pub(super) fn of(id: Option<u32>) -> Group {
        Group(id.and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw))
    }

    /// Asks all of the group to end.
    pub(super) fn terminate(&self) {
        // It fails when nothing is left of the group, which is what we want.
        let _ = self.0.map(|group| kill_process_group(group, Signal::TERM));
    }

    /// Ends all of the group, once.
    pub(super) fn kill(&mut self) {
        let _ = self.0.take().map(|group| kill_process_group(group, Signal::KILL));
    }
}
