//! Replication as the floors above see it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use openraft::async_runtime::watch::WatchReceiver;
use openraft::errors::{ClientWriteError, RaftError};
use openraft::{ChangeMembers, Config, SnapshotPolicy};
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;

use super::client::{Client, Clients, time_for};
use super::contact::Heard;
use super::error::ReplicaError;
use super::fold::Fold;
use super::greeting::Greeter;
use super::handover::Watched;
use super::lease::{Leases, begin_to_vote};
use super::machine::{Machine, RaftCheckpoint};
use super::peers::Peers;
use super::propose::{Ask, Outcome, PROPOSALS_MAX, ask};
use super::server::{Service, proposals_frame};
use super::snapshots::Snapshots;
use super::store::LogStore;
use super::types::{Member, TypeConfig};
use super::wire::{FRAME_BYTES_MAX, from_json};
use crate::broken::{self, Defect};
use crate::event::{NodeId, Proposal, Record, Seq, Term};
use crate::log::Log;
use crate::net::Connection;

pub(super) type Raft = openraft::Raft<TypeConfig, Machine>;

/// How long a batch may take to commit before its fate counts as unknown.
pub(super) const APPEND_TIMEOUT: Duration = Duration::from_secs(5);
/// How long forwarded proposals may take, or longer where they are many and the link is slow.
const FORWARD_TIMEOUT: Duration = Duration::from_secs(6);
/// The answer of a leader that leads no more may be on its way, and is waited for so long.
const LAST_WORD: Duration = Duration::from_millis(100);
/// Bytes of the log that are read at a time when records are asked for.
const RECORDS_BYTES: usize = 256 * 1024;
/// Voters at most; further members stay learners.
pub const VOTERS_MAX: usize = 7;

/// Timing of elections. Failover takes about `election_max_ms` plus a random part between the two.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timing {
    /// Between two heartbeats of the leader; must exceed the slowest usual fsync plus a round trip.
    pub heartbeat_ms: u64,
    /// A follower waits at least this long before it campaigns.
    pub election_min_ms: u64,
    /// And at most this long.
    pub election_max_ms: u64,
}

impl Timing {
    /// For machines in one place.
    pub const LAN: Timing = Timing { heartbeat_ms: 60, election_min_ms: 150, election_max_ms: 280 };
    /// For machines far apart, with slow disks, or with all cores busy.
    pub const WAN: Timing = Timing { heartbeat_ms: 250, election_min_ms: 900, election_max_ms: 1_300 };
}

/// Who leads, as this node sees it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Leadership {
    /// The leader, if one is known.
    pub leader: Option<NodeId>,
    /// The current term.
    pub term: Term,
}

/// What a replica is made of.
pub struct ReplicaOptions {
    /// This node.
    pub node: NodeId,
    /// The log, open.
    pub log: Log,
    /// The fold.
    pub fold: Arc<Fold>,
    /// Where Raft stood at the fold's checkpoint.
    pub checkpoint: RaftCheckpoint,
    /// The connections.
    pub peers: Arc<Peers>,
    /// Timing of elections.
    pub timing: Timing,
    /// Where peers' proposals go.
    pub intake: mpsc::Sender<Ask>,
    /// From when on this node votes and stands: an earlier run of it may have answered a leader that counts on it until then.
    pub votes_from: Instant,
}

/// This node's part of the replicated log.
pub struct Replica {
    pub(super) node: NodeId,
    pub(super) raft: Raft,
    fold: Arc<Fold>,
    log: Log,
    pub(super) snapshots: Arc<Snapshots>,
    /// Entries below this index are kept elsewhere.
    pub(super) horizon: Arc<AtomicU64>,
    peers: Arc<Peers>,
    pub(super) intake: mpsc::Sender<Ask>,
    pub(super) leadership: watch::Receiver<Leadership>,
    forwarder: tokio::sync::Mutex<Option<(NodeId, Client)>>,
    pub(super) timing: Timing,
    pub(super) heard: Arc<Heard>,
    pub(super) leases: Leases,
    votes_from: Instant,
    pub(super) watched: Arc<Watched>,
}

impl Replica {
    /// Starts Raft on the log.
    ///
    /// # Errors
    /// When the log or the checkpoint cannot be read.
    pub async fn start(options: ReplicaOptions) -> Result<Replica, ReplicaError> {
        let ReplicaOptions { node, log, fold, checkpoint, peers, timing, intake, votes_from } = options;
        let snapshots = Arc::new(Snapshots::new(log.clone(), fold.clone()));
        let machine = Machine::new(snapshots.clone(), checkpoint);
        let store = LogStore::new(log.clone());
        let horizon = store.horizon();
        let config = Arc::new(config(timing)?);
        let clients = Clients { peers: peers.clone() };
        let raft = Raft::new(node, config, clients, store, machine).await.map_err(stopped)?;
        let votes_from = begin_to_vote(&raft, node, votes_from).await?;
        let leases = Leases { node, own: Duration::from_millis(timing.lease_ms()), peers: peers.clone() };
        let leadership = watch_leadership(&raft);
        let forwarder = tokio::sync::Mutex::new(None);
        let heard = Arc::default();
        Ok(Replica {
            node,
            raft,
            fold,
            log,
            snapshots,
            horizon,
            peers,
            intake,
            leadership,
            forwarder,
            timing,
            heard,
            leases,
            votes_from,
            watched: Arc::default(),
        })
    }

