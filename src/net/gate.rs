//! Whether a peer with a valid certificate is still admitted, and the live connections that depend on it.
//!
//! A certificate says who a peer *is* until it expires; whether the cluster still wants it is not for this room to know.
//! The owner of an endpoint gives it a [`Judge`], which is asked after every handshake, and says [`Gate::recheck`] when
//! its answer may have changed: connections of peers that are no longer admitted are closed then.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use super::connection::Peer;
use super::refusal::CODE_NOT_ADMITTED;

/// Says whether a peer is admitted; if not, why, in words that the peer may read.
pub type Judge = Arc<dyn Fn(&Peer) -> Result<(), String> + Send + Sync>;

/// The judge of an endpoint and its live connections, both accepted and dialled. Their number is bounded by the limits of
/// the endpoint and by what its owner dials.
#[derive(Default)]
pub(super) struct Gate {
    judge: RwLock<Option<Judge>>,
    live: Mutex<Live>,
}

#[derive(Default)]
struct Live {
    next: u64,
    connections: BTreeMap<u64, (Arc<Peer>, quinn::Connection)>,
}

/// One live connection; forgotten when dropped.
pub(super) struct Entry {
    gate: Arc<Gate>,
    number: u64,
}

impl Gate {
    /// From now on `judge` decides. Live connections are judged at once.
    pub(super) fn set_judge(&self, judge: Judge) {
        *self.judge.write().unwrap_or_else(PoisonError::into_inner) = Some(judge);
        self.recheck();
    }

    /// Whether the peer is admitted now. Everybody is, where nobody judges.
    pub(super) fn judge(&self, peer: &Peer) -> Result<(), String> {
        let judge = self.judge.read().unwrap_or_else(PoisonError::into_inner).clone();
        judge.map_or(Ok(()), |judge| judge(peer))
    }

    /// Takes a connection in if its peer is admitted. It is in the list before it is judged, so that a verdict that
    /// changes meanwhile finds it there.
    pub(super) fn enter(self: &Arc<Self>, peer: &Arc<Peer>, quic: &quinn::Connection) -> Result<Entry, String> {
        let number = {
            let mut live = self.live.lock().unwrap_or_else(PoisonError::into_inner);
            live.next += 1;
            let number = live.next;
            live.connections.insert(number, (peer.clone(), quic.clone()));
            number
        };
        let entry = Entry { gate: self.clone(), number };
        self.judge(peer).map(|()| entry)
    }

    /// Closes the connections of peers that are no longer admitted. Returns how many.
    pub(super) fn recheck(&self) -> usize {
        let all: Vec<_> = {
            let live = self.live.lock().unwrap_or_else(PoisonError::into_inner);
            live.connections.values().cloned().collect()
        };
        let mut closed = 0;
        for (peer, quic) in all {
            if let Err(reason) = self.judge(&peer) {
                tracing::warn!(peer = %peer.node, name = peer.name, role = %peer.role, reason, "connection closed");
                quic.close(CODE_NOT_ADMITTED, reason.as_bytes());
                closed += 1;
            }
        }
        closed
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        let removed = {
            let mut live = self.gate.live.lock().unwrap_or_else(PoisonError::into_inner);
            live.connections.remove(&self.number)
        };
        // Dropping the handle may close the connection: not while the list is locked.
        drop(removed);
    }
}

impl std::fmt::Debug for Entry {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Entry({})", self.number)
    }
}
