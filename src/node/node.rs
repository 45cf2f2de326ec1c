//! A running node: the rooms below, wired together.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::admission::Doorkeeper;
use super::api::footer::Footing;
use super::api::past::Past;
use super::api::server::Api;
use super::archivist::Archivist;
use super::clock::Clock;
use super::courier::Courier;
use super::error::NodeError;
use super::fetcher::Fetcher;
use super::heartbeat::{HEARTBEAT_EVERY, Hearing, Pulse};
use super::http::{self, Health, LoopLag, Scrape};
use super::join::JoinService;
use super::keeper::Keeper;
use super::layout::{Layout, NodeConfig, PeerAddress, Runtime};
use super::leader::Leader;
use super::lock::DirLock;
use super::members::Members;
use super::mover::Mover;
use super::open::{self, Opened};
use super::renewal::Renewal;
use super::repair;
use super::reporter::Reporter;
use super::reserve::Reserve;
use super::retention::Retainer;
use super::rollcall::{Doorman, Rollcall};
use super::room::Room;
use super::workshop::Workshop;
use crate::artifact::{BlobStore, serve_blobs};
use crate::event::{Command, FORMAT_VERSION, NodeId};
use crate::net::{Channel, Connection, Endpoint, EndpointLimits, Hello, resolve};
use crate::projection::State;
use crate::replay::{Retained, RetainedLimits};
use crate::replica::propose::{ASKS_MAX, Ask};
use crate::replica::{Fold, Member, Peers, Replica, ReplicaError, ReplicaOptions, Timing};
use crate::work::{Outbox, OutboxError, WorkError};

/// How long a stopping node waits for its last proposals, and for another leader.
const FAREWELL: Duration = Duration::from_secs(3);
/// How long it tells those who still write to it that it is gone. They were told before; a dial that nobody answers would be waited for longer.
const LAST_WORDS: Duration = Duration::from_millis(500);

/// A node, wired and running.
pub struct Node {
    layout: Layout,
    config: NodeConfig,
    replica: Arc<Replica>,
    endpoint: Endpoint,
    outbox: Arc<Outbox>,
    pulse: Arc<Pulse>,
    workshop: Arc<Workshop>,
    rollcall: Arc<Rollcall>,
    tasks: JoinSet<()>,
    /// Ends everything but what the farewell needs.
    stop: CancellationToken,
    /// Ends the rest.
    end: CancellationToken,
    bulk: Option<tokio::runtime::Runtime>,
    past: Past,
    _lock: DirLock,
}

impl Node {
    /// Starts the node of a data directory. Must be called on the control runtime.
    ///
    /// # Errors
    /// When the directory is in use, damaged or not a node's, or a port is taken.
    pub async fn start(layout: Layout, timing: Timing) -> Result<Node, NodeError> {
        Node::start_reading(layout, timing, FORMAT_VERSION).await
    }

    /// The same, as a build that reads events of this format version and older ones only: it behaves in a cluster as an
    /// older release does.
    ///
    /// # Errors
    /// As [`Node::start`].
    pub async fn start_reading(layout: Layout, timing: Timing, format: u32) -> Result<Node, NodeError> {
        let config = layout.load_config()?;
        let lock = layout.lock()?;
        // The last run was over by now.
        let begun = Instant::now();
        let opened = open_whole(&layout, &config).await?;
        let listen: SocketAddr = resolve(&config.listen).await?;
        let endpoint = Endpoint::bind(
            listen,
            &opened.identity,
            EndpointLimits { hello: hello(timing, format), ..EndpointLimits::default() },
        )?;
        let web = http::bind(&config.http).await?;
        let genesis = genesis(&layout, &config, &opened.state)?;
        let wired = wire_whole(&layout, &config, opened, &endpoint, (timing, format, begun)).await?;
        if genesis.is_some() {
            let member = Member { name: config.name.clone(), address: config.listen.clone() };
            wired.replica.bootstrap(member).await?;
        }
        let hearing = wired.pulse.hearing.clone();
        let retained = Retained::owned(layout.checkpoints(), RetainedLimits::default())?;
        let past = Past::new(layout.log(), layout.archive(&config), retained);
        // Last: a runtime must not be dropped on the way out of a failed start.
        let bulk = bulk_runtime().map_err(NodeError::io(layout.root()))?;
        let mut node = Node {
            layout,
            config,
            replica: wired.replica,
            endpoint,
            outbox: wired.outbox,
            pulse: wired.pulse,
            workshop: wired.workshop,
            rollcall: wired.rollcall,
            tasks: JoinSet::new(),
            stop: CancellationToken::new(),
            end: CancellationToken::new(),
            bulk: Some(bulk),
            past,
            _lock: lock,
        };
        let leader = Leader {
            node: node.config.node,
            replica: node.replica.clone(),
            asks: wired.asks,
            hearing: hearing.clone(),
            genesis,
            stop: node.end.clone(),
        };
        node.spawn_control(leader);
        node.spawn_services(wired.fetcher, hearing, web)?;
        node.write_runtime()?;
        tracing::info!(node = %node.config.node, name = node.config.name, listen = node.config.listen, "running");
        Ok(node)
    }

