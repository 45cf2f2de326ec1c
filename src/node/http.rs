//! `/healthz`, `/readyz` and `/metrics` over plain HTTP, for load balancers and Prometheus.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use axum::Router;
use axum::extract::State as Shared;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use axum::routing::get;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;
use tokio_util::sync::CancellationToken;

use super::api::footer::Footing;
use super::api::projections;
use super::api::status::Status;
use super::error::NodeError;
use super::workshop::Workshop;
use crate::replica::Replica;
use crate::work::{InferenceUsage, Outbox};

/// A follower that has not heard its leader for this long is not ready.
const BEHIND_MS_MAX: u64 = 3_000;
/// How often the lag of the control runtime is measured.
const LAG_EVERY: Duration = Duration::from_millis(100);

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
}

/// The lag of a runtime's timers, in microseconds: the proof that bulk work does not delay control.
#[derive(Clone, Default)]
pub struct LoopLag {
    micros: Arc<AtomicU64>,
}

impl LoopLag {
    /// Measures on the current runtime until `stop`.
    pub async fn measure(self, stop: CancellationToken) {
        loop {
            let due = tokio::time::Instant::now() + LAG_EVERY;
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep_until(due) => {}
            }
            self.micros.store(due.elapsed().as_micros() as u64, Ordering::Relaxed);
        }
    }
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct KindLabel {
    kind: String,
}

/// Serves HTTP on `listener` until `stop`.
pub async fn serve(listener: tokio::net::TcpListener, health: Health, stop: CancellationToken) {
    let routes = Router::new()
        .route("/healthz", get(healthz))
        .route("/readyz", get(readyz))
        .route("/metrics", get(metrics))
        .with_state(health);
    let served = axum::serve(listener, routes).with_graceful_shutdown(async move { stop.cancelled().await }).await;
    if let Err(error) = served {
        tracing::warn!(%error, "the HTTP server ended");
    }
}

/// Binds the HTTP port.
///
/// # Errors
/// [`NodeError::Bind`] when the address is in use or not this machine's.
pub async fn bind(address: &str) -> Result<tokio::net::TcpListener, NodeError> {
    tokio::net::TcpListener::bind(address).await.map_err(|error| NodeError::Bind {
        address: address.to_owned(),
        reason: error.to_string(),
        flag: "http",
    })
}

/// Alive: the process answers and Raft runs.
async fn healthz(Shared(health): Shared<Health>) -> impl IntoResponse {
    match health.replica.health() {
        Ok(()) => (StatusCode::OK, "ok\n".to_owned()),
        Err(error) => (StatusCode::SERVICE_UNAVAILABLE, format!("{error}\n")),
    }
}

/// Ready: a leader is known and was heard lately.
async fn readyz(Shared(health): Shared<Health>) -> impl IntoResponse {
    let footer = health.footing.now();
    let halted = health.replica.fold().read(|state| state.check_decided_from().err().map(ToString::to_string));
    let reason = match (&footer.leader, health.replica.health(), health.outbox.poisoned()) {
        (_, Err(error), _) => Some(error.to_string()),
        (_, _, Some(reason)) => Some(format!("the outbox cannot be written: {reason}")),
        _ if health.replica.log().is_full() => Some(crate::replica::ReplicaError::DiskFull.to_string()),
        (None, _, _) => Some("no leader is known".to_owned()),
        _ if footer.upgrade_needed.is_some() => footer.upgrade_needed.clone(),
        _ if halted.is_some() => halted,
        _ if footer.behind_ms > BEHIND_MS_MAX => Some(format!("the leader was last heard {} ms ago", footer.behind_ms)),
        _ => None,
    };
    match reason {
        None => (StatusCode::OK, format!("ready: {footer}\n")),
        Some(reason) => (StatusCode::SERVICE_UNAVAILABLE, format!("not ready: {reason}\n")),
    }
}

