//! One run of one seed: found a cluster, let everything go wrong for a while, heal it, and see that it finds together.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use kifu::net::Authority;
use turmoil::Sim;

use crate::bulk;
use crate::calm;
use crate::faults::Faults;
use crate::invariants::{Violation, converge};
use crate::machine::Machine;
use crate::node;
use crate::os;
use crate::plan::Plan;
use crate::report::Report;
use crate::watcher::Watcher;
use crate::world::World;

/// How far one step goes. Messages and timers are not finer than this.
const STEP: Duration = Duration::from_millis(1);
/// After the faults are over, clients go on for so long.
const LOAD_AFTER: Duration = Duration::from_secs(3);
/// And so long after that, or after an outbox last became shorter, everything must be well.
const CONVERGED_WITHIN: Duration = Duration::from_secs(30);

/// A step that takes this long of real time never ends: a task spins without waiting for anything.
const STEP_ENDS_WITHIN: Duration = Duration::from_secs(60);

static STEPS: AtomicU64 = AtomicU64::new(0);
static PANICS: AtomicU64 = AtomicU64::new(0);
static FIRST_PANIC: Mutex<Option<String>> = Mutex::new(None);

/// What happens in a run once the cluster is founded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scenario {
    /// Everything goes wrong for a while, and then the cluster finds together.
    Chaos,
    /// Nothing goes wrong: see [`calm`].
    Calm,
    /// Nothing goes wrong, but the links are full: see [`bulk`].
    Bulk,
}

impl Scenario {
    /// The names by which people choose one.
    const NAMES: [(&'static str, Scenario); 3] =
        [("chaos", Scenario::Chaos), ("calm", Scenario::Calm), ("bulk", Scenario::Bulk)];

    /// The one of this name; chaos without one.
    pub fn of(name: &str) -> Scenario {
        let known = Scenario::NAMES.into_iter().find(|(known, _)| *known == name || name.is_empty());
        known.expect("a scenario of chaos, calm and bulk").1
    }

    /// Its name.
    pub fn name(self) -> &'static str {
        Scenario::NAMES.into_iter().find(|(_, known)| *known == self).expect("all have names").0
    }
}

/// Runs a seed, on a thread of its own: see [`os::enter`]. A process should run one seed only.
pub fn run(seed: u64, scenario: Scenario) -> Report {
    notice_panics();
    let work = std::thread::Builder::new().stack_size(16 << 20).spawn(move || {
        os::enter(seed);
        run_here(seed, scenario)
    });
    let work = work.expect("a thread");
    if !ends(|| work.is_finished()) {
        return Report::failed(seed, format!("a step did not end within {} s", STEP_ENDS_WITHIN.as_secs()));
    }
    work.join().unwrap_or_else(|_| Report::failed(seed, first_panic().unwrap_or_else(|| "the run panicked".to_owned())))
}

/// Waits until the run is over; false when it no longer advances.
fn ends(over: impl Fn() -> bool) -> bool {
    let (mut seen, mut since) = (0, Instant::now());
    while !over() {
        std::thread::sleep(Duration::from_millis(20));
        let steps = STEPS.load(Ordering::Relaxed);
        if steps != seen {
            (seen, since) = (steps, Instant::now());
        } else if since.elapsed() > STEP_ENDS_WITHIN {
            return false;
        }
    }
    true
}

/// tokio swallows the panics of tasks. Here each is a failure of the run.
fn notice_panics() {
    let usual = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        PANICS.fetch_add(1, Ordering::SeqCst);
        FIRST_PANIC.lock().expect("no panic").get_or_insert_with(|| info.to_string());
        usual(info);
    }));
}

fn first_panic() -> Option<String> {
    let first = FIRST_PANIC.lock().expect("no panic").clone();
    first.map(|panic| format!("a task panicked: {panic}"))
}

