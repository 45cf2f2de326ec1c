//! The answering side of handshakes: limits first, then identity, then the table of roles and channels. Each handshake runs
//! by itself, so that a slow one delays nobody.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

use quinn::crypto::rustls::HandshakeData;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};

use super::channel::{Channel, Role};
use super::connection::{Connection, Peer};
use super::dial::peer_certificate;
use super::error::{NetError, Refusal, RefusedBy};
use super::gate::Gate;
use super::hello::{self, Hello};
use super::limits::EndpointLimits;
use super::rate::{Flight, Flights, Rates, Verdict};
use super::refusal::{CODE_BUSY, CODE_CHANNEL, CODE_NOT_ADMITTED, CODE_VERSION, of_connection_error};
use super::registry::Registry;
use super::throttle::Throttle;
use super::tls;

/// Takes in connections until the endpoint closes.
pub(super) struct Intake {
    quic: quinn::Endpoint,
    shared: Arc<Shared>,
    handshakes: Arc<Semaphore>,
}

struct Shared {
    limits: EndpointLimits,
    registry: Arc<Registry>,
    gate: Arc<Gate>,
    rates: Rates,
    flights: Arc<Flights>,
    warnings: Throttle,
    arrivals: mpsc::Sender<Connection>,
}

impl Intake {
    pub(super) fn new(
        quic: quinn::Endpoint,
        limits: EndpointLimits,
        gate: Arc<Gate>,
        arrivals: mpsc::Sender<Connection>,
    ) -> Self {
        let (registry, rates, flights, warnings) =
            (Arc::default(), Rates::default(), Arc::default(), Throttle::default());
        let shared = Arc::new(Shared { limits, registry, gate, rates, flights, warnings, arrivals });
        Self { quic, shared, handshakes: Arc::new(Semaphore::new(limits.handshakes_max)) }
    }

    pub(super) async fn run(self) {
        while let Some(incoming) = self.quic.accept().await {
            self.take(incoming);
        }
    }

    fn take(&self, incoming: quinn::Incoming) {
        let shared = &self.shared;
        let address = incoming.remote_address();
        if shared.registry.is_full(address, &shared.limits) {
            shared.warn(address, None, "too many connections");
            return incoming.refuse();
        }
        let crowded = self.handshakes.available_permits() < shared.limits.handshakes_max / 2;
        let (proved, now) = (incoming.remote_address_validated(), tokio::time::Instant::now().into_std());
        let verdict = shared.rates.take(address, proved, now, &shared.limits);
        if verdict == Verdict::TooMany {
            shared.warn(address, None, "too many handshakes from this address");
            return incoming.refuse();
        }
        if (crowded || verdict == Verdict::Prove) && incoming.may_retry() && !proved {
            // A forged address never comes back; an honest client does, one round trip later.
            if let Err(error) = incoming.retry() {
                error.into_incoming().refuse();
            }
            return;
        }
        let slot = self.handshakes.clone().try_acquire_owned().ok();
        match slot.and_then(|slot| Some((slot, shared.flights.begin(address, &shared.limits)?))) {
            Some(place) => drop(tokio::spawn(handshake(shared.clone(), incoming, place))),
            None => {
                shared.warn(address, None, "too many handshakes at a time, in all or from this address");
                incoming.refuse();
            }
        }
    }
}

/// One handshake, from the first packet to the arrival of an authenticated connection. `place` is its place among the
/// handshakes, in all and of its address.
async fn handshake(shared: Arc<Shared>, incoming: quinn::Incoming, place: (OwnedSemaphorePermit, Flight)) {
    let address = incoming.remote_address();
    let outcome = tokio::time::timeout(shared.limits.handshake_timeout, greet(&shared, incoming)).await;
    match outcome {
        Ok(Ok(connection)) => {
            let Peer { node, name, role, .. } = connection.peer();
            tracing::debug!(remote = %address, peer = %node, name, %role, channel = %connection.channel(), "peer connected");
            // Fails only when the endpoint is being dropped, and then the connection goes with it.
            let _ = shared.arrivals.send(connection).await;
        }
        Ok(Err(reason)) => shared.warn(address, reason.peer, &reason.text),
        Err(_) => shared.warn(address, None, "the handshake took too long"),
    }
    drop(place);
}

