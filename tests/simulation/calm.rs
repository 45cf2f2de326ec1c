//! A cluster without faults: whoever leads goes on leading, under load and while others are away.

use std::sync::atomic::Ordering;
use std::time::Duration;

use kifu::event::Term;
use turmoil::Sim;

use crate::invariants::Violation;
use crate::run::{converge, step};
use crate::watcher::Watcher;
use crate::world::World;

/// So long nothing at all happens but the load.
const LOADED: Duration = Duration::from_secs(60);
/// So long a minority is away: many times as long as it waits before it campaigns.
const APART: Duration = Duration::from_secs(10);
/// So long it is watched after it came back.
const BACK: Duration = Duration::from_secs(10);
/// A founded cluster settles for so long: its members may still be changing places.
const SETTLES: Duration = Duration::from_secs(2);

/// The term may not change in any of it.
pub fn phases(sim: &mut Sim<'_>, world: &World, watcher: &mut Watcher) -> Result<(), Violation> {
    world.operators.store(false, Ordering::Relaxed);
    for_a_while(sim, world, watcher, SETTLES, None)?;
    let (leader, term) = leader(world)?;
    let before = world.counts().admitted;
    for_a_while(sim, world, watcher, LOADED, Some(term))?;
    if world.counts().admitted - before < LOADED.as_secs() {
        return Err("the cluster was hardly loaded".to_owned());
    }
    let away: Vec<usize> =
        (0..world.machines.len()).filter(|index| *index != leader).take(world.plan.voters / 2).collect();
    cut_off(world, &away);
    for_a_while(sim, world, watcher, APART, Some(term))?;
    world.net.heal();
    for_a_while(sim, world, watcher, BACK, Some(term))?;
    world.load.store(false, Ordering::Relaxed);
    converge(sim, world, watcher, |_, _| Ok(()))?;
    same_term(world, term)
}

/// Who leads, and in which term.
pub fn leader(world: &World) -> Result<(usize, Term), Violation> {
    let leader = world.machines.iter().find(|machine| machine.live().is_some_and(|live| live.leads()));
    let leader = leader.ok_or("nobody leads a cluster without faults")?.index;
    let term = leadership(world, leader).map(|(_, term)| term).ok_or("the leader does not run")?;
    Ok((leader, term))
}

fn for_a_while(
    sim: &mut Sim<'_>,
    world: &World,
    watcher: &mut Watcher,
    how_long: Duration,
    term: Option<Term>,
) -> Result<(), Violation> {
    let ends = sim.elapsed() + how_long;
    while sim.elapsed() < ends {
        step(sim, world, watcher)?;
        term.map_or(Ok(()), |term| same_term(world, term))?;
    }
    Ok(())
}

/// Whether nobody has come to another term, or asks for one.
pub fn same_term(world: &World, term: Term) -> Result<(), Violation> {
    for machine in &world.machines {
        if let Some((name, now)) = leadership(world, machine.index).filter(|(_, now)| *now != term) {
            return Err(format!("{name} is in term {now:?}, though the leader of {term:?} is well"));
        }
    }
    Ok(())
}

fn leadership(world: &World, machine: usize) -> Option<(String, Term)> {
    let machine = &world.machines[machine];
    Some((machine.name.clone(), machine.live()?.replica.leadership().borrow().term))
}

/// Nobody hears these, and they hear nobody, not even each other.
pub fn cut_off(world: &World, away: &[usize]) {
    for other in 0..world.machines.len() {
        for &index in away {
            world.net.change(index, other, |link| link.cut = true);
            world.net.change(other, index, |link| link.cut = true);
        }
    }
}
