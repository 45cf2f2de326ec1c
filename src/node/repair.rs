//! Repairs the log from the other members: before the start when it cannot be opened, and in the background when a
//! sealed segment has rotted.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio_util::sync::CancellationToken;

use super::clock::Clock;
use super::error::NodeError;
use super::layout::{Layout, NodeConfig};
use super::open::LET_GO;
use super::standing::Standing;
use crate::event::command::ReportRepair;
use crate::event::history::LogRepaired;
use crate::event::{Command, Event, Kind, NodeId, Seq};
use crate::log::{
    Damage, Log, LogError, LogOptions, LogReader, Repair, Repaired, SegmentDisk, SnapshotFile, find_damage,
};
use crate::net::{Endpoint, EndpointLimits, Identity, Role};
use crate::projection::{State, Store};
use crate::replica::client::Client;
use crate::replica::history::HistoryRequest;
use crate::replica::{Peers, Replica, ReplicaError};
use crate::work::Outbox;

/// How long a peer may take to begin its answer.
const ANSWER: Duration = Duration::from_secs(5);
/// How long a start waits for a peer that has what is missing.
const PATIENCE: Duration = Duration::from_secs(60);
/// Between two rounds of asking.
const AGAIN: Duration = Duration::from_millis(500);
/// Segments that one start repairs at most. More damage than that is a disk to be thrown away.
const SEGMENTS_MAX: usize = 64;
/// Between two segments that are checked in the background: 16 MiB every 10 s is a small part of any disk's time.
const SCRUB_EVERY: Duration = Duration::from_secs(10);
/// The same in the first round, which makes good what the start left out.
const FIRST_ROUND_EVERY: Duration = Duration::from_millis(250);

/// Repairs the log of a data directory that could not be opened because of `found`. The reports wait in a file until
/// [`report_pending`] has handed them on.
///
/// # Errors
/// [`NodeError::Unrepaired`] with a way out when no other member is known, or none has what is missing.
pub async fn before_start(layout: &Layout, config: &NodeConfig, found: LogError) -> Result<(), NodeError> {
    tracing::error!(error = %found, "the log is damaged: repairing it from the other members");
    let folder = layout.root().join("log");
    let identity = Identity::load(layout.root(), Role::Node)?;
    let options = LogOptions::new(identity.ca().fingerprint());
    let endpoint = Endpoint::dialer(&identity, EndpointLimits::default())?;
    let peers = Arc::new(Peers::new(config.node, endpoint));
    config.peers.iter().for_each(|peer| peers.learn(peer.node, &peer.address));
    // The checkpoint knows members that joined after this node did.
    if let Ok(store) = Store::open(&layout.state()) {
        if let Ok(Some(state)) = store.load() {
            learn_from(&state, &peers);
        }
        store.let_go(LET_GO);
    }
    if peers.others().is_empty() {
        // The cluster's first node knew nobody when it was made, and may have died before its first checkpoint.
        learn_from_log(&folder, &peers);
    }
    if peers.others().is_empty() {
        return Err(unrepaired(&folder, &found, "no other member is known: a cluster of one node has no second copy"));
    }
    let disk = SegmentDisk::writer(&folder)?;
    let settled = Standing::load(layout)?.settled;
    for _ in 0..SEGMENTS_MAX {
        let Some(mut damage) = find_damage(&disk, &options.cluster)? else { return Ok(()) };
        damage.must_reach(settled);
        let deadline = Instant::now() + PATIENCE;
        let (repair, source) = loop {
            match fetch_from_any(&peers, &damage, &options).await {
                Ok(fetched) => break fetched,
                Err(error) if Instant::now() > deadline => return Err(unrepaired(&folder, &found, &error.to_string())),
                Err(error) => tracing::warn!(%error, segment = damage.segment, "not repaired yet"),
            }
            tokio::time::sleep(AGAIN).await;
        };
        let repaired = repair.install(&disk)?;
        let mut pending = pending(layout)?;
        pending.push(report(config.node, source, repaired));
        layout.save_json(&layout.root().join(PENDING), &pending)?;
    }
    Err(unrepaired(&folder, &found, "more segments are damaged than one start repairs: replace the disk"))
}

fn learn_from(state: &State, peers: &Peers) {
    state.hosts.table.values().for_each(|host| peers.learn(host.host, &host.address));
}

/// Learns members from what can still be read of a damaged log: its snapshot, and its records up to the damage.
fn learn_from_log(folder: &Path, peers: &Peers) {
    // The snapshot can be read when no segment can.
    let snapshot = SnapshotFile::load(&SegmentDisk::reader(folder)).ok().flatten().and_then(|file| file.read().ok());
    if let Some(state) = snapshot.and_then(|(_, state)| State::restore(&state).ok()) {
        learn_from(&state, peers);
    }
    let Ok(reader) = LogReader::open(folder) else { return };
    let first = reader.base().ok().flatten().map_or(Seq(1), |base| base.seq.next());
    let Ok(records) = reader.records(first) else { return };
    for record in records.map_while(Result::ok) {
        let about_members = [Kind::NodeJoined, Kind::MemberMoved, Kind::MemberRemoved];
        if !record.raw().kind().is_some_and(|kind| about_members.contains(&kind)) {
            continue;
        }
        match record.decode().map(|record| record.draft.event) {
            Ok(Event::NodeJoined(joined)) => peers.learn(joined.node, &joined.address),
            Ok(Event::MemberMoved(moved)) => peers.learn(moved.node, &moved.to),
            Ok(Event::MemberRemoved(removed)) => peers.forget(removed.node),
            _ => {}
        }
    }
}

