//! How fast a log is read and folded, on one core.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::append::client_failure;
use super::cluster::{BenchOptions, Cluster};
use super::load::{self, Load};
use crate::cli::Failure;
use crate::event::{Kind, Seq};
use crate::log::LogReader;
use crate::projection::State;

/// What `bench replay` measures.
#[derive(Clone, Debug)]
pub struct Replay {
    /// A data directory; when there is none, a cluster writes a log first.
    pub data: Option<PathBuf>,
    /// Events that it writes.
    pub events: u64,
    /// Bytes of each.
    pub bytes: usize,
    /// Times that the log is read.
    pub runs: usize,
}

impl Replay {
    /// Reads a log into a counting projection and into all projections.
    ///
    /// # Errors
    /// When the log cannot be read.
    pub async fn run(&self, tell: impl FnMut(Value)) -> Result<(), Failure> {
        if let Some(data) = &self.data {
            return self.measure(data, tell);
        }
        let temporary = tempfile::tempdir().map_err(Failure::general)?;
        let options =
            BenchOptions { program: None, nodes: 1, out: Some(temporary.path().to_owned()), arguments: vec![] };
        let mut cluster = Cluster::start(&options).await?;
        let data = cluster.fleet.machines[0].data.clone();
        let during = Duration::from_secs(3_600);
        let load = Load { clients: 4, window: 512, bytes: self.bytes, during, notes_max: self.events };
        load::write(std::slice::from_ref(&data), &load).await.map_err(client_failure)?;
        cluster.fleet.stop()?;
        self.measure(&data, tell)
    }

    fn measure(&self, data: &Path, mut tell: impl FnMut(Value)) -> Result<(), Failure> {
        let reader = LogReader::open(&data.join("log")).map_err(Failure::general)?;
        for _ in 0..self.runs {
            let begun = Instant::now();
            let mut counts = vec![0_u64; usize::from(u16::MAX) + 1];
            for record in reader.records(Seq(1)).map_err(Failure::general)? {
                let record = record.map_err(Failure::general)?;
                counts[usize::from(record.raw().kind_number())] += 1;
            }
            tell(row("replay/count", counts.iter().sum(), begun.elapsed()));
            let begun = Instant::now();
            let mut state = State::new();
            for record in reader.records(Seq(1)).map_err(Failure::general)? {
                let record = record.map_err(Failure::general)?;
                state.apply(&record.decode().map_err(Failure::general)?);
            }
            let all = row("replay/all", state.seq.0, begun.elapsed());
            let notes = counts[usize::from(Kind::NoteRecorded.number())];
            tracing::debug!(notes, digest = %state.digest(), "replayed");
            tell(all);
        }
        Ok(())
    }
}

fn row(id: &str, events: u64, elapsed: Duration) -> Value {
    let seconds = elapsed.as_secs_f64();
    json!({
        "id": id, "kind": "replay", "events": events, "seconds": (seconds * 1e3).round() / 1e3,
        "events_per_s": (events as f64 / seconds).round(),
    })
}