    /// Makes this node the only voter of a new cluster. Does nothing when the log has begun already.
    ///
    /// # Errors
    /// When Raft has stopped.
    pub async fn bootstrap(&self, member: Member) -> Result<(), ReplicaError> {
        if self.raft.is_initialized().await.map_err(stopped)? {
            return Ok(());
        }
        self.raft.initialize(BTreeMap::from([(self.node, member)])).await.map_err(stopped)
    }

    /// Who leads, and changes of it, in Raft's words: also one that is silent. [`Replica::contact`] is for people.
    pub fn leadership(&self) -> watch::Receiver<Leadership> {
        self.leadership.clone()
    }

    /// The fold.
    pub fn fold(&self) -> &Arc<Fold> {
        &self.fold
    }

    /// The connections to the other members.
    pub(super) fn peers(&self) -> &Arc<Peers> {
        &self.peers
    }

    /// The log.
    pub fn log(&self) -> &Log {
        &self.log
    }

    /// The log's snapshots.
    pub fn snapshots(&self) -> &Arc<Snapshots> {
        &self.snapshots
    }

    /// What answers a peer's connection.
    pub fn service(&self) -> Service {
        Service {
            raft: self.raft.clone(),
            peers: self.peers.clone(),
            intake: self.intake.clone(),
            log: self.log.clone(),
            snapshots: self.snapshots.clone(),
            greeter: None,
            heard: self.heard.clone(),
            leases: self.leases.clone(),
            votes_from: self.votes_from,
        }
    }

    /// Serves a peer's connection until it closes, its greetings too.
    pub async fn serve_greeted(&self, connection: Connection, greeter: Arc<dyn Greeter>) {
        Service { greeter: Some(greeter), ..self.service() }.serve(connection).await;
    }

    /// Serves a peer's connection until it closes.
    pub async fn serve(&self, connection: Connection) {
        self.service().serve(connection).await;
    }

    /// Returns when this node leads `term` for certain and has folded everything that stands in its log: whatever was
    /// appended before, even if its writer gave up waiting, is committed and folded or will never be.
    ///
    /// # Errors
    /// When this node does not lead `term`.
    pub async fn barrier(&self, term: Term) -> Result<(), ReplicaError> {
        match tokio::time::timeout(APPEND_TIMEOUT, self.raft.write_blank()).await {
            Ok(Ok(response)) if response.log_id.leader_id.term == term.0 => Ok(()),
            Ok(Err(RaftError::Fatal(fatal))) => Err(stopped(fatal)),
            Ok(Ok(_) | Err(RaftError::APIError(_))) | Err(_) => Err(self.not_leader()),
        }
    }

    /// Returns when this node has folded at least what was committed before it started. Waits while there is no quorum.
    pub async fn wait_for_recovery(&self) {
        while self.raft.wait_for_recovery(Some(APPEND_TIMEOUT)).await.is_err() {
            if self.health().is_err() {
                return std::future::pending().await;
            }
        }
    }

    /// Hands proposals to whoever leads. One outcome for each, in order.
    pub async fn propose(&self, proposals: Vec<Proposal>) -> Vec<Outcome> {
        debug_assert!(proposals.len() <= PROPOSALS_MAX, "callers cut their batches");
        loop {
            let leader = self.leadership.borrow().leader;
            match leader {
                Some(leader) if leader == self.node => return self.ask_own(proposals).await,
                None => return vec![Outcome::Unavailable { leader: None }; proposals.len()],
                Some(leader) => {
                    let mut forwarder = self.forwarder.lock().await;
                    // Whoever waited for its turn may find another leader.
                    if self.leadership.borrow().leader == Some(leader) {
                        let unavailable = vec![Outcome::Unavailable { leader: Some(leader) }; proposals.len()];
                        let forwarded = self.forward(&mut forwarder, leader, proposals);
                        return while_leads(&self.leadership, leader, forwarded).await.unwrap_or(unavailable);
                    }
                }
            }
        }
    }