/// Reports that wait for the outbox.
const PENDING: &str = "repairs.json";

fn pending(layout: &Layout) -> Result<Vec<LogRepaired>, NodeError> {
    Ok(layout.load_json(&layout.root().join(PENDING))?.unwrap_or_default())
}

/// Hands the reports of repairs before the start to the outbox.
///
/// # Errors
/// When the file cannot be read or removed, or the outbox takes no more.
pub async fn report_pending(layout: &Layout, outbox: &Outbox) -> Result<(), NodeError> {
    let pending = pending(layout)?;
    if pending.is_empty() {
        return Ok(());
    }
    for repair in pending {
        let command = Command::ReportRepair(ReportRepair { repair });
        outbox.push(command, vec![], Clock.now()).await.map_err(crate::work::WorkError::from)?;
    }
    let path = layout.root().join(PENDING);
    std::fs::remove_file(&path).map_err(NodeError::io(path))
}

fn unrepaired(folder: &Path, found: &LogError, reason: &str) -> NodeError {
    NodeError::Unrepaired { path: folder.to_owned(), found: found.to_string(), reason: reason.to_owned() }
}

fn report(host: NodeId, source: NodeId, repaired: Repaired) -> LogRepaired {
    let Repaired { segment, first_index, last_index, first_seq, last_seq, reason, .. } = repaired;
    LogRepaired { host, segment, first_index, last_index, first_seq, last_seq, reason, source }
}

/// The segment from the first member that has all of it.
async fn fetch_from_any(
    peers: &Arc<Peers>,
    damage: &Damage,
    options: &LogOptions,
) -> Result<(Repair, NodeId), ReplicaError> {
    let mut last = ReplicaError::wire("no member is known");
    for peer in peers.others() {
        match fetch(peers, peer, damage, options).await {
            Ok(repair) => return Ok((repair, peer)),
            Err(error) => {
                tracing::info!(%peer, %error, segment = damage.segment, "no repair from this member");
                last = error;
            }
        }
    }
    Err(last)
}

async fn fetch(
    peers: &Arc<Peers>,
    peer: NodeId,
    damage: &Damage,
    options: &LogOptions,
) -> Result<Repair, ReplicaError> {
    let mut client = Client::new(peer, peers.clone());
    let mut repair = Repair::new(damage.clone(), options.cluster, options.segment_bytes);
    while !repair.is_complete() {
        let from = repair.next_index();
        let to = repair.end_index().or(repair.reach().map(|reach| reach + 1)).unwrap_or(from);
        let history = client.history(HistoryRequest { from, to }, ANSWER).await?;
        if history.entries.is_empty() {
            let settled = history.settled.map_or("nothing".to_owned(), |index| format!("entry {index}"));
            let reason = format!("entry {from} is wanted, and {peer} has committed {settled}");
            return Err(ReplicaError::wire(reason));
        }
        for entry in history.entries {
            repair.push(entry)?;
        }
    }
    Ok(repair)
}

/// Checks sealed segments in the background, one at a time, and repairs those that have rotted.
pub struct Scrubber {
    /// This node.
    pub node: NodeId,
    /// The log.
    pub log: Log,
    /// How it is kept.
    pub options: LogOptions,
    /// Where repairs come from.
    pub peers: Arc<Peers>,
    /// Where facts go.
    pub outbox: Arc<Outbox>,
}

impl Scrubber {
    /// Runs until `stop`, round after round over all sealed segments.
    pub async fn run(self, stop: CancellationToken) {
        let (mut next, mut every) = (0, FIRST_ROUND_EVERY);
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(every) => {}
            }
            let sealed = self.log.sealed();
            let Some(first) = sealed.iter().copied().find(|first| *first >= next) else {
                (next, every) = (0, SCRUB_EVERY);
                continue;
            };
            next = first + 1;
            if let Err(error) = self.scrub(first).await {
                tracing::error!(%error, first, "a sealed segment is damaged and not repaired yet");
            }
        }
    }

    /// Checks one segment, and repairs it if it is damaged. True when it was.
    ///
    /// # Errors
    /// When it cannot be read, or no other member has what is missing.
    pub async fn scrub(&self, first: u64) -> Result<bool, NodeError> {
        let log = self.log.clone();
        let checked = tokio::task::spawn_blocking(move || log.check_sealed(first)).await;
        let checked = checked.map_err(|error| ReplicaError::Stopped { reason: error.to_string() })?;
        let Some(damage) = checked? else { return Ok(false) };
        tracing::error!(segment = damage.segment, reason = damage.reason, "a sealed segment has rotted");
        let (repair, source) = fetch_from_any(&self.peers, &damage, &self.options).await?;
        let log = self.log.clone();
        let installed = tokio::task::spawn_blocking(move || log.install_repair(repair)).await;
        let installed = installed.map_err(|error| ReplicaError::Stopped { reason: error.to_string() })?;
        let repair = report(self.node, source, installed?);
        let command = Command::ReportRepair(ReportRepair { repair });
        self.outbox.push(command, vec![], Clock.now()).await.map_err(crate::work::WorkError::from)?;
        Ok(true)
    }
}

/// The scrubber of a node.
pub fn scrubber(replica: &Replica, node: NodeId, peers: Arc<Peers>, outbox: Arc<Outbox>) -> Scrubber {
    let log = replica.log().clone();
    Scrubber { node, options: log.options(), log, peers, outbox }
}
