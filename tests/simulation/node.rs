//! A node, wired as `kifu::node::Node` wires it, from the same parts: the log, Raft, the fold, the leader's task, the outbox,
//! the courier, heartbeats, the membership's task and the door. What differs is below them: the disk, the shelf, the
//! checkpoints, the socket and the clock.

use std::sync::Arc;
use std::time::Duration;

use kifu::event::Command;
use kifu::event::command::{FoundCluster, JoinNode};
use kifu::event::config::{ClusterConfig, Config};
use kifu::event::{ClusterId, Hash};
use kifu::log::{Log, LogOptions};
use kifu::net::{Channel, Connection, Endpoint, EndpointLimits, Hello};
use kifu::node::clock::Clock;
use kifu::node::courier::Courier;
use kifu::node::heartbeat::{self, HEARTBEAT_EVERY, Hearing, Pulse};
use kifu::node::leader::Leader;
use kifu::node::members::{self, Members};
use kifu::node::reporter::Reporter;
use kifu::replica::greeting::Run;
use kifu::replica::propose::{ASKS_MAX, Ask, Outcome};
use kifu::replica::snapshots::Basis;
use kifu::replica::{Fold, Peers, Replica, ReplicaOptions};
use kifu::work::Outbox;
use kifu::work::outbox::Limits;
use tokio::runtime::Handle;
use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;

use crate::bulk;
use crate::client;
use crate::dice::Dice;
use crate::machine::{Live, Machine, Status, cluster};
use crate::net::{SimSocket, address_of};
use crate::operator;
use crate::os;
use crate::world::World;

/// How often a node looks whether it can go on, as `Node::run` does.
const HEALTH_EVERY: Duration = Duration::from_millis(50);

/// Silence after which a machine counts as offline: shorter than most of them are off.
const HOST_TIMEOUT_MS: u64 = 600;

/// Small segments, and a cache of a few entries, so that logs roll often and read from the disk.
fn log_options() -> LogOptions {
    LogOptions { segment_bytes: 32 << 10, cache_bytes: 64 << 10, ..LogOptions::new(cluster()) }
}

/// Starts the node of a machine, and runs it until it crashes or stops itself.
pub async fn run(machine: Arc<Machine>, world: Arc<World>) -> turmoil::Result {
    let runtime = Handle::current().id();
    machine.with(|state| {
        state.runtime = Some(runtime);
        os::set_skew(runtime, state.skew_ms);
    });
    let mut start_number = 0;
    world.count(|counts| {
        counts.starts += 1;
        start_number = counts.starts;
    });
    let live = match start(&machine, &world, start_number).await {
        Ok(live) => Arc::new(live),
        Err(reason) => {
            world.trace().note(&format!("{} refused: {reason}", machine.name));
            machine.with(|state| state.status = Status::Refused(reason));
            return Ok(());
        }
    };
    machine.with(|state| (state.status, state.live) = (Status::On, Some(live.clone())));
    client::spawn(&machine, &world, &live);
    operator::spawn(&machine, &world, &live);
    if world.plan.narrow {
        tokio::spawn(bulk::fetch_on(machine.clone(), world.clone(), live.clone()));
    }
    loop {
        tokio::time::sleep(HEALTH_EVERY).await;
        let in_touch = live.replica.contact().leader.is_some();
        machine.with(|state| state.in_touch = in_touch);
        if let Some(to) = machine.with(|state| state.hand_over_to.take())
            && live.leads()
        {
            live.replica.transfer(to).await.ok();
        }
        let failed = live.replica.health().err().map(|error| error.to_string()).or_else(|| live.outbox.poisoned());
        if let Some(reason) = failed {
            world.trace().note(&format!("{} stops: {reason}", machine.name));
            machine.with(|state| state.status = Status::Stopped(reason));
            return Ok(());
        }
        if live.peers.removed_by().is_some() {
            world.trace().note(&format!("{} was removed", machine.name));
            machine.with(|state| state.status = Status::Removed);
            return Ok(());
        }
    }
}