fn run_here(seed: u64, scenario: Scenario) -> Report {
    let began = os::real_now();
    let plan = match scenario {
        Scenario::Chaos => Plan::of(seed),
        Scenario::Calm => Plan::without_faults(seed),
        Scenario::Bulk => Plan::with_narrow_links(seed),
    };
    let authority = Arc::new(Authority::create().expect("a CA"));
    let machine = |index| Arc::new(Machine::new(index, plan.timings[index], plan.skews_ms[index], authority.clone()));
    let machines: Vec<_> = (0..plan.machines()).map(machine).collect();
    let world = Arc::new(World::new(plan, machines));
    if let Ok(path) = std::env::var("KIFU_SIMULATE_TRACE") {
        world.trace().write_to(&path);
    }
    let mut sim = build(&world);
    let mut watcher = Watcher::default();
    let founded = found(&mut sim, &world, &mut watcher);
    let failure = founded.and_then(|()| match scenario {
        Scenario::Chaos => chaos(&mut sim, &world, &mut watcher),
        Scenario::Calm => calm::phases(&mut sim, &world, &mut watcher),
        Scenario::Bulk => bulk::phases(&mut sim, &world, &mut watcher),
    });
    let failure = failure.err();
    let trace = world.trace().digest();
    Report {
        seed,
        voters: world.plan.voters,
        learners: world.plan.learners,
        failure: failure.map(|failure| format!("at {} ms: {failure}", sim.elapsed().as_millis())),
        trace,
        simulated_ms: sim.elapsed().as_millis() as u64,
        wall_ms: (os::real_now() - began).as_millis() as u64,
        counts: world.counts(),
    }
}

fn build(world: &Arc<World>) -> Sim<'static> {
    let (least, most) = world.plan.latency_ms;
    let mut sim = turmoil::Builder::new()
        .rng_seed(world.plan.seed)
        .tick_duration(STEP)
        .simulation_duration(Duration::from_secs(3_600))
        .min_message_latency(Duration::from_millis(least))
        .max_message_latency(Duration::from_millis(most))
        .udp_capacity(100_000)
        .enable_random_order()
        .build();
    for machine in &world.machines {
        let (world, machine) = (world.clone(), machine.clone());
        sim.host(machine.name.clone().as_str(), move || node::run(machine.clone(), world.clone()));
    }
    sim
}

fn found(sim: &mut Sim<'_>, world: &World, watcher: &mut Watcher) -> Result<(), Violation> {
    while !world.is_founded() {
        step(sim, world, watcher)?;
        if sim.elapsed() > world.plan.founded_within() {
            return Err("the cluster was not founded in time".to_owned());
        }
    }
    Ok(())
}

fn chaos(sim: &mut Sim<'_>, world: &World, watcher: &mut Watcher) -> Result<(), Violation> {
    let mut faults = Faults::new(world.plan.seed, sim.elapsed());
    let chaos_ends = sim.elapsed() + world.plan.chaos;
    while sim.elapsed() < chaos_ends {
        faults.step(sim, world)?;
        step(sim, world, watcher)?;
    }
    watcher.settle(world, false)?;
    world.operators.store(false, Ordering::Relaxed);
    faults.heal(sim, world);
    let load_ends = sim.elapsed() + LOAD_AFTER;
    while sim.elapsed() < load_ends {
        faults.step(sim, world)?;
        step(sim, world, watcher)?;
    }
    world.load.store(false, Ordering::Relaxed);
    converge(sim, world, watcher, |sim, world| faults.step(sim, world))
}

/// Waits until the cluster has found together, while `meanwhile` is done at every step.
pub fn converge<'a>(
    sim: &mut Sim<'a>,
    world: &World,
    watcher: &mut Watcher,
    mut meanwhile: impl FnMut(&mut Sim<'a>, &World) -> Result<(), Violation>,
) -> Result<(), Violation> {
    let (mut deadline, mut waiting) = (sim.elapsed() + CONVERGED_WITHIN, u64::MAX);
    loop {
        for _ in 0..500 {
            meanwhile(sim, world)?;
            step(sim, world, watcher)?;
        }
        let standings = watcher.standings(world)?;
        let Some(missing) = converge::missing(&standings) else { break };
        // Nobody writes any more, so this ends.
        let left = standings.iter().filter_map(|it| it.sees.as_ref()).map(|seen| seen.waiting).sum();
        if left < waiting {
            (deadline, waiting) = (sim.elapsed() + CONVERGED_WITHIN, left);
        }
        if sim.elapsed() > deadline {
            return Err(format!("did not converge after the faults were over: {missing}"));
        }
    }
    watcher.settle(world, true)
}

/// One step of all machines, and a look at each.
pub fn step(sim: &mut Sim<'_>, world: &World, watcher: &mut Watcher) -> Result<(), Violation> {
    STEPS.fetch_add(1, Ordering::Relaxed);
    os::set_now(sim.elapsed());
    world.trace().at(sim.elapsed());
    sim.step().map_err(|error| error.to_string())?;
    if PANICS.load(Ordering::SeqCst) > 0 {
        return Err(first_panic().unwrap_or_default());
    }
    watcher.look(world)
}