    /// Hands proposals to this node's own admission. A leader whose disk is full may have lost its lead without having noticed: it answers
    /// nobody while its vote waits for space.
    async fn ask_own(&self, proposals: Vec<Proposal>) -> Vec<Outcome> {
        let unavailable = vec![Outcome::Unavailable { leader: Some(self.node) }; proposals.len()];
        tokio::time::timeout(FORWARD_TIMEOUT, ask(&self.intake, proposals)).await.unwrap_or(unavailable)
    }

    /// Hands proposals to `leader`, with the client that `forwarder` has for it, or gets.
    pub(super) async fn forward(
        &self,
        forwarder: &mut Option<(NodeId, Client)>,
        leader: NodeId,
        proposals: Vec<Proposal>,
    ) -> Vec<Outcome> {
        let unavailable = vec![Outcome::Unavailable { leader: Some(leader) }; proposals.len()];
        if forwarder.as_ref().is_none_or(|(target, _)| *target != leader) {
            *forwarder = Some((leader, Client::new(leader, self.peers.clone())));
        }
        let Some((_, client)) = forwarder.as_mut() else { return unavailable };
        let frame = proposals_frame(&proposals);
        let answer = match client.call(&frame, FORWARD_TIMEOUT.max(time_for(frame.len()))).await {
            Ok(answer) => answer,
            Err(error) => {
                tracing::debug!(%leader, %error, "proposals could not be forwarded");
                return unavailable;
            }
        };
        match from_json::<Result<Vec<Outcome>, String>>(&answer) {
            Ok(Ok(outcomes)) if outcomes.len() == proposals.len() => outcomes,
            Ok(Ok(_)) => unavailable,
            Ok(Err(reason)) => {
                tracing::warn!(%leader, reason, "the leader could not read proposals");
                unavailable
            }
            Err(error) => {
                tracing::warn!(%leader, %error, "the leader's answer makes no sense");
                unavailable
            }
        }
    }

    /// The folded records from `from` to `upto`, at most about `count` of them (whole entries).
    ///
    /// # Errors
    /// When the log cannot be read there.
    pub fn records(&self, from: Seq, upto: Seq, count: usize) -> Result<Vec<Record>, ReplicaError> {
        let mut records = vec![];
        let Some(first) = self.log.entry_of_seq(from)? else { return Ok(records) };
        let mut index = first.index;
        while records.len() < count {
            let entries = self.log.read(index, u64::MAX, RECORDS_BYTES)?;
            let Some(last) = entries.last() else { break };
            index = last.index + 1;
            for entry in &entries {
                for record in entry.records() {
                    let (seq, raw) = record.map_err(|source| ReplicaError::Record { index: entry.index, source })?;
                    if seq > upto {
                        return Ok(records);
                    }
                    if seq >= from {
                        let decoded = raw.decode(seq, entry.term);
                        records.push(decoded.map_err(|source| ReplicaError::Record { index: entry.index, source })?);
                    }
                }
            }
        }
        Ok(records)
    }

    /// The committed members: voters and learners, each in order of id. Empty while a change is on its way.
    pub fn committed_members(&self) -> (Vec<NodeId>, Vec<NodeId>) {
        let metrics = self.raft.metrics().borrow_watched().clone();
        let membership = metrics.committed_membership_config.membership();
        if membership.get_joint_config().len() != 1 {
            return (vec![], vec![]);
        }
        let voters: BTreeSet<NodeId> = membership.voter_ids().collect();
        (voters.into_iter().collect(), membership.learner_ids().collect())
    }

    /// Whether `node` votes, and the last entry that it acknowledged to this node as its leader.
    pub fn standing_of(&self, node: NodeId) -> (bool, Option<u64>) {
        let metrics = self.raft.metrics().borrow_watched().clone();
        let voter = metrics.membership_config.membership().voter_ids().any(|voter| voter == node);
        let acknowledged = metrics.replication.and_then(|matched| matched.get(&node).copied().flatten());
        (voter, acknowledged.map(|id| id.index))
    }

    /// Whether this node leads, as far as it knows.
    pub fn leads(&self) -> bool {
        self.leadership.borrow().leader == Some(self.node)
    }

    /// Makes `node` a learner, and a voter once it has caught up (while there are fewer than [`VOTERS_MAX`]).
    ///
    /// # Errors
    /// When this node does not lead or another change is on its way.
    pub async fn add_member(&self, node: NodeId, member: Member) -> Result<(), ReplicaError> {
        let change = |error: RaftError<TypeConfig, ClientWriteError<TypeConfig>>| ReplicaError::Membership {
            reason: error.to_string(),
        };
        self.raft.add_learner(node, member, true).await.map_err(change)?;
        let (voters, _) = self.committed_members();
        if voters.len() < VOTERS_MAX {
            let add = ChangeMembers::AddVoterIds(BTreeSet::from([node]));
            self.raft.change_membership(add, true).await.map_err(change)?;
        }
        Ok(())
    }

