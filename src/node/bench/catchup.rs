//! How fast a new node gets the history.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::append::client_failure;
use super::cluster::{BenchOptions, Cluster};
use super::load::{self, Load};
use crate::cli::{ExitCode, Failure};

/// How often the new node is asked how far it is.
const POLL_EVERY: Duration = Duration::from_millis(10);
/// A node that has not caught up by then has failed.
const CATCHUP_TIMEOUT: Duration = Duration::from_secs(600);

/// What `bench catchup` measures.
#[derive(Clone, Debug)]
pub struct Catchup {
    /// The cluster, without the new node.
    pub cluster: BenchOptions,
    /// Events that are there before it comes.
    pub events: u64,
    /// Bytes of each.
    pub bytes: usize,
}

impl Catchup {
    /// Starts a cluster, writes the events, lets a node join, and times it from its first to the last record.
    ///
    /// # Errors
    /// When the cluster does not start or the new node does not catch up.
    pub async fn run(&self, mut tell: impl FnMut(Value)) -> Result<(), Failure> {
        let options = BenchOptions { nodes: self.cluster.nodes + 1, ..self.cluster.clone() };
        let new = self.cluster.nodes as usize;
        let mut cluster = Cluster::start_some(&options, self.cluster.nodes).await?;
        let machines: Vec<PathBuf> = cluster.fleet.machines[..new].iter().map(|machine| machine.data.clone()).collect();
        let during = Duration::from_secs(3_600);
        let load = Load { clients: 4, window: 512, bytes: self.bytes, during, notes_max: self.events };
        load::write(&machines, &load).await.map_err(client_failure)?;
        let leader = cluster.leader().await?;
        let goal = cluster.seq(leader).await.map_err(client_failure)?;
        cluster.add(new).await?;
        let begun = Instant::now();
        let (mut first, mut last) = (None, 0);
        while last < goal {
            if begun.elapsed() > CATCHUP_TIMEOUT {
                return Err(Failure::new(ExitCode::Timeout, format!("the new node got no further than {last}")));
            }
            last = cluster.seq(new).await.unwrap_or(last);
            if last > 0 && first.is_none() {
                first = Some((Instant::now(), last));
            }
            tokio::time::sleep(POLL_EVERY).await;
        }
        let seconds = begun.elapsed().as_secs_f64();
        let (moving, from) = first.map_or((seconds, 0), |(at, from)| (at.elapsed().as_secs_f64(), from));
        tell(json!({
            "id": format!("catchup/{}", self.events), "kind": "catchup", "events": goal,
            "seconds_since_start": (seconds * 1e3).round() / 1e3, "seconds_moving": (moving * 1e3).round() / 1e3,
            "events_per_s": rate(goal.saturating_sub(from), moving),
            "events_per_s_since_start": (goal as f64 / seconds).round(),
        }));
        cluster.fleet.stop()
    }
}

/// Events a second; none where it was over before it could be watched.
fn rate(events: u64, seconds: f64) -> Option<f64> {
    (events > 0 && seconds >= POLL_EVERY.as_secs_f64()).then(|| (events as f64 / seconds).round())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_over_at_the_first_look_has_no_rate() {
        assert_eq!(rate(500, 0.5), Some(1000.0));
        assert_eq!(rate(0, 0.5), None);
        assert_eq!(rate(500, 1e-6), None);
    }
}
