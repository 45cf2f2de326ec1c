//! Connections to the other members: one for each, dialled when needed, shared by all that talks Raft.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use crate::event::NodeId;
use crate::net::{Channel, Connection, Endpoint, NetError, Refusal, RefusedBy, resolve};

/// The words by which a node learns that it was removed.
pub const REMOVED: &str = "its node was removed from the cluster";
/// A dial takes at most this long.
const DIAL_TIMEOUT: Duration = Duration::from_secs(2);

/// The other members, how to reach them, and the connections to them.
pub struct Peers {
    node: NodeId,
    endpoint: Endpoint,
    members: Mutex<BTreeMap<NodeId, Arc<Peer>>>,
    /// The member that said that this node was removed.
    removed_by: OnceLock<NodeId>,
}

struct Peer {
    address: Mutex<String>,
    /// Held while dialling, so that one dial serves all who wait.
    connection: tokio::sync::Mutex<Option<Connection>>,
    /// The open connection, for those who must not wait.
    open: Mutex<Option<Connection>>,
    /// The lease that the process at the other end of the last connection named, in milliseconds.
    lease_ms: Mutex<Option<u32>>,
}

impl Peers {
    /// Nobody yet.
    pub fn new(node: NodeId, endpoint: Endpoint) -> Peers {
        Peers { node, endpoint, members: Mutex::default(), removed_by: OnceLock::new() }
    }

    /// Notes where a member listens. The latest word counts.
    pub fn learn(&self, node: NodeId, address: &str) {
        if node == self.node {
            return;
        }
        let mut members = self.members.lock().unwrap_or_else(PoisonError::into_inner);
        let peer = members.entry(node).or_insert_with(|| {
            Arc::new(Peer {
                address: Mutex::new(address.to_owned()),
                connection: tokio::sync::Mutex::new(None),
                open: Mutex::new(None),
                lease_ms: Mutex::new(None),
            })
        });
        let mut known = peer.address.lock().unwrap_or_else(PoisonError::into_inner);
        if *known != address {
            tracing::info!(%node, from = *known, to = address, "member moved");
            *known = address.to_owned();
        }
    }

    /// Hangs up on a node that is no member any more, and dials it no more.
    pub fn forget(&self, node: NodeId) {
        let peer = self.members.lock().unwrap_or_else(PoisonError::into_inner).remove(&node);
        if let Some(open) = peer.and_then(|peer| peer.open.lock().unwrap_or_else(PoisonError::into_inner).take()) {
            open.close("no member any more");
        }
    }

    /// The member that refused this node because it was removed from the cluster, once one has.
    pub fn removed_by(&self) -> Option<NodeId> {
        self.removed_by.get().copied()
    }

    /// The other members that are known.
    pub fn others(&self) -> Vec<NodeId> {
        self.members.lock().unwrap_or_else(PoisonError::into_inner).keys().copied().collect()
    }

    /// Where a member listens.
    pub fn address(&self, node: NodeId) -> Option<String> {
        let peer = self.peer(node).ok()?;
        let address = peer.address.lock().unwrap_or_else(PoisonError::into_inner);
        Some(address.clone())
    }

    /// How long a member, having answered a leader, votes for nobody else; none when it has not said.
    pub fn lease_of(&self, node: NodeId) -> Option<Duration> {
        let peer = self.peer(node).ok()?;
        let lease_ms = *peer.lease_ms.lock().unwrap_or_else(PoisonError::into_inner);
        lease_ms.map(|ms| Duration::from_millis(ms.into()))
    }

    /// The endpoint that all connections use.
    pub fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    /// An open connection to `node`, dialled if there is none.
    ///
    /// # Errors
    /// When the node is unknown, does not answer, or is somebody else.
    pub async fn connection(&self, node: NodeId) -> Result<Connection, NetError> {
        let peer = self.peer(node)?;
        let mut connection = peer.connection.lock().await;
        if let Some(open) = connection.as_ref().filter(|open| open.ended().is_none()) {
            return Ok(open.clone());
        }
        *connection = None;
        let address = peer.address.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let dial = async { self.endpoint.connect(resolve(&address).await?, Some(node), Channel::Raft).await };
        let late = |_| NetError::Silent { doing: "dialling a member", waited_ms: DIAL_TIMEOUT.as_millis() as u64 };
        let dialled = tokio::time::timeout(DIAL_TIMEOUT, dial).await.map_err(late)?;
        if let Err(NetError::Refused { by: RefusedBy::Peer, refusal: Refusal::NotAdmitted(reason), .. }) = &dialled
            && reason == REMOVED
        {
            self.removed_by.set(node).ok();
        }
        let dialled = dialled?;
        tracing::debug!(%node, address, "connected");
        // Before anything goes over the connection: what that process answers holds for no longer than it says.
        *peer.lease_ms.lock().unwrap_or_else(PoisonError::into_inner) = dialled.peer_lease_ms();
        *peer.open.lock().unwrap_or_else(PoisonError::into_inner) = Some(dialled.clone());
        *connection = Some(dialled.clone());
        Ok(dialled)
    }

    /// Sends a datagram if a connection is open; otherwise dials for the next time. It may be lost.
    pub fn send_datagram(self: &Arc<Self>, node: NodeId, bytes: Vec<u8>) {
        let Ok(peer) = self.peer(node) else { return };
        let open = peer.open.lock().unwrap_or_else(PoisonError::into_inner).clone();
        match open.filter(|open| open.ended().is_none()) {
            Some(connection) => {
                connection.send_datagram(bytes.into()).ok();
            }
            None => {
                // One dial at a time: whoever holds the lock is dialling already.
                if peer.connection.try_lock().is_ok() {
                    let peers = self.clone();
                    tokio::spawn(async move { peers.connection(node).await.ok() });
                }
            }
        }
    }

    fn peer(&self, node: NodeId) -> Result<Arc<Peer>, NetError> {
        let members = self.members.lock().unwrap_or_else(PoisonError::into_inner);
        let unknown = || NetError::Resolve { name: node.to_string(), reason: "no member of that id is known".into() };
        members.get(&node).cloned().ok_or_else(unknown)
    }
}