/// Opens what the machine holds, and starts everything.
async fn start(machine: &Arc<Machine>, world: &Arc<World>, start: u64) -> Result<Live, String> {
    let (disk, shelf, checkpoints) =
        machine.with(|state| (state.disk.clone(), state.shelf.clone(), state.checkpoints.clone()));
    let (identity, first) = machine.with(|state| (state.identity.clone(), machine.index == 0 && state.generation == 0));
    let node = identity.node();
    let opened = Log::open_driven(Arc::new(disk), log_options());
    let (log, recovery, driver) = opened.map_err(|error| error.to_string())?;
    world.count(|counts| counts.torn_tails += u64::from(recovery.cut.is_some()));
    tokio::spawn(driver.run(pace(machine, world)));

    let last = log.last().map(|last| last.seq).unwrap_or_default();
    let (state, checkpoint, found) = checkpoints.begin(last);
    world.count(|counts| counts.from_checkpoint += u64::from(found));
    let floor = state.dedupe.last(node);
    let held = shelf.open(floor);
    let (outbox, outbox_driver) = Outbox::open_driven(Box::new(shelf), held, node, Limits::default());
    let outbox = Arc::new(outbox);
    tokio::spawn(outbox_driver.run(pace(machine, world)));

    let socket = SimSocket::bind(machine.index, world.net.clone()).await.map_err(|error| error.to_string())?;
    let lease_ms = machine.timing.lease_ms();
    // What an earlier run answered a leader counts on.
    let promised = Duration::from_millis(if machine.with(|state| state.incarnation > 0) { lease_ms } else { 0 });
    let hello = Hello { lease_ms: u32::try_from(lease_ms).ok(), ..Hello::default() };
    let limits = EndpointLimits { hello, ..EndpointLimits::default() };
    let endpoint = Endpoint::with_socket(socket, Arc::new(quinn::TokioRuntime), &identity, limits)
        .map_err(|error| error.to_string())?;
    let peers = Arc::new(Peers::new(node, endpoint.clone()));
    for other in &world.machines {
        peers.learn(other.node(), &address_of(other.index).to_string());
    }
    let fold = Arc::new(Fold::simulated(node, state, checkpoints));
    let judge = fold.clone();
    endpoint.admit(Arc::new(move |peer| judge.read(|state| members::admitted(peer, state))));
    let (intake, heard) = mpsc::channel(ASKS_MAX);
    let options = ReplicaOptions {
        node,
        log,
        fold,
        checkpoint,
        peers: peers.clone(),
        timing: machine.timing,
        intake,
        votes_from: tokio::time::Instant::now() + promised,
    };
    let replica = Arc::new(Replica::start(options).await.map_err(|error| error.to_string())?);
    if first {
        replica.bootstrap(machine.member()).await.map_err(|error| error.to_string())?;
    }
    let incarnation = machine.with(|state| {
        state.incarnation = Clock.now().0.max(state.incarnation + 1);
        state.incarnation
    });
    let run = Run { number: rand::random::<u64>().max(1), incarnation };
    let genesis = first.then(|| genesis(machine));
    let live = Live { start, node, replica, outbox, peers };
    spawn_tasks(machine, world, &live, Ears { heard, run, endpoint, genesis });
    Ok(live)
}

/// What only the tasks of a node need.
struct Ears {
    heard: mpsc::Receiver<Ask>,
    run: Run,
    endpoint: Endpoint,
    genesis: Option<Command>,
}

fn spawn_tasks(machine: &Arc<Machine>, world: &Arc<World>, live: &Live, ears: Ears) {
    let Live { start: _, node, replica, outbox, peers } = live;
    let Ears { heard, run, endpoint, genesis } = ears;
    let (node, stop, hearing) = (*node, CancellationToken::new(), Hearing::default());
    let asks = overhear(heard, world.clone());
    let leader = Leader { node, replica: replica.clone(), asks, hearing: hearing.clone(), genesis, stop: stop.clone() };
    tokio::spawn(leader.run());
    let members = Members {
        node,
        replica: replica.clone(),
        peers: peers.clone(),
        endpoint: endpoint.clone(),
        hearing: hearing.clone(),
        stop: stop.clone(),
    };
    tokio::spawn(members.run());
    tokio::spawn(Courier { outbox: outbox.clone(), replica: replica.clone(), stop: stop.clone() }.run());
    let reporter = Reporter { replica: replica.clone(), outbox: outbox.clone(), clock: Clock };
    tokio::spawn(reporter.run(stop));
    let fold = replica.fold().clone();
    let pulse = Pulse { node, run, slots: 1, peers: peers.clone(), hearing: hearing.clone(), fold };
    tokio::spawn(async move {
        loop {
            learn_addresses(&pulse);
            pulse.beat(vec![], false);
            tokio::time::sleep(HEARTBEAT_EVERY).await;
        }
    });
    if let Some(keep) = world.plan.keep_entries {
        tokio::spawn(retain(keep, machine.clone(), replica.clone(), world.clone()));
    }
    let server = replica.clone();
    tokio::spawn(async move {
        while let Some(connection) = endpoint.accept().await {
            let (server, hearing) = (server.clone(), hearing.clone());
            if connection.channel() == Channel::Blobs {
                tokio::spawn(bulk::serve(connection));
                continue;
            }
            assert_eq!(connection.channel(), Channel::Raft);
            tokio::spawn(async move {
                let listening = tokio::spawn(listen(connection.clone(), hearing));
                server.serve(connection).await;
                listening.abort();
            });
        }
    });
}

