//! Connections to the other members: one for each, dialled when needed, shared by all that talks Raft.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::{BoxFuture, Shared, WeakShared};
use tokio::time::Instant;

use crate::event::NodeId;
use crate::net::{Channel, Connection, Endpoint, NetError, Refusal, RefusedBy, resolve};

/// The words by which a node learns that it was removed.
pub const REMOVED: &str = "its node was removed from the cluster";
/// A dial takes at most this long.
const DIAL_TIMEOUT: Duration = Duration::from_secs(2);
/// A dial that is older when its member turns up begins anew: it may have begun when nobody listened there, and QUIC sends a first
/// packet that is not answered again after a second only, and then ever more rarely (RFC 9002, §6.2).
const STALE_AFTER: Duration = Duration::from_millis(200);

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
    link: Mutex<Link>,
    /// The lease that the process at the other end of the last connection named, in milliseconds.
    lease_ms: Mutex<Option<u32>>,
}

/// One dial serves all who wait, and goes on when none of them has time for it any more.
type Dialled = Result<Connection, Arc<NetError>>;
type Dial = BoxFuture<'static, Dialled>;

#[derive(Default)]
struct Link {
    connection: Option<Connection>,
    /// The last dial, and when it began. Its task holds it, so that it ends with the runtime.
    dial: Option<(Instant, WeakShared<Dial>)>,
}

impl Link {
    /// The connection that is open.
    fn open(&self) -> Option<&Connection> {
        self.connection.as_ref().filter(|connection| connection.ended().is_none())
    }

    /// The dial that is on its way, and when it began.
    fn dial(&self) -> Option<(Instant, Shared<Dial>)> {
        let (begun, dial) = self.dial.as_ref()?;
        Some((*begun, dial.upgrade()?))
    }
}

impl Peer {
    fn link(&self) -> MutexGuard<'_, Link> {
        self.link.lock().unwrap_or_else(PoisonError::into_inner)
    }
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
                link: Mutex::default(),
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
        if let Some(open) = peer.and_then(|peer| peer.link().connection.take()) {
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
        let dial = {
            let mut link = peer.link();
            if let Some(open) = link.open() {
                return Ok(open.clone());
            }
            match link.dial() {
                Some((_, dial)) => dial,
                None => self.begin_dial(node, &peer, &mut link),
            }
        };
        dial.await.map_err(NetError::Dial)
    }

    /// Notes that a member has dialled this node, so it is there: a connection to it is dialled now, not when somebody waits for it.
    pub fn is_there(self: &Arc<Self>, node: NodeId) {
        let Ok(peer) = self.peer(node) else { return };
        let mut link = peer.link();
        let is_dialled = link.dial().is_some_and(|(begun, _)| begun.elapsed() < STALE_AFTER);
        if link.open().is_none() && !is_dialled {
            drop(self.begin_dial(node, &peer, &mut link));
        }
    }

    /// Sends a datagram if a connection is open; otherwise dials for the next time. It may be lost.
    pub fn send_datagram(self: &Arc<Self>, node: NodeId, bytes: Vec<u8>) {
        let Ok(peer) = self.peer(node) else { return };
        let mut link = peer.link();
        if let Some(open) = link.open() {
            open.send_datagram(bytes.into()).ok();
        } else if link.dial().is_none() {
            drop(self.begin_dial(node, &peer, &mut link));
        }
    }

    fn begin_dial(self: &Arc<Self>, node: NodeId, peer: &Arc<Peer>, link: &mut Link) -> Shared<Dial> {
        let (peers, dialled) = (self.clone(), peer.clone());
        let dial = async move { peers.dial(node, &dialled).await.map_err(Arc::new) }.boxed().shared();
        link.dial = dial.downgrade().map(|weak| (Instant::now(), weak));
        tokio::spawn(dial.clone());
        dial
    }

    async fn dial(&self, node: NodeId, peer: &Peer) -> Result<Connection, NetError> {
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
        let mut link = peer.link();
        // A dial that began later was faster.
        if let Some(open) = link.open() {
            return Ok(open.clone());
        }
        // Before anything goes over the connection: what that process answers holds for no longer than it says.
        *peer.lease_ms.lock().unwrap_or_else(PoisonError::into_inner) = dialled.peer_lease_ms();
        link.connection = Some(dialled.clone());
        Ok(dialled)
    }

    fn peer(&self, node: NodeId) -> Result<Arc<Peer>, NetError> {
        let members = self.members.lock().unwrap_or_else(PoisonError::into_inner);
        let unknown = || NetError::Resolve { name: node.to_string(), reason: "no member of that id is known".into() };
        members.get(&node).cloned().ok_or_else(unknown)
    }
}
