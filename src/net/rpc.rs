//! A request and its answer: one stream in both directions for each, one message either way.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use quinn::{RecvStream, SendStream};
use tokio::sync::Semaphore;
use tokio_util::task::TaskTracker;
use tracing::Instrument;

use super::connection::Connection;
use super::error::NetError;
use super::frame::{FrameLimits, read_frame, write_frame};

/// Calls of one connection that are served at a time. At the limit further ones wait unread.
pub const CALLS_MAX: usize = 32;

/// The limits of calls; both sides should use the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CallLimits {
    /// The largest request.
    pub request_bytes_max: usize,
    /// The largest answer.
    pub response_bytes_max: usize,
    /// How long the caller waits, from beginning to end; and how long the server lets a caller dawdle over a part of
    /// its request or of taking the answer.
    pub timeout: Duration,
}

impl Connection {
    /// Sends a request and waits for the answer. An error after the request was sent means that the outcome is unknown: the
    /// peer may have acted on it.
    pub async fn call(&self, request: &[u8], limits: &CallLimits) -> Result<Bytes, NetError> {
        let waited_ms = u64::try_from(limits.timeout.as_millis()).unwrap_or(u64::MAX);
        let silent = || NetError::Silent { doing: "waiting for an answer", waited_ms };
        let outcome = tokio::time::timeout(limits.timeout, exchange(self, request, limits)).await;
        let outcome = outcome.unwrap_or_else(|_| Err(silent()));
        outcome.map_err(|source| NetError::Call { peer: self.peer().node, source: Box::new(source) })
    }
}

async fn exchange(connection: &Connection, request: &[u8], limits: &CallLimits) -> Result<Bytes, NetError> {
    let (mut send, mut receive) = connection.open().await?;
    let sending = FrameLimits { bytes_max: limits.request_bytes_max, idle: None, stall: limits.timeout };
    write_frame(&mut send, request, &sending).await?;
    // The stream ends here; if the peer has cut it already, reading its answer says why.
    let _ = send.finish();
    let receiving = FrameLimits { bytes_max: limits.response_bytes_max, idle: None, stall: limits.timeout };
    let doing = "waiting for an answer";
    let none = || NetError::Stream { doing, reason: "the peer gave none, its log may say why".to_owned() };
    read_frame(&mut receive, &receiving).await?.ok_or_else(none)
}

/// Answers the calls that arrive on a connection until it closes, at most [`CALLS_MAX`] at a time. `handler` turns each request
/// into an answer; it runs to its end even when the caller has gone. A request that breaks a limit costs its caller the
/// stream, and nobody else anything.
pub async fn serve<H, F>(connection: &Connection, limits: &CallLimits, handler: H) -> Result<(), NetError>
where
    H: Fn(Bytes) -> F + Clone + Send + 'static,
    F: Future<Output = Bytes> + Send + 'static,
{
    let slots = Arc::new(Semaphore::new(CALLS_MAX));
    let calls = TaskTracker::new();
    let peer = connection.peer().node;
    let outcome = loop {
        let slot = slots.clone().acquire_owned().await.expect("the semaphore is never closed");
        let (send, receive) = match connection.accept().await {
            Ok(Some(streams)) => streams,
            Ok(None) => break Ok(()),
            Err(error) => break Err(error),
        };
        let (limits, handler) = (*limits, handler.clone());
        let call = async move {
            if let Err(error) = answer(send, receive, &limits, handler).await {
                tracing::warn!(%peer, %error, "call not answered");
            }
            drop(slot);
        };
        calls.spawn(call.in_current_span());
    };
    calls.close();
    calls.wait().await;
    outcome
}

async fn answer<H, F>(
    mut send: SendStream,
    mut receive: RecvStream,
    limits: &CallLimits,
    handler: H,
) -> Result<(), NetError>
where
    H: Fn(Bytes) -> F,
    F: Future<Output = Bytes>,
{
    let (idle, stall) = (Some(limits.timeout), limits.timeout);
    let receiving = FrameLimits { bytes_max: limits.request_bytes_max, idle, stall };
    let Some(request) = read_frame(&mut receive, &receiving).await? else { return Ok(()) };
    let response = handler(request).await;
    let sending = FrameLimits { bytes_max: limits.response_bytes_max, idle, stall };
    write_frame(&mut send, &response, &sending).await?;
    // Fails only where the caller has gone, which is not our concern.
    let _ = send.finish();
    Ok(())
}