    /// Runs until `stop` or until the node cannot go on, then says goodbye.
    ///
    /// # Errors
    /// Why the node could not go on.
    pub async fn run(mut self, stop: CancellationToken) -> Result<(), NodeError> {
        let failed: Option<NodeError> = loop {
            tokio::select! {
                () = stop.cancelled() => break None,
                Some(Err(ended)) = self.tasks.join_next() => break Some(NodeError::Defect { reason: ended.to_string() }),
                () = tokio::time::sleep(HEARTBEAT_EVERY) => {
                    if let Err(error) = self.replica.health() {
                        break Some(error.into());
                    }
                    if let Some(reason) = self.outbox.poisoned() {
                        break Some(WorkError::from(OutboxError::Poisoned { reason }).into());
                    }
                    if let Some(error) = self.rollcall.take_failure() {
                        break Some(error);
                    }
                    if let Some(error) = self.workshop.take_failure() {
                        break Some(error.into());
                    }
                    if let Some(by) = self.pulse.peers.removed_by() {
                        break Some(NodeError::Removed { node: self.config.node, by });
                    }
                }
            }
        };
        if failed.is_some() {
            // What stopped it may be damage that the start did not look at.
            std::fs::write(self.layout.check_all(), b"").ok();
        }
        let disk_failed = self.replica.health().is_err() || self.outbox.poisoned().is_some();
        self.farewell().await;
        if disk_failed {
            // A disk that failed is not synced again. sled would, when it is dropped, and panic.
            std::mem::forget((self.outbox.clone(), self.replica.fold().clone()));
        }
        failed.map_or(Ok(()), Err)
    }

    /// Hands leadership over, gives back leases, carries the last proposals, and stops.
    async fn farewell(&mut self) {
        tracing::info!("stopping");
        self.stop.cancel();
        // Raft answers nobody while its vote waits for space.
        self.replica.log().wait_no_more();
        // First, so that the cluster goes on while this node has workers to end and proposals to carry.
        self.hand_over().await;
        self.workshop.stop().await;
        if !Courier::drain(self.outbox.clone(), self.replica.clone(), FAREWELL).await {
            tracing::info!(proposals = self.outbox.len(), "the outbox keeps what could not be delivered");
        }
        self.pulse.beat(vec![], true);
        self.end.cancel();
        self.replica.stop().await;
        self.endpoint.close("the node stops");
        tokio::time::timeout(LAST_WORDS, self.endpoint.drained()).await.ok();
        self.tasks.shutdown().await;
        if let Some(bulk) = self.bulk.take() {
            bulk.shutdown_background();
        }
        std::fs::remove_file(self.layout.runtime()).ok();
        tracing::info!("stopped");
    }

    /// If this node leads, asks an online voter to take over, and waits until it has.
    async fn hand_over(&self) {
        let mut leadership = self.replica.leadership();
        if leadership.borrow().leader != Some(self.config.node) {
            return;
        }
        let online = |node| self.replica.fold().read(|state| state.hosts.is_online(node));
        let Some(successor) = self.replica.successor(online) else { return };
        let own = self.config.node;
        if self.replica.transfer(successor).await.is_err() {
            return;
        }
        let moved = async {
            let led =
                leadership.wait_for(|now| now.leader.is_some_and(|leader| leader != own)).await.map(|led| led.term);
            // Whoever leads now may need this node for its first entry: another voter may be missing.
            self.replica.has_committed(led.unwrap_or_default()).await;
        };
        let moved = tokio::time::timeout(FAREWELL, moved).await.is_ok();
        tracing::info!(%successor, moved, "leadership handed over");
    }