async fn metrics(Shared(health): Shared<Health>) -> impl IntoResponse {
    let mut text = String::new();
    match encode(&mut text, &registry(&health)) {
        Ok(()) => {
            let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
            (StatusCode::OK, [(header::CONTENT_TYPE, kind)], text)
        }
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, [(header::CONTENT_TYPE, "text/plain")], error.to_string()),
    }
}

/// The figures of this moment.
fn registry(health: &Health) -> Registry {
    let footer = health.footing.now();
    let (status, counts) = health.replica.fold().read(|state| {
        let counts: Vec<(String, u64)> =
            state.counts.table.values().map(|row| (row.kind.clone(), row.records)).collect();
        (Status::of(health.footing.name(), state), counts)
    });
    let mut registry = Registry::with_prefix("kifu");
    let mut gauge = |name: &str, help: &str, value: u64| {
        let gauge: Gauge = Gauge::default();
        gauge.set(i64::try_from(value).unwrap_or(i64::MAX));
        registry.register(name, help, gauge);
    };
    gauge("log_seq", "Last record folded by this node", footer.seq.0);
    gauge("raft_term", "Current term", footer.term.0);
    gauge(
        "raft_is_leader",
        "1 when this node leads",
        u64::from(footer.leader.as_deref() == Some(health.footing.name())),
    );
    gauge("behind_records", "Records behind the leader when it was last heard", footer.behind_records);
    gauge("behind_milliseconds", "Time since the leader was last heard", footer.behind_ms);
    gauge("hosts", "Members", u64::from(status.hosts));
    gauge("hosts_online", "Members that are online", u64::from(status.hosts_online));
    gauge("jobs_queued", "Jobs that wait", u64::from(status.jobs_queued));
    gauge("jobs_running", "Jobs that run", u64::from(status.jobs_running));
    gauge("outbox_proposals", "Proposals that the leader has not acknowledged", health.outbox.len());
    let lag = health.lag.micros.load(Ordering::Relaxed);
    gauge("control_loop_lag_microseconds", "How late the control runtime's timers fire", lag);
    if let Some(campaign) = &status.campaign {
        gauge("campaign_generation", "Generation that is being made", u64::from(campaign.generation));
        gauge("campaign_games_verified", "Games verified for this generation", campaign.games_verified);
    }
    register_inference(&mut registry, health.workshop.inference());
    let events = Family::<KindLabel, Gauge>::default();
    for (kind, records) in counts {
        events.get_or_create(&KindLabel { kind }).set(i64::try_from(records).unwrap_or(i64::MAX));
    }
    registry.register("events", "Records in the log by kind", events);
    projections::register(&mut registry, &projections::of_node(&health.replica, &footer));
    registry
}

/// How the workers of this node use their nets, by their own words of about the last second.
fn register_inference(registry: &mut Registry, (workers, usage): (usize, InferenceUsage)) {
    let figures = [
        ("inference_workers", "Workers that evaluate positions", workers as f64),
        ("inference_leaves_per_second", "Leaves of search trees that nets evaluate, all workers", usage.leaves_per_s),
        (
            "inference_batch_fill_ratio",
            "Positions in a batch, as a share of the games played at once",
            usage.batch_fill,
        ),
        ("inference_games_at_once", "Games that one job plays at once, mean over leaves", usage.games),
        ("inference_net_ratio", "Share of the time in which nets run, summed over workers", usage.net_share),
        ("inference_wait_seconds", "Time that a leaf waits for its evaluation", usage.wait_ms / 1e3),
        ("inference_number_bits", "Bits of the numbers in which nets run, mean over leaves", usage.bits),
        ("inference_speed_up_ratio", "How much faster than in 32 bits that is, mean over leaves", usage.speed_up),
    ];
    for (name, help, value) in figures {
        let gauge: Gauge<f64, AtomicU64> = Gauge::default();
        gauge.set(value);
        registry.register(name, help, gauge);
    }
}