/// Notes where the members listen, as the log says.
fn learn_addresses(pulse: &Pulse) {
    pulse.fold.read(|state| state.hosts.table.values().for_each(|host| pulse.peers.learn(host.host, &host.address)));
}

/// Lets the log begin later and later, as retention does, but without an archive: nobody here asks for the past.
async fn retain(keep: u64, machine: Arc<Machine>, replica: Arc<Replica>, world: Arc<World>) {
    let mut dice = Dice::new(world.plan.seed, &format!("retention of {}", machine.name));
    loop {
        tokio::time::sleep(dice.ms(300, 2_000)).await;
        let basis = if dice.chance(0.5) { Basis::Rows } else { Basis::Log };
        // A disk that fails is noticed elsewhere; a full one has space again later.
        let Ok(Some(position)) = replica.make_snapshot(basis).await else { continue };
        let kept = replica.log().settled().unwrap_or(0).saturating_sub(keep);
        replica.let_go_before(kept.min(position.index + 1)).await.ok();
        world.trace().note(&format!("{} may let go of {kept}", machine.name));
    }
}

/// Hears a peer's heartbeats until its connection ends.
async fn listen(connection: Connection, hearing: Hearing) {
    while let Ok(bytes) = connection.receive_datagram().await {
        if let Some(heartbeat) = heartbeat::read(&bytes)
            && !hearing.hear(connection.peer().node, heartbeat, hearing.now())
        {
            connection.close("another process holds this identity");
        }
    }
}

/// Passes proposals on to the leader's task, and its answers back, and tells the oracle.
fn overhear(mut heard: mpsc::Receiver<Ask>, world: Arc<World>) -> mpsc::Receiver<Ask> {
    let (sender, asks) = mpsc::channel(ASKS_MAX);
    tokio::spawn(async move {
        while let Some(Ask { proposals, reply }) = heard.recv().await {
            let texts: Vec<_> = proposals.iter().map(|proposal| client::text_of(&proposal.command)).collect();
            let (back, answer) = oneshot::channel();
            if sender.send(Ask { proposals, reply: back }).await.is_err() {
                return;
            }
            let world = world.clone();
            tokio::spawn(async move {
                let Ok(outcomes) = answer.await else { return };
                for (text, outcome) in texts.iter().zip(&outcomes) {
                    hear(&world, text.as_deref(), outcome);
                }
                reply.send(outcomes).ok();
            });
        }
    });
    asks
}

fn hear(world: &World, text: Option<&str>, outcome: &Outcome) {
    world.count(|counts| match outcome {
        Outcome::Admitted { .. } => counts.admitted += 1,
        Outcome::Already => counts.repeated += 1,
        Outcome::Refused { .. } => counts.refused += 1,
        Outcome::Unavailable { .. } => counts.unknown += 1,
    });
    if let Some(text) = text {
        world.oracle().hears(text, outcome);
    }
}

/// How long the machine's disk takes.
fn pace(machine: &Arc<Machine>, world: &Arc<World>) -> impl FnMut() -> Duration + use<> {
    let (machine, mut dice) = (machine.clone(), Dice::new(world.plan.seed, &format!("disk of {}", machine.name)));
    move || {
        let (from, to) = machine.with(|state| state.pace_ms);
        dice.ms(from, to.max(from + 1))
    }
}

/// The first command of the cluster's log.
fn genesis(machine: &Machine) -> Command {
    let cluster = ClusterConfig { digest_every: 50, host_timeout_ms: HOST_TIMEOUT_MS, ..Config::default().cluster };
    Command::from(FoundCluster {
        cluster: ClusterId::new("5100000000000001"),
        name: "simulation".to_owned(),
        ca: Hash::of(b"ca"),
        node: joining(machine),
        config: Config { cluster, ..Config::default() },
    })
}

/// A machine as it asks to join.
pub fn joining(machine: &Machine) -> JoinNode {
    let identity = machine.with(|state| state.identity.clone());
    JoinNode {
        node: identity.node(),
        name: machine.name.clone(),
        address: address_of(machine.index).to_string(),
        fingerprint: identity.fingerprint(),
        token: None,
        secret: Hash::of(machine.name.as_bytes()),
    }
}