    /// Returns an error once Raft has stopped for a reason that the node cannot go on with.
    pub fn health(&self) -> Result<(), ReplicaError> {
        let metrics = self.raft.metrics().borrow_watched().clone();
        metrics.running_state.map_err(stopped)
    }

    /// Stops Raft. The log and the checkpoint are complete afterwards.
    pub async fn stop(&self) {
        if let Err(error) = self.raft.shutdown().await {
            tracing::warn!(%error, "Raft did not stop cleanly");
        }
    }

    pub(super) fn not_leader(&self) -> ReplicaError {
        let leader = self.leadership.borrow().leader.filter(|leader| *leader != self.node);
        ReplicaError::NotLeader { leader }
    }
}

fn config(timing: Timing) -> Result<Config, ReplicaError> {
    let config = Config {
        cluster_name: "kifu".to_owned(),
        heartbeat_interval: timing.heartbeat_ms,
        election_timeout_min: timing.election_min_ms,
        election_timeout_max: timing.election_max_ms,
        enable_pre_vote: Some(!broken::has(Defect::PreVote)),
        // Until `begin_to_vote`.
        enable_elect: false,
        // A leader sends entries to others while it writes them itself. One that crashed may have lost what others have of it,
        // and would write something else under the same term and index.
        enable_leader_restore: Some(false),
        max_payload_entries: 64,
        max_append_entries: Some(4096),
        // Raft neither makes snapshots nor purges by itself: retention does, once the archive holds what goes.
        snapshot_policy: SnapshotPolicy::Never,
        max_in_snapshot_log_to_keep: u64::MAX,
        replication_lag_threshold: u64::MAX,
        ..Config::default()
    };
    config.validate().map_err(|error| ReplicaError::Stopped { reason: error.to_string() })
}

/// Follows Raft's metrics and tells only changes of leadership.
fn watch_leadership(raft: &Raft) -> watch::Receiver<Leadership> {
    let mut metrics = raft.metrics();
    let (sender, receiver) = watch::channel(Leadership::default());
    tokio::spawn(async move {
        loop {
            let now = {
                let metrics = metrics.borrow_watched();
                Leadership { leader: metrics.current_leader, term: Term(metrics.current_term) }
            };
            sender.send_if_modified(|known| {
                let changed = *known != now;
                *known = now;
                changed
            });
            tokio::select! {
                changed = metrics.changed() => if changed.is_err() { return },
                () = sender.closed() => return,
            }
        }
    });
    receiver
}

/// What a call to `leader` gives. None once it leads no more and its last word has not come: it may be gone, and whoever waited for it could
/// ask its successor long before the call's limit. What was asked may have been done.
pub(super) async fn while_leads<T>(
    leadership: &watch::Receiver<Leadership>,
    leader: NodeId,
    call: impl Future<Output = T>,
) -> Option<T> {
    let mut leadership = leadership.clone();
    let deposed = async {
        leadership.wait_for(|now| now.leader != Some(leader)).await.ok();
        tokio::time::sleep(LAST_WORD).await;
    };
    tokio::select! {
        biased;
        answer = call => Some(answer),
        () = deposed => None,
    }
}

pub(super) fn stopped(error: impl std::fmt::Display) -> ReplicaError {
    ReplicaError::Stopped { reason: error.to_string() }
}

/// The largest answer to forwarded proposals fits into one frame.
const _: () = assert!(PROPOSALS_MAX * 4096 < FRAME_BYTES_MAX);

#[cfg(test)]
mod tests {
    use std::pin::pin;

    use super::*;

    #[test]
    fn elections_begin_with_a_round_that_changes_no_term() {
        for timing in [Timing::LAN, Timing::WAN] {
            let config = config(timing).expect("a valid configuration");
            assert_eq!(config.enable_pre_vote, Some(true));
            assert!(config.heartbeat_interval * 2 < config.election_timeout_min, "a lost heartbeat is no election");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn whoever_leads_no_more_is_not_waited_for_beyond_its_last_word() {
        let by = |node| Leadership { leader: node, term: Term(1) };
        for next in [None, Some(NodeId(2))] {
            let (sender, leadership) = watch::channel(by(Some(NodeId(1))));
            let mut call = pin!(while_leads(&leadership, NodeId(1), std::future::pending::<()>()));
            let while_it_leads = tokio::time::timeout(FORWARD_TIMEOUT, &mut call).await;
            assert!(while_it_leads.is_err(), "the call's own limit ends it");
            sender.send_replace(by(next));
            let given_up = tokio::time::timeout(FORWARD_TIMEOUT, call).await;
            assert_eq!(given_up, Ok(None), "it was never going to answer");
            let late = async {
                tokio::time::sleep(LAST_WORD / 2).await;
                7
            };
            assert_eq!(while_leads(&leadership, NodeId(1), late).await, Some(7), "it was on its way");
        }
    }
}
