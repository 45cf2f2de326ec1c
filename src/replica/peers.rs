//! Connections to the other members: one for each, dialled when needed, shared by all that talks Raft.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::watch;

use crate::event::NodeId;
use crate::net::{Channel, Connection, Endpoint, NetError, Refusal, RefusedBy, resolve};

/// The words by which a node learns that it was removed.
pub const REMOVED: &str = "its node was removed from the cluster";
/// A dial takes at most this long.
const DIAL_TIMEOUT: Duration = Duration::from_secs(2);
/// Dials to one member at a time.
const DIALS_MAX: usize = 4;

/// The other members, how to reach them, and the connections to them.
pub struct Peers {
    node: NodeId,
    endpoint: Endpoint,
    /// What drives the connections, whoever asks for them: for a transfer's runtime Raft's messages would be one thing among many.
    runtime: Handle,
    members: Mutex<BTreeMap<NodeId, Arc<Peer>>>,
    /// The member that said that this node was removed.
    removed_by: OnceLock<NodeId>,
}

struct Peer {
    address: Mutex<String>,
    link: watch::Sender<Link>,
    /// The lease that the process at the other end of the last connection named, in milliseconds.
    lease_ms: Mutex<Option<u32>>,
}

/// How this node stands to a member. Whoever waits for a connection waits for a change here, so one dial serves all, and goes on when none of
/// them has time for it any more.
#[derive(Default)]
struct Link {
    connection: Option<Connection>,
    /// How many dials are on their way.
    dials: usize,
    /// Why the last one failed.
    failure: Option<Arc<NetError>>,
}

impl Link {
    /// The connection that is open.
    fn open(&self) -> Option<&Connection> {
        self.connection.as_ref().filter(|connection| connection.ended().is_none())
    }
}

/// A dial on its way, until it ends, however it ends.
struct Dial(Arc<Peer>);

impl Drop for Dial {
    fn drop(&mut self) {
        self.0.link.send_modify(|link| link.dials -= 1);
    }
}

impl Peers {
    /// Nobody yet. To be called on the runtime that is to drive the connections.
    pub fn new(node: NodeId, endpoint: Endpoint) -> Peers {
        let runtime = Handle::current();
        Peers { node, endpoint, runtime, members: Mutex::default(), removed_by: OnceLock::new() }
    }

    /// Notes where a member listens. The latest word counts.
    pub fn learn(&self, node: NodeId, address: &str) {
        if node == self.node {
            return;
        }
        let mut members = self.members.lock().unwrap_or_else(PoisonError::into_inner);
        let peer = members.entry(node).or_insert_with(|| {
            let (address, link) = (Mutex::new(address.to_owned()), watch::Sender::default());
            Arc::new(Peer { address, link, lease_ms: Mutex::new(None) })
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
        let Some(peer) = peer else { return };
        if let Some(open) = &peer.link.borrow().connection {
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
    pub async fn connection(self: &Arc<Self>, node: NodeId) -> Result<Connection, NetError> {
        let peer = self.peer(node)?;
        self.dial_unless(node, &peer, |link| link.dials > 0);
        let mut links = peer.link.subscribe();
        let settled = links.wait_for(|link| link.open().is_some() || link.dials == 0).await;
        let link = settled.map_err(|_| NetError::Closed)?;
        match (link.open(), &link.failure) {
            (Some(open), _) => Ok(open.clone()),
            (None, Some(failure)) => Err(NetError::Dial(failure.clone())),
            (None, None) => Err(NetError::Closed),
        }
    }

    /// Notes that a member has dialled this node, so it is there. A connection to it is dialled now, not when somebody waits for it; also when
    /// a dial is on its way. That may have begun before the member listened, and QUIC sends a first packet that is not answered again after a second
    /// only, and then ever more rarely (RFC 9002, §6.2).
    pub fn is_there(self: &Arc<Self>, node: NodeId) {
        if let Ok(peer) = self.peer(node) {
            self.dial_unless(node, &peer, |link| link.dials >= DIALS_MAX);
        }
    }

    /// Sends a datagram if a connection is open; otherwise dials for the next time. It may be lost.
    pub fn send_datagram(self: &Arc<Self>, node: NodeId, bytes: Vec<u8>) {
        let Ok(peer) = self.peer(node) else { return };
        if let Some(open) = peer.link.borrow().open() {
            open.send_datagram(bytes.into()).ok();
            return;
        }
        self.dial_unless(node, &peer, |link| link.dials > 0);
    }

    /// Dials a member, unless there is a connection, or something else is in the way.
    fn dial_unless(self: &Arc<Self>, node: NodeId, peer: &Arc<Peer>, in_the_way: impl FnOnce(&Link) -> bool) {
        let begins = peer.link.send_if_modified(|link| {
            let begins = link.open().is_none() && !in_the_way(link);
            if begins {
                link.dials += 1;
                link.failure = None;
            }
            begins
        });
        if begins {
            let (peers, dial) = (self.clone(), Dial(peer.clone()));
            self.runtime.spawn(async move {
                if let Err(error) = peers.dial(node, &dial.0).await {
                    dial.0.link.send_modify(|link| link.failure = Some(Arc::new(error)));
                }
            });
        }
    }

    async fn dial(&self, node: NodeId, peer: &Peer) -> Result<(), NetError> {
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
        peer.link.send_if_modified(|link| {
            // Another dial may have been faster.
            let is_first = link.open().is_none();
            if is_first {
                // Before anything goes over the connection: what that process answers holds for no longer than it says.
                *peer.lease_ms.lock().unwrap_or_else(PoisonError::into_inner) = dialled.peer_lease_ms();
                link.connection = Some(dialled.clone());
            }
            is_first
        });
        Ok(())
    }

    fn peer(&self, node: NodeId) -> Result<Arc<Peer>, NetError> {
        let members = self.members.lock().unwrap_or_else(PoisonError::into_inner);
        let unknown = || NetError::Resolve { name: node.to_string(), reason: "no member of that id is known".into() };
        members.get(&node).cloned().ok_or_else(unknown)
    }
}
