//! Which process holds each node's identity. A data directory that was copied makes two processes with one key; the one
//! that is heard first stays, the other is not believed while the first lives.

use std::collections::BTreeMap;

use crate::event::{Millis, NodeId};
use crate::replica::greeting::{Holder, Run};

/// A process that was silent for this long no longer holds its identity. Several heartbeats, less than an election.
pub const HOLD_MS: u64 = 1_000;
/// How long a claim that was not believed is remembered, so that the holder hears of it.
const CLAIM_MS: u64 = 60_000;

/// Who holds which identity. At most one entry a member: only members' heartbeats and greetings come here.
#[derive(Clone, Debug, Default)]
pub struct Runs {
    table: BTreeMap<NodeId, Seen>,
}

#[derive(Clone, Debug, Default)]
struct Seen {
    holder: Run,
    beats: u64,
    last_at: Millis,
    gone: bool,
    claim: Option<(Run, Millis)>,
}

impl Runs {
    /// Notes a heartbeat. False when another process holds the identity.
    pub fn hear(&mut self, node: NodeId, run: Run, now: Millis) -> bool {
        let seen = self.table.entry(node).or_default();
        if seen.beats == 0 || seen.is_free(now) && seen.holder != run {
            let claim = seen.claim.filter(|(claim, _)| *claim != run);
            *seen = Seen { holder: run, beats: 1, last_at: now, gone: false, claim };
            return true;
        }
        if seen.holder != run {
            seen.claim = Some((run, now));
            return false;
        }
        seen.beats += 1;
        seen.last_at = seen.last_at.max(now);
        true
    }

    /// Notes a farewell: the identity is free at once.
    pub fn leave(&mut self, node: NodeId, run: Run) {
        if let Some(seen) = self.table.get_mut(&node).filter(|seen| seen.holder == run) {
            seen.gone = true;
        }
    }

    /// Notes that a process wants to run as `node`. Tells who holds the identity.
    pub fn claim(&mut self, node: NodeId, run: Run, now: Millis) -> Option<Holder> {
        let seen = self.table.get_mut(&node).filter(|seen| seen.beats > 0 && !seen.gone)?;
        if seen.holder != run && !seen.is_free(now) {
            seen.claim = Some((run, now));
        }
        Some(Holder { run: seen.holder, beats: seen.beats, silent_ms: now.since(seen.last_at) })
    }

    /// The last claim by somebody else than the holder, if it is not long ago.
    pub fn rival(&self, node: NodeId, now: Millis) -> Option<Run> {
        let (run, at) = self.table.get(&node)?.claim?;
        (now.since(at) <= CLAIM_MS).then_some(run)
    }
}

impl Seen {
    fn is_free(&self, now: Millis) -> bool {
        self.gone || now.since(self.last_at) > HOLD_MS
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NODE: NodeId = NodeId(1);
    const FIRST: Run = Run { number: 11, incarnation: 5 };
    const SECOND: Run = Run { number: 22, incarnation: 6 };

    #[test]
    fn the_second_process_is_not_believed_while_the_first_lives() {
        let mut runs = Runs::default();
        assert!(runs.hear(NODE, FIRST, Millis(0)));
        assert!(!runs.hear(NODE, SECOND, Millis(200)), "although its incarnation is higher");
        assert!(runs.hear(NODE, FIRST, Millis(400)));
        let holder = runs.claim(NODE, SECOND, Millis(500)).expect("held");
        assert_eq!(holder, Holder { run: FIRST, beats: 2, silent_ms: 100 });
        assert_eq!(runs.rival(NODE, Millis(500)), Some(SECOND), "the first hears of it");
        assert_eq!(runs.rival(NODE, Millis(500 + CLAIM_MS + 1)), None);
    }

    #[test]
    fn a_restart_takes_over_after_silence_and_at_once_after_a_farewell() {
        let mut runs = Runs::default();
        runs.hear(NODE, FIRST, Millis(0));
        assert!(!runs.hear(NODE, SECOND, Millis(HOLD_MS)));
        assert!(runs.hear(NODE, SECOND, Millis(HOLD_MS + 1)));
        assert_eq!(runs.rival(NODE, Millis(HOLD_MS + 2)), None, "a restart is no rival of itself");
        assert!(!runs.hear(NODE, FIRST, Millis(HOLD_MS + 2)), "a process that was paused comes too late");
        runs.leave(NODE, FIRST);
        assert!(runs.claim(NODE, FIRST, Millis(HOLD_MS + 3)).is_some(), "only the holder can leave");
        runs.leave(NODE, SECOND);
        assert_eq!(runs.claim(NODE, FIRST, Millis(HOLD_MS + 3)), None);
        assert!(runs.hear(NODE, FIRST, Millis(HOLD_MS + 4)));
    }
}