/// Why a peer was not let in, for the log.
struct Refused {
    peer: Option<Peer>,
    text: String,
}

async fn greet(shared: &Shared, incoming: quinn::Incoming) -> Result<Connection, Refused> {
    let stranger = |text: String| Refused { peer: None, text };
    let connecting = incoming.accept().map_err(|error| stranger(explain(&error)))?;
    let quic = connecting.await.map_err(|error| stranger(explain(&error)))?;
    let certificate = peer_certificate(&quic).map_err(|error| stranger(error.to_string()))?;
    let peer = Arc::new(Peer::of(&certificate));
    let refused = |peer: &Arc<Peer>, text: String| Refused { peer: Some(peer.as_ref().clone()), text };
    let channel = channel_of(&quic).ok_or_else(|| stranger("no channel was agreed upon".into()))?;
    if !peer.role.may_open(channel) {
        let refusal = Refusal::Channel { role: Some(peer.role), channel }.to_string();
        quic.close(CODE_CHANNEL, refusal.as_bytes());
        return Err(refused(&peer, format!("its {refusal}")));
    }
    let Some(permit) = shared.registry.admit(peer.node, peer.role, quic.remote_address(), &shared.limits) else {
        quic.close(CODE_BUSY, b"too many connections");
        return Err(refused(&peer, "too many connections of this peer, from its address, or in all".into()));
    };
    let entry = shared.gate.enter(&peer, &quic).map_err(|reason| {
        quic.close(CODE_NOT_ADMITTED, reason.as_bytes());
        refused(&peer, reason)
    })?;
    if peer.role == Role::Node {
        tls::widen(&quic);
    }
    let other = greet_back(&quic, &shared.limits.hello).await.map_err(|error| refused(&peer, error.to_string()))?;
    let wire = shared.limits.hello.agree(&other).map_err(|refusal| {
        quic.close(CODE_VERSION, refusal.to_string().as_bytes());
        refused(&peer, format!("its {refusal}"))
    })?;
    let connection = Connection::new(peer, channel, quic, entry, Some(permit));
    Ok(connection.speaking(wire, other))
}

/// Says hello to a peer that is accepted, and hears what it speaks.
async fn greet_back(quic: &quinn::Connection, own: &Hello) -> Result<Hello, NetError> {
    let broken =
        |error: quinn::ConnectionError| NetError::Stream { doing: "greeting the peer", reason: explain(&error) };
    hello::say(quic, own).await.map_err(broken)?;
    hello::hear(quic).await.map_err(broken)?
}

fn channel_of(quic: &quinn::Connection) -> Option<Channel> {
    let data = quic.handshake_data()?.downcast::<HandshakeData>().ok()?;
    Channel::from_alpn(&data.protocol?)
}

fn explain(error: &quinn::ConnectionError) -> String {
    match of_connection_error(error, None) {
        Some((RefusedBy::Us, refusal)) => format!("its {refusal}"),
        Some((RefusedBy::Peer, refusal)) => format!("it refused us: our {refusal}"),
        None => error.to_string(),
    }
}

impl Shared {
    /// Says who was refused and why, within the bound of [`Throttle`].
    fn warn(&self, remote: SocketAddr, peer: Option<Peer>, reason: &str) {
        let Some(withheld) = self.warnings.pass(Instant::now()) else { return };
        match peer {
            Some(Peer { node, name, role, .. }) => {
                tracing::warn!(%remote, peer = %node, name, %role, reason, withheld, "peer refused");
            }
            None => tracing::warn!(%remote, reason, withheld, "peer refused"),
        }
    }
}
