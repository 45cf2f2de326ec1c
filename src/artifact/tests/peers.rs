//! Peers that have blobs, and peers that lie about them.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::artifact::protocol::{Answer, REQUEST_BYTES, Request, frames};
use crate::artifact::{BlobStore, FetchLimits, serve_blobs};
use crate::event::{Millis, NodeId};
use crate::net::{
    Authority, Channel, Connection, Endpoint, EndpointLimits, Role, SendStream, Validity, read_frame, write_frame,
};

const DAY: Duration = Duration::from_secs(24 * 3600);
/// Long enough for a busy machine, where the other side answers.
pub(super) const PATIENCE: Duration = Duration::from_secs(20);
/// Limits for transfers with a peer that answers.
pub(super) const LIMITS: FetchLimits = FetchLimits { bytes_max: 64 << 20, stall: PATIENCE };

/// A store of its own, and a place in the cluster.
pub(super) struct Node {
    pub(super) store: BlobStore,
    pub(super) endpoint: Endpoint,
    _dir: tempfile::TempDir,
}

/// Where to find a peer.
pub(super) type At = (NodeId, SocketAddr);

/// A few nodes of one cluster.
pub(super) struct Cluster {
    authority: Authority,
}

impl Cluster {
    pub(super) fn new() -> Self {
        Self { authority: Authority::create().expect("authority") }
    }

    pub(super) fn node(&self) -> Node {
        let dir = tempfile::tempdir().expect("temporary directory");
        Node { store: BlobStore::open(dir.path()).expect("store"), endpoint: self.endpoint(), _dir: dir }
    }

    fn endpoint(&self) -> Endpoint {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970");
        let now = Millis(u64::try_from(now.as_millis()).expect("before the year 500 million"));
        let validity = Validity::starting(now, DAY);
        let identity = self.authority.issue_identity("peer", Role::Node, validity).expect("identity");
        let any = "127.0.0.1:0".parse().expect("address");
        Endpoint::bind(any, &identity, EndpointLimits::default()).expect("endpoint")
    }

    /// A peer that serves what it holds.
    pub(super) fn honest(&self, blobs: &[&[u8]]) -> At {
        let node = self.node();
        for blob in blobs {
            node.store.put_bytes(blob).expect("put");
        }
        let at = at(&node.endpoint);
        tokio::spawn(async move {
            while let Some(connection) = node.endpoint.accept().await {
                let store = node.store.clone();
                tokio::spawn(async move { serve_blobs(&connection, &store).await });
            }
            drop(node);
        });
        at
    }

    /// A peer that reads each request and then does as `lie` says. Counts the requests.
    pub(super) fn liar(&self, lie: Lie) -> (At, Arc<AtomicUsize>) {
        let endpoint = self.endpoint();
        let found = at(&endpoint);
        let asked = Arc::new(AtomicUsize::new(0));
        let counter = asked.clone();
        let lie = Arc::new(lie);
        tokio::spawn(async move {
            while let Some(connection) = endpoint.accept().await {
                tokio::spawn(tell_lies(connection, lie.clone(), counter.clone()));
            }
        });
        (found, asked)
    }
}

/// What a lying peer does with a request.
pub(super) enum Lie {
    /// It claims a size, sends bytes from the offset on, and ends the stream.
    Send { claims: u64, bytes: Vec<u8> },
    /// The same, but it cuts the connection as soon as the receiver's file has reached a size. (What is under way when a
    /// connection closes is lost.)
    SendAndCut { claims: u64, bytes: Vec<u8>, once: PathBuf, has: u64 },
    /// The same, but it never ends the stream.
    SendAndHang { claims: u64, bytes: Vec<u8> },
    /// It sends one byte again and again, for ever.
    SendForever { claims: u64 },
    /// It answers with this instead of an answer.
    Babble(Vec<u8>),
    /// It does not answer.
    Silence,
}

async fn tell_lies(connection: Connection, lie: Arc<Lie>, asked: Arc<AtomicUsize>) {
    while let Ok(Some((mut send, mut receive))) = connection.accept().await {
        asked.fetch_add(1, Ordering::SeqCst);
        let Ok(Some(request)) = read_frame(&mut receive, &frames(REQUEST_BYTES, PATIENCE)).await else { return };
        let offset = Request::decode(&request).expect("we ask properly").offset;
        match &*lie {
            Lie::Send { claims, bytes } => {
                answer(&mut send, *claims, bytes, offset).await;
                let _ = send.finish();
            }
            Lie::SendAndCut { claims, bytes, once, has } => {
                answer(&mut send, *claims, bytes, offset).await;
                while std::fs::metadata(once).map_or(0, |metadata| metadata.len()) < *has {
                    tokio::time::sleep(Duration::from_millis(5)).await;
                }
                connection.close("cut");
            }
            Lie::SendAndHang { claims, bytes } => {
                answer(&mut send, *claims, bytes, offset).await;
                connection.closed().await;
            }
            Lie::SendForever { claims } => {
                answer(&mut send, *claims, &[], 0).await;
                while send.write_all(&[7; 1000]).await.is_ok() {}
            }
            Lie::Babble(bytes) => {
                let _ = send.write_all(bytes).await;
                let _ = send.finish();
            }
            Lie::Silence => drop(connection.closed().await),
        }
    }
}

async fn answer(send: &mut SendStream, claims: u64, bytes: &[u8], offset: u64) {
    let from = usize::try_from(offset).expect("small").min(bytes.len());
    let _ = write_frame(send, &Answer::Here { bytes: claims }.encode(), &frames(9, PATIENCE)).await;
    let _ = send.write_all(&bytes[from..]).await;
}

fn at(endpoint: &Endpoint) -> At {
    (endpoint.identity().node(), endpoint.local_address().expect("address"))
}

/// A connection for blobs.
pub(super) async fn connect(node: &Node, (peer, address): At) -> Connection {
    node.endpoint.connect(address, Some(peer), Channel::Blobs).await.expect("connection")
}