    /// Tasks on the control runtime: consensus, membership, heartbeats, proposals.
    fn spawn_control(&mut self, leader: Leader) {
        let node: NodeId = self.config.node;
        self.tasks.spawn(leader.run());
        let members = Members {
            node,
            replica: self.replica.clone(),
            peers: self.pulse.peers.clone(),
            endpoint: self.endpoint.clone(),
            hearing: self.pulse.hearing.clone(),
            stop: self.stop.clone(),
        };
        self.tasks.spawn(members.run());
        let (replica, address) = (self.replica.clone(), self.config.listen.clone());
        self.tasks.spawn(Mover { node, address, replica, clock: Clock }.run(self.stop.clone()));
        // Until it has said goodbye: workers that end take seconds, and a node that is silent meanwhile loses its leases.
        let courier = Courier { outbox: self.outbox.clone(), replica: self.replica.clone(), stop: self.end.clone() };
        self.tasks.spawn(courier.run());
        self.tasks.spawn(self.rollcall.clone().run(self.replica.clone(), self.stop.clone()));
        let scrubber = repair::scrubber(&self.replica, node, self.pulse.peers.clone(), self.outbox.clone());
        self.tasks.spawn(scrubber.run(self.stop.clone()));
        if let Some(retention) = self.config.retention.clone() {
            let (log, archive) = (self.layout.log(), self.layout.archive(&self.config));
            let replica = self.replica.clone();
            let reserve = Reserve::new(self.layout.reserve(), log.clone(), replica.log().clone());
            let retainer = Retainer { node, retention, log, archive, reserve, replica };
            self.tasks.spawn(retainer.run(self.stop.clone()));
        }
        let reporter = Reporter { replica: self.replica.clone(), outbox: self.outbox.clone(), clock: Clock };
        self.tasks.spawn(reporter.run(self.stop.clone()));
        let (pulse, workshop, replica, end) =
            (self.pulse.clone(), self.workshop.clone(), self.replica.clone(), self.end.clone());
        self.tasks.spawn(async move {
            while !end.is_cancelled() {
                learn_addresses(&replica, &pulse.peers);
                pulse.beat(workshop.running(), false);
                tokio::time::sleep(HEARTBEAT_EVERY).await;
            }
        });
    }

    /// Tasks that answer others, and those that move bulk.
    fn spawn_services(
        &mut self,
        fetcher: Fetcher,
        hearing: Hearing,
        web: std::net::TcpListener,
    ) -> Result<(), NodeError> {
        let room = Room::default();
        self.tasks.spawn(room.clone().watch(self.layout.root().to_owned(), self.stop.clone()));
        let footing =
            Footing::new(self.config.name.clone(), self.config.node, self.replica.clone(), hearing.clone(), room);
        let keeper =
            Keeper { root: self.layout.root().to_owned(), addresses: vec![self.config.listen.clone()], clock: Clock };
        let renewal = self.spawn_trust(&footing, &keeper);
        let services = Services {
            replica: self.replica.clone(),
            hearing,
            api: Arc::new(Api {
                replica: self.replica.clone(),
                footing: footing.clone(),
                keeper: keeper.clone(),
                renewal,
                past: self.past.clone(),
                control: tokio::runtime::Handle::current(),
            }),
            join: Arc::new(JoinService { replica: self.replica.clone(), keeper, footing: footing.clone() }),
            blobs: fetcher.blobs.clone(),
            bulk: self.bulk.as_ref().map(|bulk| bulk.handle().clone()),
        };
        self.tasks.spawn(services.accept(self.endpoint.clone()));
        let lag = LoopLag::default();
        self.tasks.spawn(lag.clone().measure(self.end.clone()));
        let (replica, outbox) = (self.replica.clone(), self.outbox.clone());
        let health =
            Health { replica, footing, outbox, workshop: self.workshop.clone(), lag, scrape: Scrape::default() };
        if let Some(bulk) = &self.bulk {
            self.tasks.spawn_on(http::serve(web, health, self.end.clone()), bulk.handle());
            let archivist = Archivist {
                fold: self.replica.fold().clone(),
                retained: self.past.retained().clone(),
                stop: self.stop.clone(),
            };
            self.tasks.spawn_on(archivist.run(), bulk.handle());
            self.tasks.spawn_on(fetcher.run(self.stop.clone()), bulk.handle());
        }
        let workshop = self.workshop.clone();
        self.tasks.spawn(async move { workshop.run().await });
        Ok(())
    }

