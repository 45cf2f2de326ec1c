//! What Prometheus sees: the figures of the moment at which it asks.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;
use tokio::sync::Mutex;
use tokio::time::Instant;

use super::server::Health;
use crate::event::NodeId;
use crate::event::campaign::Stage;
use crate::event::cluster::QuorumHealth;
use crate::node::api::request::Footer;
use crate::node::api::status::{CampaignStatus, Status};
use crate::node::api::{projections, reads};
use crate::projection::State;
use crate::work::InferenceUsage;

/// How often the figures are made anew at most.
const SCRAPE_EVERY: Duration = Duration::from_millis(250);
/// Every health, and what `status` calls it.
const HEALTHS: [(QuorumHealth, &str); 4] = [
    (QuorumHealth::Healthy, "healthy"),
    (QuorumHealth::Degraded, "degraded"),
    (QuorumHealth::Minimum, "minimum"),
    (QuorumHealth::Lost, "lost"),
];

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct KindLabel {
    kind: String,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct StageLabel {
    stage: String,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct HealthLabel {
    health: &'static str,
}

/// The figures as they were told last. Looking at all projections costs something, and holds up the fold.
#[derive(Clone, Default)]
pub struct Scrape {
    last: Arc<Mutex<Option<(Instant, String)>>>,
}

impl Scrape {
    /// The figures, made anew when the last ones are older than [`SCRAPE_EVERY`]. Whoever asks meanwhile waits for the same.
    pub(super) async fn text(&self, make: impl FnOnce() -> Result<String, fmt::Error>) -> Result<String, fmt::Error> {
        let mut last = self.last.lock().await;
        if let Some((_, text)) = last.as_ref().filter(|(at, _)| at.elapsed() < SCRAPE_EVERY) {
            return Ok(text.clone());
        }
        let text = make()?;
        *last = Some((Instant::now(), text.clone()));
        Ok(text)
    }
}

/// The figures of this moment, as text.
pub(super) fn text(health: &Health) -> Result<String, fmt::Error> {
    let mut text = String::new();
    encode(&mut text, &registry(health))?;
    Ok(text)
}

/// The figures of this moment.
fn registry(health: &Health) -> Registry {
    let footer = health.footing.now();
    let (status, quorum, counts) = health.replica.fold().read(|state| {
        let counts: Vec<(String, u64)> =
            state.counts.table.values().map(|row| (row.kind.clone(), row.records)).collect();
        (Status::of(health.footing.name(), state), Quorum::of(health, state, &footer), counts)
    });
    let mut registry = Registry::with_prefix("kifu");
    let mut gauge = |name: &str, help: &str, value: u64| {
        let gauge: Gauge = Gauge::default();
        gauge.set(i64::try_from(value).unwrap_or(i64::MAX));
        registry.register(name, help, gauge);
    };
    gauge("log_seq", "Last record folded by this node", footer.seq.0);
    gauge("raft_term", "Current term", footer.term.0);
    let leads = footer.leader.as_deref() == Some(health.footing.name());
    gauge("raft_is_leader", "1 while this node leads and a quorum answers it", u64::from(leads));
    gauge("behind_records", "Records behind the leader when it was last heard", footer.behind_records);
    gauge("behind_milliseconds", "Time since the leader was last heard", footer.behind_ms);
    gauge("hosts", "Members", u64::from(status.hosts));
    gauge("hosts_online", "Members that are online", u64::from(status.hosts_online));
    gauge("jobs_queued", "Jobs that wait", u64::from(status.jobs_queued));
    let since = status.longest_queued.map(|job| health.footing.clock().now().since(job.since));
    gauge("jobs_queued_longest_seconds", "How long the job waits that has waited longest", since.unwrap_or(0) / 1_000);
    gauge("jobs_running", "Jobs that run", u64::from(status.jobs_running));
    let (short, since) = status.copies_missing.map_or((0, None), |it| (it.blobs, Some(it.since)));
    gauge("artifacts_short", "Blobs that lie on too few online hosts", u64::from(short));
    let since = since.map_or(0, |since| health.footing.clock().now().since(since));
    gauge("artifacts_short_longest_seconds", "How long a copy of one of them has been wanted", since / 1_000);
    gauge("disk_full", "1 while the disk is full and nothing new is acknowledged", u64::from(footer.disk_full));
    gauge("disk_low", "1 while the disk is nearly full", u64::from(footer.disk_low.is_some()));
    if let Some(space) = health.footing.room().space() {
        gauge("disk_free_bytes", "Space that is left on the disk of the data directory", space.free_bytes);
    }
    gauge("outbox_proposals", "Proposals that the leader has not acknowledged", health.outbox.len());
    let lag = health.lag.take().as_micros() as u64;
    gauge(
        "control_loop_lag_microseconds",
        "How late the control runtime's timers fired at worst, since last asked",
        lag,
    );
    gauge(
        "control_loop_late",
        "1 when a timer of the control runtime fired late within the last minute",
        u64::from(health.lag.high().is_some()),
    );
    if let Some(campaign) = &status.campaign {
        gauge("campaign_generation", "Generation that is being made", u64::from(campaign.generation));
        gauge("campaign_games_verified", "Games verified for this generation", campaign.games_verified);
    }
    if let Some(campaign) = &status.campaign {
        register_stages(&mut registry, campaign);
    }
    quorum.register(&mut registry);
    register_inference(&mut registry, health.workshop.inference());
    let events = Family::<KindLabel, Gauge>::default();
    for (kind, records) in counts {
        events.get_or_create(&KindLabel { kind }).set(i64::try_from(records).unwrap_or(i64::MAX));
    }
    registry.register("events", "Records in the log by kind", events);
    projections::register(&mut registry, &projections::of_node(&health.replica, &footer));
    registry
}

/// Which stages of the campaign take longer than their limits.
fn register_stages(registry: &mut Registry, campaign: &CampaignStatus) {
    let stages = Family::<StageLabel, Gauge>::default();
    for stage in Stage::ALL {
        let overdue = campaign.overdue.iter().filter(|known| known.stage == stage).count();
        let label = StageLabel { stage: stage.name().to_owned() };
        stages.get_or_create(&label).set(i64::try_from(overdue).unwrap_or(i64::MAX));
    }
    registry.register("campaign_stage_overdue", "Generations whose stage takes longer than its limit", stages);
}

/// What this node knows of the quorum at this moment, also when nobody can record it.
struct Quorum {
    health: QuorumHealth,
    voters: usize,
    heard: usize,
    ack_age_ms: Option<u64>,
    read_lease_ms: u64,
}

impl Quorum {
    fn of(health: &Health, state: &State, footer: &Footer) -> Quorum {
        let voters = state.quorum.get().map(|row| row.voters.as_slice()).unwrap_or_default();
        let timeout_ms = state.config().map_or(0, |config| config.cluster.host_timeout_ms);
        let now = health.footing.heard_now();
        let heard = health.footing.with_liveness(|liveness| {
            let is_heard = |voter: &&NodeId| {
                let heard = liveness.hosts.get(*voter).filter(|heard| !heard.goodbye);
                heard.is_some_and(|heard| now.since(heard.last_heard_at) <= timeout_ms)
            };
            voters.iter().filter(is_heard).count()
        });
        let age = health.replica.contact().quorum_ack_age;
        let ack_age_ms = age.map(|age| u64::try_from(age.as_millis()).unwrap_or(u64::MAX));
        let read_lease_ms = u64::try_from(health.replica.read_lease().as_millis()).unwrap_or(u64::MAX);
        let (health, voters) = (reads::health(state, footer), voters.len());
        Quorum { health, voters, heard, ack_age_ms, read_lease_ms }
    }

    fn register(self, registry: &mut Registry) {
        let mut gauge = |name: &str, help: &str, value: u64| {
            let gauge: Gauge = Gauge::default();
            gauge.set(i64::try_from(value).unwrap_or(i64::MAX));
            registry.register(name, help, gauge);
        };
        gauge("voters", "Members that vote", self.voters as u64);
        gauge("voters_online", "Members that vote and that this node hears", self.heard as u64);
        if let Some(age) = self.ack_age_ms {
            gauge("quorum_ack_age_milliseconds", "On the leader: the age of what a quorum answered last", age);
            let help = "On the leader: how long such an answer counts for reads at consistency lease";
            gauge("read_lease_milliseconds", help, self.read_lease_ms);
        }
        let family = Family::<HealthLabel, Gauge>::default();
        for (health, name) in HEALTHS {
            family.get_or_create(&HealthLabel { health: name }).set(i64::from(health == self.health));
        }
        registry.register("quorum_health", "1 for how far the cluster is from losing its quorum", family);
    }
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
