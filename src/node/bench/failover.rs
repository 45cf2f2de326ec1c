//! How long writing stands still when the leader is killed, or asked to stop.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::append::client_failure;
use super::cluster::{BenchOptions, Cluster};
use super::load::open_producer;
use crate::cli::{ExitCode, Failure};
use crate::node::api::notes::Status;

/// How often a write is tried while nobody takes it.
const PROBE_EVERY: Duration = Duration::from_millis(10);
/// A write that takes longer is given up and tried again elsewhere.
const PROBE_TIMEOUT: Duration = Duration::from_secs(1);
/// A cluster that takes no write for so long has failed.
const WRITE_TIMEOUT: Duration = Duration::from_secs(60);

/// What `bench failover` measures.
#[derive(Clone, Debug)]
pub struct Failover {
    /// The cluster.
    pub cluster: BenchOptions,
    /// Leaders that are stopped, one after the other.
    pub tries: u32,
    /// Ask the leader to stop (SIGTERM) instead of killing it.
    pub graceful: bool,
}

impl Failover {
    /// Starts a cluster and stops its leader again and again. `tell` gets a row for each time, then one for all.
    ///
    /// # Errors
    /// When the cluster does not heal.
    pub async fn run(&self, mut tell: impl FnMut(Value)) -> Result<(), Failure> {
        let mut cluster = Cluster::start(&self.cluster).await?;
        let mut all = vec![];
        for attempt in 1..=self.tries {
            let ms = self.once(&mut cluster).await?;
            all.push(ms);
            tell(json!({"id": format!("{}/{attempt}", self.kind()), "kind": self.kind(), "ms": ms}));
            cluster.ready(self.cluster.nodes).await?;
        }
        all.sort_by(f64::total_cmp);
        let (median, worst) = (all.get(all.len() / 2), all.last());
        tell(json!({
            "id": self.kind(), "kind": self.kind(), "tries": self.tries, "median_ms": median, "worst_ms": worst,
            "best_ms": all.first(),
        }));
        cluster.fleet.stop()
    }

    fn kind(&self) -> &'static str {
        if self.graceful { "handover" } else { "failover" }
    }

    /// Milliseconds from the end of the leader to the next write that is acknowledged by the others.
    async fn once(&self, cluster: &mut Cluster) -> Result<f64, Failure> {
        let leader = cluster.leader().await?;
        let machines: Vec<_> = cluster.fleet.machines.iter().map(|machine| machine.data.clone()).collect();
        let (_client, mut producer) = open_producer(&machines[leader..=leader]).await.map_err(client_failure)?;
        producer.record(&["before"]).await.map_err(client_failure)?;
        let survivors: Vec<_> =
            machines.iter().enumerate().filter(|(index, _)| *index != leader).map(|(_, data)| data.clone()).collect();
        let begun = Instant::now();
        match self.graceful {
            true => cluster.fleet.terminate(leader),
            false => cluster.fleet.kill(leader),
        }
        loop {
            let probe = async {
                let (_client, mut producer) = open_producer(&survivors).await.ok()?;
                producer.record(&["after"]).await.ok().filter(|settled| settled.status == Status::All)
            };
            if let Ok(Some(_)) = tokio::time::timeout(PROBE_TIMEOUT, probe).await {
                break;
            }
            if begun.elapsed() > WRITE_TIMEOUT {
                return Err(Failure::new(ExitCode::Timeout, "no write was taken after the leader ended"));
            }
            tokio::time::sleep(PROBE_EVERY).await;
        }
        let ms = (begun.elapsed().as_secs_f64() * 1e4).round() / 10.0;
        while cluster.fleet.process(leader).is_some() && cluster.fleet.ended().is_empty() {
            tokio::time::sleep(PROBE_EVERY).await;
        }
        cluster.fleet.start(leader)?;
        Ok(ms)
    }
}