    /// Tasks that see to who is let in, and as whom this node goes out.
    fn spawn_trust(&mut self, footing: &Footing, keeper: &Keeper) -> Arc<Renewal> {
        let (replica, endpoint) = (self.replica.clone(), self.endpoint.clone());
        let doorkeeper = Doorkeeper { replica, footing: footing.clone(), endpoint };
        doorkeeper.stand();
        self.tasks.spawn(doorkeeper.run(self.end.clone()));
        let renewal = Arc::new(Renewal {
            root: self.layout.root().to_owned(),
            replica: self.replica.clone(),
            peers: self.pulse.peers.clone(),
            footing: footing.clone(),
            keeper: keeper.clone(),
            renew_before: Duration::from_secs(u64::from(self.config.renew_before_days) * 24 * 3_600),
        });
        self.tasks.spawn(renewal.clone().run(self.stop.clone()));
        renewal
    }

    fn write_runtime(&self) -> Result<(), NodeError> {
        let peers = self.replica.fold().read(|state| {
            let others = state.hosts.table.values().filter(|host| host.host != self.config.node);
            let peer = |host: &crate::projection::hosts::Host| PeerAddress {
                node: host.host,
                name: host.name.clone(),
                address: host.address.clone(),
            };
            others.map(peer).collect::<Vec<_>>()
        });
        let runtime = Runtime {
            node: self.config.node,
            name: self.config.name.clone(),
            address: self.config.listen.clone(),
            http: self.config.http.clone(),
            pid: std::process::id(),
            peers: if peers.is_empty() { self.config.peers.clone() } else { peers },
        };
        self.layout.save_json(&self.layout.runtime(), &runtime)
    }
}

/// The parts of a node that know each other, before anything runs.
struct Wired {
    replica: Arc<Replica>,
    asks: mpsc::Receiver<Ask>,
    outbox: Arc<Outbox>,
    pulse: Arc<Pulse>,
    fetcher: Fetcher,
    workshop: Arc<Workshop>,
    rollcall: Arc<Rollcall>,
}

/// The first command of a cluster that this node founds. Once there is that cluster nobody needs the file any more.
fn genesis(layout: &Layout, config: &NodeConfig, state: &State) -> Result<Option<Command>, NodeError> {
    match layout.load_json(&layout.genesis()) {
        Err(error) if state.cluster.get().is_some_and(|row| row.cluster == config.cluster) => {
            tracing::warn!(%error, "the cluster's first command cannot be read; it is in the log");
            Ok(None)
        }
        other => other,
    }
}

/// Opens the directory, and repairs its log from the other members where it is damaged.
async fn open_whole(layout: &Layout, config: &NodeConfig) -> Result<Opened, NodeError> {
    let opened = match open::open(layout, config) {
        Err(NodeError::Log(error)) if error.is_repairable() => {
            repair::before_start(layout, config, error).await?;
            open::open(layout, config)?
        }
        other => other?,
    };
    repair::report_pending(layout, &opened.outbox).await?;
    Ok(opened)
}

/// Wires what a data directory holds, and reads all of it before it gives up: Raft also reads entries of segments that a start leaves to
/// the background, and what keeps it from starting may be damage there.
async fn wire_whole(
    layout: &Layout,
    config: &NodeConfig,
    opened: Opened,
    endpoint: &Endpoint,
    how: (Timing, u32, Instant),
) -> Result<Wired, NodeError> {
    match wire(layout, config, opened, endpoint, how).await {
        Err(NodeError::Replica(ReplicaError::Stopped { reason })) => {
            tracing::error!(reason, "Raft does not start: all of the log is read, then it is tried once more");
            let path = layout.check_all();
            std::fs::write(&path, b"").map_err(NodeError::io(path))?;
            let opened = open_whole(layout, config).await?;
            wire(layout, config, opened, endpoint, how).await
        }
        other => other,
    }
}

