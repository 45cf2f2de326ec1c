//! The three paths, and who answers them.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::State as Shared;
use axum::http::{HeaderValue, StatusCode, header};
use axum::middleware::map_response;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use tokio_util::sync::CancellationToken;

use super::door::Door;
use super::lag::LoopLag;
use super::metrics::{self, Scrape};
use crate::node::api::footer::Footing;
use crate::node::error::NodeError;
use crate::node::workshop::Workshop;
use crate::replica::Replica;
use crate::work::Outbox;

/// A follower that has not heard its leader for this long is not ready.
const BEHIND_MS_MAX: u64 = 3_000;
/// A control runtime that has not come to fire a timer for this long hangs.
const STANDSTILL_MAX: Duration = Duration::from_secs(10);

/// What the HTTP server looks at.
#[derive(Clone)]
pub struct Health {
    /// The replica.
    pub replica: Arc<Replica>,
    /// Where this node stands.
    pub footing: Footing,
    /// The outbox.
    pub outbox: Arc<Outbox>,
    /// The workers.
    pub workshop: Arc<Workshop>,
    /// How late the control runtime's timers fire.
    pub lag: LoopLag,
    /// The figures of the last moment.
    pub scrape: Scrape,
}

/// Serves HTTP on `listener` until `stop`, on the runtime on which it is called.
pub async fn serve(listener: std::net::TcpListener, health: Health, stop: CancellationToken) {
    let door = match Door::new(listener) {
        Ok(door) => door,
        Err(error) => return tracing::warn!(%error, "the HTTP port cannot be served"),
    };
    let routes = Router::new()
        .route("/healthz", get(healthz))
        .route("/readyz", get(readyz))
        .route("/metrics", get(figures))
        .layer(map_response(last))
        .with_state(health);
    let served = axum::serve(door, routes).with_graceful_shutdown(async move { stop.cancelled().await }).await;
    if let Err(error) = served {
        tracing::warn!(%error, "the HTTP server ended");
    }
}

/// Binds the HTTP port.
///
/// # Errors
/// [`NodeError::Bind`] when the address is in use or not this machine's.
pub async fn bind(address: &str) -> Result<std::net::TcpListener, NodeError> {
    let bound = match tokio::net::TcpListener::bind(address).await {
        Ok(listener) => listener.into_std(),
        Err(error) => Err(error),
    };
    let (address, flag) = (address.to_owned(), "http");
    bound.map_err(|error| NodeError::Bind { address, reason: error.to_string(), flag })
}

/// A connection serves one request: there is nothing to wait for afterwards.
async fn last(mut response: Response) -> Response {
    response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    response
}

/// Alive: Raft runs, and so does the runtime on which it does. (HTTP is answered on another one.)
async fn healthz(Shared(health): Shared<Health>) -> impl IntoResponse {
    let overdue = health.lag.overdue();
    match health.replica.health() {
        Ok(()) if overdue <= STANDSTILL_MAX => (StatusCode::OK, "ok\n".to_owned()),
        Ok(()) => {
            let words = format!("the control runtime has stood still for {} ms\n", overdue.as_millis());
            (StatusCode::SERVICE_UNAVAILABLE, words)
        }
        Err(error) => (StatusCode::SERVICE_UNAVAILABLE, format!("{error}\n")),
    }
}

/// Ready: somebody leads as far as this node can know, and was heard lately; and this node can do its part.
async fn readyz(Shared(health): Shared<Health>) -> impl IntoResponse {
    let footer = health.footing.now();
    let halted = health.replica.fold().read(|state| state.check_decided_from().err().map(ToString::to_string));
    let reason = match (&footer.leader, health.replica.health(), health.outbox.poisoned()) {
        (_, Err(error), _) => Some(error.to_string()),
        (_, _, Some(reason)) => Some(format!("the outbox cannot be written: {reason}")),
        _ if health.replica.log().is_full() => Some(crate::replica::ReplicaError::DiskFull.to_string()),
        (None, _, _) => Some("no leader with a quorum is known".to_owned()),
        _ if footer.upgrade_needed.is_some() => footer.upgrade_needed.clone(),
        _ if halted.is_some() => halted,
        _ if footer.behind_ms > BEHIND_MS_MAX => Some(format!("the leader was last heard {} ms ago", footer.behind_ms)),
        _ => None,
    };
    match reason {
        None => (StatusCode::OK, format!("ready: {}{footer}\n", late(&health.lag))),
        Some(reason) => (StatusCode::SERVICE_UNAVAILABLE, format!("not ready: {reason}\n")),
    }
}

/// What to say of a control runtime that was late, before all else.
fn late(lag: &LoopLag) -> String {
    lag.high().map_or_else(String::new, |lag| format!("the control runtime was {} ms late; ", lag.as_millis()))
}

async fn figures(Shared(health): Shared<Health>) -> impl IntoResponse {
    match health.scrape.text(|| metrics::text(&health)).await {
        Ok(text) => {
            let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
            (StatusCode::OK, [(header::CONTENT_TYPE, kind)], text)
        }
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, [(header::CONTENT_TYPE, "text/plain")], error.to_string()),
    }
}
