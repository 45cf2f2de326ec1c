//! Counts the accepted connections, in all and for each key.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use super::limits::EndpointLimits;
use crate::event::NodeId;

/// The count. Its size is bounded by `connections_max`.
#[derive(Debug, Default)]
pub(super) struct Registry {
    open: Mutex<BTreeMap<NodeId, usize>>,
}

/// One counted connection; uncounted when dropped.
#[derive(Debug)]
pub(super) struct Permit {
    registry: Arc<Registry>,
    peer: NodeId,
}

impl Registry {
    /// Whether one more connection would be over the total limit.
    pub(super) fn is_full(&self, limits: &EndpointLimits) -> bool {
        let open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        open.values().sum::<usize>() >= limits.connections_max
    }

    /// Counts a connection of `peer`; `None` where that would be over a limit.
    pub(super) fn admit(self: &Arc<Self>, peer: NodeId, limits: &EndpointLimits) -> Option<Permit> {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let total: usize = open.values().sum();
        let of_peer = open.get(&peer).copied().unwrap_or(0);
        if total >= limits.connections_max || of_peer >= limits.connections_per_peer_max {
            return None;
        }
        open.insert(peer, of_peer + 1);
        Some(Permit { registry: self.clone(), peer })
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        let mut open = self.registry.open.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = open.get_mut(&self.peer) {
            *count -= 1;
            if *count == 0 {
                open.remove(&self.peer);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_limits_hold_and_a_dropped_permit_makes_room() {
        let limits = EndpointLimits { connections_max: 3, connections_per_peer_max: 2, ..Default::default() };
        let registry = Arc::new(Registry::default());
        let (a, b) = (NodeId(1), NodeId(2));
        let first = registry.admit(a, &limits).expect("room");
        let _second = registry.admit(a, &limits).expect("room");
        assert!(registry.admit(a, &limits).is_none(), "two of one peer");
        let _third = registry.admit(b, &limits).expect("room");
        assert!(registry.is_full(&limits));
        assert!(registry.admit(b, &limits).is_none(), "three in all");
        drop(first);
        assert!(!registry.is_full(&limits));
        assert!(registry.admit(a, &limits).is_some());
    }
}
