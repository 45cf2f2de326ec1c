//! Signs of life. Every node tells every member that it lives and which jobs it runs; whoever leads listens.
//!
//! Heartbeats are hints: they travel as datagrams outside the log, may be lost, and decide nothing by themselves. Only the
//! leader's transition (`HOST_ONLINE`, `HOST_OFFLINE`, `JOB_LEASE_EXPIRED`) is a fact.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::clock::SteadyClock;
use super::runs::Runs;
use crate::event::{JobId, Millis, NodeId, Seq};
use crate::policy::limits::HEARTBEAT_EVERY_MS;
use crate::policy::{Build, Liveness};
use crate::replica::greeting::Run;
use crate::replica::{Fold, Peers};

/// How often a node says that it lives.
pub const HEARTBEAT_EVERY: Duration = Duration::from_millis(HEARTBEAT_EVERY_MS);
/// Leases that one datagram names at most: it holds a kilobyte, and ids may be long. A node with more sends more datagrams.
const LEASES_PER_DATAGRAM: usize = 6;

/// A heartbeat.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Heartbeat {
    /// When the sender's process started.
    pub incarnation: u64,
    /// Drawn when it started: tells two processes of one identity apart.
    #[serde(default)]
    pub run: u64,
    /// Jobs that it can run at a time.
    pub slots: u32,
    /// Jobs that it runs, each with its fencing token.
    pub running: Vec<(JobId, Seq)>,
    /// The last record that it has folded.
    pub seq: Seq,
    /// True when it is about to stop.
    pub goodbye: bool,
    /// The format version of events that its build reads; 0 when it does not say.
    #[serde(default)]
    pub format: u32,
    /// True when it met a record that it cannot read, and folds no more.
    #[serde(default)]
    pub halted: bool,
}

/// What a node has heard. Shared by the connections that hear and the leader that looks.
#[derive(Clone, Default)]
pub struct Hearing {
    liveness: Arc<Mutex<Liveness>>,
    positions: Arc<Mutex<BTreeMap<NodeId, (Millis, Seq)>>>,
    runs: Arc<Mutex<Runs>>,
    clock: SteadyClock,
}

impl Hearing {
    /// Now, for whoever measures silence, and for a leader's decisions. It never jumps.
    pub fn now(&self) -> Millis {
        self.clock.now()
    }

    /// Notes a heartbeat. False, and nothing is noted of it, when another process holds the sender's identity.
    pub fn hear(&self, from: NodeId, heartbeat: Heartbeat, now: Millis) -> bool {
        let Heartbeat { incarnation, run, slots, running, seq, goodbye, format, halted } = heartbeat;
        let run = Run { number: run, incarnation };
        if !self.with_runs(|runs| runs.hear(from, run, now)) {
            return false;
        }
        if goodbye {
            self.with_runs(|runs| runs.leave(from, run));
        }
        self.positions.lock().unwrap_or_else(PoisonError::into_inner).insert(from, (now, seq));
        let mut liveness = self.liveness.lock().unwrap_or_else(PoisonError::into_inner);
        match goodbye {
            true => liveness.goodbye(from, incarnation, now),
            false => liveness.hear(from, incarnation, slots, running, now),
        }
        if format > 0 {
            liveness.note_build(from, incarnation, Build { format, seq, halted });
        }
        true
    }

    /// Looks at who holds which identity.
    pub fn with_runs<T>(&self, look: impl FnOnce(&mut Runs) -> T) -> T {
        look(&mut self.runs.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// From now on silence counts against hosts: before, this node had no duty to listen.
    pub fn begin_reign(&self, now: Millis) {
        self.liveness.lock().unwrap_or_else(PoisonError::into_inner).leading_since = now;
    }

    /// When a node was last heard, and how far it had folded then.
    pub fn last_of(&self, node: NodeId) -> Option<(Millis, Seq)> {
        self.positions.lock().unwrap_or_else(PoisonError::into_inner).get(&node).copied()
    }

    /// Looks at what was heard.
    pub fn with<T>(&self, look: impl FnOnce(&Liveness) -> T) -> T {
        look(&self.liveness.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Sends heartbeats to every member, oneself included.
pub struct Pulse {
    /// This node.
    pub node: NodeId,
    /// This start of the process.
    pub run: Run,
    /// Jobs that this node can run at a time.
    pub slots: u32,
    /// Who is reachable, and where.
    pub peers: Arc<Peers>,
    /// Where this node hears itself.
    pub hearing: Hearing,
    /// How far this node has come, and what it can read.
    pub fold: Arc<Fold>,
}

impl Pulse {
    /// Says that this node lives and runs `running`.
    pub fn beat(&self, running: Vec<(JobId, Seq)>, goodbye: bool) {
        let (seq, format, halted) = (self.fold.seq(), self.fold.format(), self.fold.upgrade_needed().is_some());
        for running in parts(&running) {
            let Run { number: run, incarnation } = self.run;
            let slots = self.slots;
            let heartbeat = Heartbeat { incarnation, run, slots, running, seq, goodbye, format, halted };
            let bytes = serde_json::to_vec(&heartbeat).expect("heartbeats are plain data");
            for node in self.peers.others() {
                self.peers.send_datagram(node, bytes.clone());
            }
            self.hearing.hear(self.node, heartbeat, self.hearing.now());
        }
    }
}

/// The leases of each datagram; one datagram without any when there are none.
fn parts(running: &[(JobId, Seq)]) -> Vec<Vec<(JobId, Seq)>> {
    match running.is_empty() {
        true => vec![vec![]],
        false => running.chunks(LEASES_PER_DATAGRAM).map(<[_]>::to_vec).collect(),
    }
}

/// Reads a heartbeat; anything else is ignored.
pub fn read(bytes: &[u8]) -> Option<Heartbeat> {
    serde_json::from_slice(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::limits::DATAGRAM_BYTES_MAX;

    #[test]
    fn every_lease_of_a_large_node_is_named_and_every_datagram_fits() {
        let running: Vec<_> = (0..50).map(|n| (JobId::new(format!("{}-{n}", "g".repeat(90))), Seq(u64::MAX))).collect();
        let parts = parts(&running);
        assert_eq!(parts.concat(), running);
        for running in parts {
            let (incarnation, run, slots, format) = (u64::MAX, u64::MAX, u32::MAX, u32::MAX);
            let (seq, goodbye, halted) = (Seq(u64::MAX), false, false);
            let heartbeat = Heartbeat { incarnation, run, slots, running, seq, goodbye, format, halted };
            let bytes = serde_json::to_vec(&heartbeat).expect("plain data");
            assert!(bytes.len() <= DATAGRAM_BYTES_MAX, "{} bytes", bytes.len());
            assert_eq!(read(&bytes), Some(heartbeat));
        }
        assert_eq!(super::parts(&[]), [vec![]], "an idle node says that it lives, too");
    }
}
