//! A cluster on loopback, and a server that answers every call with its own bytes.

use std::net::SocketAddr;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use kifu::event::Millis;
use kifu::net::{
    Authority, CallLimits, Channel, Connection, Endpoint, EndpointLimits, Identity, Role, Validity, serve,
};

pub const CALLS: CallLimits =
    CallLimits { request_bytes_max: 1 << 20, response_bytes_max: 1 << 20, timeout: Duration::from_secs(20) };
const DAY: Duration = Duration::from_secs(24 * 3600);

pub fn now() -> Millis {
    Millis(u64::try_from(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis()).unwrap())
}

pub fn valid() -> Validity {
    Validity::starting(now(), DAY)
}

pub fn expired() -> Validity {
    Validity { not_before: Millis(now().0 - 3_600_000), not_after: Millis(now().0 - 60_000) }
}

pub fn identity(authority: &Authority, name: &str, role: Role) -> Identity {
    authority.issue_identity(name, role, valid()).unwrap()
}

pub fn bind(identity: &Identity) -> Endpoint {
    Endpoint::bind(loopback(), identity, EndpointLimits::default()).unwrap()
}

pub fn loopback() -> SocketAddr {
    "127.0.0.1:0".parse().unwrap()
}

/// A node that echoes calls on every channel, for as long as the test lasts.
pub struct EchoNode {
    pub endpoint: Endpoint,
    pub address: SocketAddr,
}

impl EchoNode {
    pub fn start(authority: &Authority, limits: EndpointLimits) -> Self {
        Self::start_as(&identity(authority, "echo", Role::Node), limits)
    }

    pub fn start_as(identity: &Identity, limits: EndpointLimits) -> Self {
        Self::start_with(identity, limits, CALLS)
    }

    pub fn start_with(identity: &Identity, limits: EndpointLimits, calls: CallLimits) -> Self {
        let endpoint = Endpoint::bind(loopback(), identity, limits).unwrap();
        let address = endpoint.local_address().unwrap();
        let accepting = endpoint.clone();
        tokio::spawn(async move {
            while let Some(connection) = accepting.accept().await {
                tokio::spawn(async move { serve(&connection, &calls, |request| async { request }).await });
            }
        });
        Self { endpoint, address }
    }

    /// Proves that the node still serves a peer who behaves.
    pub async fn serves(&self, authority: &Authority) {
        let client = bind(&identity(authority, "good", Role::Node));
        let node = self.endpoint.identity().node();
        let connection = client.connect(self.address, Some(node), Channel::Raft).await.unwrap();
        echo(&connection).await;
    }
}

pub async fn echo(connection: &Connection) {
    let answer = connection.call(b"are you there?", &CALLS).await.unwrap();
    assert_eq!(&answer[..], b"are you there?");
}
