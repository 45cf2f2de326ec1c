//! Counts the accepted connections: in all, for each key and for each address.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};

use super::channel::Role;
use super::limits::EndpointLimits;
use super::rate::source;
use crate::event::NodeId;

/// The count. Its size is bounded by `connections_max`.
#[derive(Debug, Default)]
pub(super) struct Registry {
    open: Mutex<Open>,
}

#[derive(Debug, Default)]
struct Open {
    total: usize,
    peers: BTreeMap<NodeId, usize>,
    sources: BTreeMap<IpAddr, usize>,
}

/// One counted connection; uncounted when dropped.
#[derive(Debug)]
pub(super) struct Permit {
    registry: Arc<Registry>,
    peer: NodeId,
    source: IpAddr,
}

impl Registry {
    /// Whether one more connection from there would be over a limit, whoever it is.
    pub(super) fn is_full(&self, address: SocketAddr, limits: &EndpointLimits) -> bool {
        let open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        open.is_full(source(address), limits)
    }

    /// Counts a connection of `peer`; `None` where that would be over a limit.
    pub(super) fn admit(
        self: &Arc<Self>,
        peer: NodeId,
        role: Role,
        address: SocketAddr,
        limits: &EndpointLimits,
    ) -> Option<Permit> {
        let source = source(address);
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let of_peer_max = match role {
            Role::Node | Role::Operator => limits.connections_per_peer_max,
            Role::Viewer | Role::Bearer | Role::Joiner => limits.connections_per_guest_max,
        };
        if open.is_full(source, limits) || open.peers.get(&peer).is_some_and(|of_peer| *of_peer >= of_peer_max) {
            return None;
        }
        open.total += 1;
        *open.peers.entry(peer).or_default() += 1;
        *open.sources.entry(source).or_default() += 1;
        Some(Permit { registry: self.clone(), peer, source })
    }
}

impl Open {
    fn is_full(&self, source: IpAddr, limits: &EndpointLimits) -> bool {
        let of_source = self.sources.get(&source).copied().unwrap_or(0);
        self.total >= limits.connections_max || of_source >= limits.connections_per_address_max
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        let mut open = self.registry.open.lock().unwrap_or_else(PoisonError::into_inner);
        open.total -= 1;
        subtract_one(&mut open.peers, &self.peer);
        subtract_one(&mut open.sources, &self.source);
    }
}

fn subtract_one<K: Ord>(counts: &mut BTreeMap<K, usize>, key: &K) {
    if let Some(count) = counts.get_mut(key) {
        *count -= 1;
        if *count == 0 {
            counts.remove(key);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> SocketAddr {
        text.parse().expect("an address")
    }

    #[test]
    fn all_limits_hold_and_a_dropped_permit_makes_room() {
        let limits = EndpointLimits {
            connections_max: 4,
            connections_per_peer_max: 2,
            connections_per_guest_max: 1,
            connections_per_address_max: 3,
            ..Default::default()
        };
        let registry = Arc::new(Registry::default());
        let (a, b, here, there) = (NodeId(1), NodeId(2), at("10.0.0.1:1"), at("10.0.0.2:1"));
        let first = registry.admit(a, Role::Node, here, &limits).expect("room");
        let _second = registry.admit(a, Role::Node, here, &limits).expect("room");
        assert!(registry.admit(a, Role::Node, there, &limits).is_none(), "two of one peer");
        let _third = registry.admit(b, Role::Viewer, here, &limits).expect("room");
        assert!(registry.admit(b, Role::Viewer, there, &limits).is_none(), "one of a guest");
        assert!(registry.is_full(here, &limits) && !registry.is_full(there, &limits), "three from one address");
        let _fourth = registry.admit(NodeId(3), Role::Operator, there, &limits).expect("room");
        assert!(registry.is_full(there, &limits), "four in all");
        drop(first);
        assert!(!registry.is_full(here, &limits));
        assert!(registry.admit(a, Role::Node, here, &limits).is_some());
    }
}
