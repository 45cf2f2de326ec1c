//! How fast events are written, durable on a quorum, and what that costs.

use std::path::PathBuf;
use std::time::Duration;

use serde_json::{Value, json};

use super::cluster::{BenchOptions, Cluster};
use super::load::{self, Load, Written};
use crate::cli::Failure;

/// Notes that are written before anything is measured.
const WARM_UP_NOTES: u64 = 200;

/// What `bench append` measures.
#[derive(Clone, Debug)]
pub struct Append {
    /// The cluster.
    pub cluster: BenchOptions,
    /// Numbers of clients, one measurement each …
    pub clients: Vec<usize>,
    /// … for each number of notes that a client has outstanding.
    pub windows: Vec<usize>,
    /// Bytes of a note.
    pub bytes: usize,
    /// How long each measurement takes.
    pub during: Duration,
    /// Measurements of each kind; the rows are in the order taken.
    pub runs: usize,
    /// Events that are written at last, to see what they take in memory and on disk.
    pub fill: u64,
}

impl Append {
    /// Starts a cluster, measures, and stops it. `tell` gets each row as it comes.
    ///
    /// # Errors
    /// When the cluster does not start or is lost on the way.
    pub async fn run(&self, mut tell: impl FnMut(Value)) -> Result<(), Failure> {
        let mut cluster = Cluster::start(&self.cluster).await?;
        let idle = cluster.resident_mb();
        let machines: Vec<PathBuf> = cluster.fleet.machines.iter().map(|machine| machine.data.clone()).collect();
        let warm_up = Load { notes_max: WARM_UP_NOTES, ..self.load(4, 8) };
        load::write(&machines, &warm_up).await.map_err(client_failure)?;
        for &window in &self.windows {
            for &clients in &self.clients {
                for _ in 0..self.runs {
                    let before = cluster.cpu_us();
                    let written = load::write(&machines, &self.load(clients, window)).await.map_err(client_failure)?;
                    let cpu_us = cluster.cpu_us() - before;
                    tell(row(clients, window, cpu_us, &written));
                }
            }
        }
        if self.fill > 0 {
            let fill = Load { notes_max: self.fill, during: Duration::from_secs(3_600), ..self.load(4, 512) };
            let (before_mb, before_disk) = (cluster.resident_mb(), cluster.disk_mb());
            load::write(&machines, &fill).await.map_err(client_failure)?;
            tell(json!({
                "id": format!("fill/{}", self.fill), "kind": "fill", "events": self.fill,
                "resident_mb_idle": idle, "resident_mb_before": before_mb, "resident_mb": cluster.resident_mb(),
                "disk_mb_before": before_disk, "disk_mb": cluster.disk_mb(),
            }));
        }
        cluster.fleet.stop()
    }

    fn load(&self, clients: usize, window: usize) -> Load {
        Load { clients, window, bytes: self.bytes, during: self.during, notes_max: u64::MAX }
    }
}

fn row(clients: usize, window: usize, cpu_us: u64, written: &Written) -> Value {
    let seconds = written.elapsed.as_secs_f64();
    json!({
        "id": format!("append/{clients}x{window}"), "kind": "append", "clients": clients, "window": window,
        "events": written.notes, "seconds": (seconds * 1e3).round() / 1e3,
        "events_per_s": (written.notes as f64 / seconds).round(),
        "p50_us": written.latency_us.value_at_quantile(0.5), "p99_us": written.latency_us.value_at_quantile(0.99),
        "max_us": written.latency_us.max(),
        "cpu_us_per_event": (cpu_us as f64 / written.notes.max(1) as f64 * 10.0).round() / 10.0,
    })
}

pub(super) fn client_failure(error: crate::node::api::ClientError) -> Failure {
    Failure::new(error.exit_code(), error)
}