/// Wires what a data directory holds.
async fn wire(
    layout: &Layout,
    config: &NodeConfig,
    opened: Opened,
    endpoint: &Endpoint,
    (timing, format, begun): (Timing, u32, Instant),
) -> Result<Wired, NodeError> {
    let Opened { log, state, checkpoint, store, blobs, outbox, mut standing, identity: _ } = opened;
    let (node, clock, outbox) = (config.node, Clock, Arc::new(outbox));
    let peers = Arc::new(Peers::new(node, endpoint.clone()));
    config.peers.iter().for_each(|peer| peers.learn(peer.node, &peer.address));
    state.hosts.table.values().for_each(|host| peers.learn(host.host, &host.address));
    // A clock that went back must not make this start look older than the last one.
    let last_start = state.hosts.get(node).map_or(0, |host| host.incarnation);
    let earlier = standing.incarnation;
    let (lease_ms, promised_ms) = (timing.lease_ms(), standing.promised_ms());
    let votes_from = begun + Duration::from_millis(promised_ms);
    let run = standing.begin_run(layout, &log, last_start, lease_ms)?;
    let leases_ms = (lease_ms, promised_ms);
    let rollcall = Rollcall::new(layout.clone(), (run, earlier), peers.clone(), log.clone(), leases_ms);
    let rollcall = Arc::new(rollcall);
    rollcall.admit().await?;
    let fold = Arc::new(Fold::new(node, state, store).reading(format));
    let (intake, asks) = mpsc::channel(ASKS_MAX);
    let (fold_too, peers_too) = (fold.clone(), peers.clone());
    let options =
        ReplicaOptions { node, log, fold: fold_too, checkpoint, peers: peers_too, timing, intake, votes_from };
    let replica = Arc::new(Replica::start(options).await?);
    let hearing = Hearing::default();
    let (slots, fold_too) = (config.slots, fold.clone());
    let pulse = Pulse { node, run, slots, peers: peers.clone(), hearing, fold: fold_too };
    let fetcher = Fetcher { node, clock, blobs, fold, peers, outbox: outbox.clone() };
    let workshop = Workshop::new(layout, config, replica.clone(), fetcher.clone(), outbox.clone())?;
    Ok(Wired { replica, asks, outbox, pulse: Arc::new(pulse), fetcher, workshop: Arc::new(workshop), rollcall })
}

/// What this node tells others of itself.
fn hello(timing: Timing, format: u32) -> Hello {
    Hello { format, lease_ms: u32::try_from(timing.lease_ms()).ok(), ..Hello::default() }
}

/// Transfers run here, so that they never delay consensus.
fn bulk_runtime() -> std::io::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).thread_name("kifu-bulk").enable_all().build()
}

/// Notes where the members listen, as the log says.
fn learn_addresses(replica: &Replica, peers: &Peers) {
    replica.fold().read(|state| state.hosts.table.values().for_each(|host| peers.learn(host.host, &host.address)));
}

/// What peers and clients reach.
#[derive(Clone)]
struct Services {
    replica: Arc<Replica>,
    hearing: Hearing,
    api: Arc<Api>,
    join: Arc<JoinService>,
    blobs: BlobStore,
    bulk: Option<tokio::runtime::Handle>,
}

impl Services {
    async fn accept(self, endpoint: Endpoint) {
        while let Some(connection) = endpoint.accept().await {
            let services = self.clone();
            match (connection.channel(), &self.bulk) {
                (Channel::Blobs | Channel::Api, Some(bulk)) => drop(bulk.spawn(services.serve(connection))),
                _ => drop(tokio::spawn(services.serve(connection))),
            }
        }
    }

    async fn serve(self, connection: Connection) {
        match connection.channel() {
            Channel::Raft => {
                let listening = tokio::spawn(listen(connection.clone(), self.hearing.clone()));
                let doorman = Doorman { replica: self.replica.clone(), hearing: self.hearing };
                self.replica.serve_greeted(connection, Arc::new(doorman)).await;
                listening.abort();
            }
            Channel::Api => self.api.serve(connection).await,
            Channel::Join => self.join.serve(connection).await,
            Channel::Blobs => {
                if let Err(error) = serve_blobs(&connection, &self.blobs).await {
                    tracing::debug!(peer = connection.peer().name, %error, "a blob connection ended");
                }
            }
        }
    }
}

/// Hears a peer's heartbeats until its connection ends.
async fn listen(connection: Connection, hearing: Hearing) {
    while let Ok(bytes) = connection.receive_datagram().await {
        if let Some(heartbeat) = super::heartbeat::read(&bytes)
            && !hearing.hear(connection.peer().node, heartbeat, hearing.now())
        {
            // Nothing that this process says is taken for the member's word.
            connection.close("another process holds this identity");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::node::init::{NodeOptions, init};
    use crate::node::ports::free_address;

    #[tokio::test]
    async fn a_node_stops_when_one_of_its_tasks_has_panicked() {
        let dir = tempfile::tempdir().expect("a folder");
        let layout = Layout::new(dir.path());
        let (listen, http) = (free_address().expect("a port"), free_address().expect("a port"));
        let options = NodeOptions { name: "n1".to_owned(), listen, http, slots: 0, workers: vec![] };
        init(&layout, "c", options, crate::event::config::Config::default()).expect("a data directory");
        let mut node = Node::start(layout, Timing::LAN).await.expect("it starts");
        node.tasks.spawn(async { panic!("a defect") });
        let ended = node.run(CancellationToken::new()).await.expect_err("it stops by itself");
        assert!(matches!(&ended, NodeError::Defect { reason } if reason.contains("a defect")), "{ended}");
    }
}
