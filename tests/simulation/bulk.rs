//! A cluster whose links are narrow, and full of bulk: large batches on their way to all voters, blobs that all fetch from the
//! leader, and a voter that was away and catches up. Heartbeats must get through, in time: nobody may lose touch with the leader,
//! and no other term may come.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use kifu::event::Term;
use kifu::net::{Channel, Connection, RecvStream};
use turmoil::Sim;

use crate::calm::{cut_off, leader, same_term};
use crate::invariants::Violation;
use crate::machine::{Live, Machine};
use crate::net::address_of;
use crate::run::{converge, step};
use crate::watcher::Watcher;
use crate::wires::Width;
use crate::world::World;

/// A founded cluster settles for so long: its members may still be changing places.
const SETTLES: Duration = Duration::from_secs(2);
/// So narrow are all links. One full `AppendEntries` takes longer than a follower is patient, and a heartbeat that waited behind it
/// would come too late.
pub const NARROW: Width = Width { bytes_per_ms: 400, queue_ms: 20 };
/// So long the links are full.
const LOADED: Duration = Duration::from_secs(10);
/// So long a voter is away meanwhile: longer than a connection lives without a word.
const APART: Duration = Duration::from_secs(12);
/// So long it has to catch up while the links stay full.
const BACK: Duration = Duration::from_secs(10);
/// Whoever has not heard of the leader by then, after it could again, never will.
const FOUND_WITHIN: Duration = Duration::from_secs(4);
/// The share of what a link can carry that the leader's links must have carried: else they were not full, and the run proves nothing.
const FULL_PERCENT: u64 = 70;
/// Bytes of a blob that is fetched again and again.
const BLOB_BYTES: usize = 4 << 20;
/// And how many are handed over at a time.
const PIECE_BYTES: usize = 64 << 10;

/// The blobs that move beside everything else.
#[derive(Default)]
pub struct Blobs {
    /// Whether any are fetched.
    wanted: AtomicBool,
    /// Bytes that arrived.
    fetched: AtomicU64,
}

/// Nobody may come to another term, or lose touch, in any of it.
pub fn phases(sim: &mut Sim<'_>, world: &World, watcher: &mut Watcher) -> Result<(), Violation> {
    world.operators.store(false, Ordering::Relaxed);
    let settled = sim.elapsed() + SETTLES;
    while sim.elapsed() < settled {
        step(sim, world, watcher)?;
    }
    let (leader, term) = leader(world)?;
    world.net.narrow(Some(NARROW));
    world.blobs.wanted.store(true, Ordering::Relaxed);
    watch(sim, world, watcher, LOADED, term, None)?;
    let away = (leader + 1) % world.machines.len();
    cut_off(world, &[away]);
    watch(sim, world, watcher, APART, term, Some(away))?;
    world.net.heal();
    watch(sim, world, watcher, FOUND_WITHIN, term, Some(away))?;
    watch(sim, world, watcher, BACK, term, None)?;
    were_full(world)?;
    // What waits in outboxes has had its say.
    world.net.narrow(None);
    world.blobs.wanted.store(false, Ordering::Relaxed);
    world.load.store(false, Ordering::Relaxed);
    converge(sim, world, watcher, |_, _| Ok(()))?;
    same_term(world, term)
}

fn watch(
    sim: &mut Sim<'_>,
    world: &World,
    watcher: &mut Watcher,
    how_long: Duration,
    term: Term,
    away: Option<usize>,
) -> Result<(), Violation> {
    let ends = sim.elapsed() + how_long;
    while sim.elapsed() < ends {
        step(sim, world, watcher)?;
        same_term(world, term)?;
        let silent = |machine: &&Arc<Machine>| Some(machine.index) != away && !machine.with(|state| state.in_touch);
        if let Some(machine) = world.machines.iter().find(silent) {
            return Err(format!("{} has lost touch with a leader that is well, behind bulk", machine.name));
        }
    }
    Ok(())
}

/// Whether the run was what it is meant to be.
fn were_full(world: &World) -> Result<(), Violation> {
    let carried = world.net.carried();
    let seconds = (LOADED + FOUND_WITHIN + BACK).as_secs();
    let all = NARROW.bytes_per_ms * 1_000 * seconds * (world.machines.len() as u64 - 1);
    let fetched = world.blobs.fetched.load(Ordering::Relaxed);
    world.trace().note(&format!("{carried:?} of {all}, blobs {fetched}"));
    if carried.bytes * 100 < all * FULL_PERCENT || carried.dropped == 0 {
        return Err(format!("the links were not full: {carried:?} of {all} bytes"));
    }
    if fetched < BLOB_BYTES as u64 {
        return Err(format!("only {fetched} bytes of blobs were moved"));
    }
    Ok(())
}

/// Fetches one blob after the other from the leader, over a connection like those of the real transfers.
pub async fn fetch_on(machine: Arc<Machine>, world: Arc<World>, live: Arc<Live>) {
    loop {
        tokio::time::sleep(Duration::from_millis(100)).await;
        let leads = |other: &&Arc<Machine>| other.live().is_some_and(|live| live.leads());
        let leader = world.machines.iter().find(leads).filter(|leader| leader.index != machine.index);
        if let Some(leader) = leader.filter(|_| world.blobs.wanted.load(Ordering::Relaxed)) {
            fetch(&world, &live, leader).await;
        }
    }
}

/// Ends with a broken connection, or when nobody wants blobs any more.
async fn fetch(world: &World, live: &Live, other: &Machine) {
    let dialled = live.peers.endpoint().connect(address_of(other.index), Some(other.node()), Channel::Blobs);
    let Ok(connection) = dialled.await else { return };
    while world.blobs.wanted.load(Ordering::Relaxed) {
        let Ok((mut ask, answer)) = connection.open().await else { return };
        if ask.write_all(b"?").await.is_err() || ask.finish().is_err() || !take(world, answer).await {
            return;
        }
    }
    connection.close("enough");
}

async fn take(world: &World, mut answer: RecvStream) -> bool {
    while let Ok(Some(piece)) = answer.read_chunk(PIECE_BYTES, true).await {
        world.blobs.fetched.fetch_add(piece.bytes.len() as u64, Ordering::Relaxed);
        if !world.blobs.wanted.load(Ordering::Relaxed) {
            return true;
        }
    }
    answer.received_reset().await.is_ok_and(|reset| reset.is_none())
}

/// Answers whoever fetches.
pub async fn serve(connection: Connection) {
    while let Ok(Some((mut send, _ask))) = connection.accept().await {
        let piece = vec![0x55; PIECE_BYTES];
        for _ in 0..BLOB_BYTES / PIECE_BYTES {
            if send.write_all(&piece).await.is_err() {
                return;
            }
        }
        send.finish().ok();
    }
}
