//! What goes wrong, and when: one fault after another, several at a time, as the seed wants it.

use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::sync::Arc;
use std::time::Duration;

use kifu::log::Crash;
use turmoil::Sim;

use crate::dice::Dice;
use crate::invariants::Violation;
use crate::machine::{Machine, Status};
use crate::os;
use crate::world::World;

/// How often somebody looks for members that were removed.
const LOOK_FOR_REMOVED_EVERY_MS: u128 = 50;

/// Something that will be undone, or done, later.
#[derive(Clone, Debug, PartialEq)]
enum Later {
    /// Start a machine's node again.
    Start(usize),
    /// Make all links as they usually are.
    Reconnect,
    /// Give a disk its space back.
    Space(usize),
    /// Let a disk be fast again.
    Fast(usize),
}

/// Makes faults.
pub struct Faults {
    dice: Dice,
    next: Duration,
    later: Vec<(Duration, Later)>,
    /// Segments as they were before a bit of them was flipped, by machine; several where bits were flipped before it started again.
    originals: BTreeMap<usize, Vec<(String, Vec<u8>)>>,
    /// No new faults any more.
    over: bool,
}

impl Faults {
    pub fn new(seed: u64, from: Duration) -> Faults {
        let (later, originals) = (vec![], BTreeMap::new());
        Faults { dice: Dice::new(seed, "faults"), next: from, later, originals, over: false }
    }

    /// Does what is due.
    pub fn step(&mut self, sim: &mut Sim<'_>, world: &World) -> Result<(), Violation> {
        let now = sim.elapsed();
        if !self.over && now >= self.next {
            self.one_more(sim, world);
            self.next = now + self.dice.ms(50, 2_500);
        }
        self.watch_disks(sim, world)?;
        self.watch_removed(sim, world);
        let mut due: Vec<Later> = vec![];
        self.later.retain(|(at, what)| {
            if *at <= now {
                due.push(what.clone());
            }
            *at > now
        });
        for what in due {
            self.undo(sim, world, &what);
        }
        Ok(())
    }

    /// Ends all faults: every link, disk and machine is well again.
    pub fn heal(&mut self, sim: &mut Sim<'_>, world: &World) {
        self.over = true;
        world.trace().note("heal");
        for (_, what) in std::mem::take(&mut self.later) {
            self.undo(sim, world, &what);
        }
        world.net.heal();
        for index in 0..world.machines.len() {
            let machine = &world.machines[index];
            machine.with(|state| {
                state.disk.set_space(None);
                state.pace_ms = (0, 3);
            });
            // Whatever a disk was about to do to its node, it is a new one now.
            if machine.with(|state| state.status != Status::On) || machine.with(|state| state.disk.has_faults()) {
                self.crash(sim, world, index, Crash::KeepAll);
                self.start(sim, world, index);
            }
        }
    }

    fn one_more(&mut self, sim: &mut Sim<'_>, world: &World) {
        let machines = world.machines.len();
        let who = self.victim(world);
        match self.dice.number(0, 100) {
            0..14 => {
                let crash = self.kind_of_crash();
                world.count(|counts| counts.crashes += 1);
                self.crash_for_a_while(sim, world, who, crash);
            }
            14..20 => {
                world.count(|counts| counts.kills += 1);
                self.crash_for_a_while(sim, world, who, Crash::KeepAll);
            }
            20..24 => {
                world.count(|counts| counts.blackouts += 1);
                for index in 0..machines {
                    let crash = self.kind_of_crash();
                    self.crash_for_a_while(sim, world, index, crash);
                }
            }
            24..36 => {
                // Somewhere between two writes, two syncs, or a rename and the sync of the folder.
                let changes = self.dice.number(0, 40) as u32;
                world.machines[who].with(|state| state.disk.cut_power(changes));
            }
            36..40 => {
                world.count(|counts| counts.sync_failures += 1);
                let after = self.dice.number(0, 10) as u32;
                world.machines[who].with(|state| state.disk.fail_sync(after, ErrorKind::Other));
            }
            40..45 => {
                world.count(|counts| counts.full_disks += 1);
                world.machines[who].with(|state| state.disk.set_space(Some(0)));
                self.undo_later(sim, 500, 6_000, Later::Space(who));
            }
            45..52 => {
                world.count(|counts| counts.slow_disks += 1);
                let slow = self.dice.number(20, 600);
                world.machines[who].with(|state| state.pace_ms = (slow / 2, slow));
                self.undo_later(sim, 500, 5_000, Later::Fast(who));
            }
            52..57 => self.flip(sim, world, who),
            57..62 => self.jump_clock(world, who),
            62..66 => self.transfer(world, who),
            66..76 => self.split(sim, world),
            76..84 => self.cut_one_way(sim, world, who),
            84..90 => self.cut_pairs(sim, world),
            _ => self.weather(sim, world),
        }
    }

    /// The leader more often than others: that is where it hurts.
    fn victim(&mut self, world: &World) -> usize {
        let leads = |machine: &&Arc<Machine>| machine.live().is_some_and(|live| live.leads());
        let leader = world.machines.iter().find(leads).map(|machine| machine.index);
        match leader {
            Some(leader) if self.dice.chance(0.4) => leader,
            _ => self.dice.number(0, world.machines.len() as u64) as usize,
        }
    }

    fn kind_of_crash(&mut self) -> Crash {
        match self.dice.number(0, 4) {
            0 => Crash::KeepAll,
            1 => Crash::KeepBytes(self.dice.number(0, 5_000) as usize),
            2 => Crash::KeepSectors(self.dice.number(0, u64::MAX)),
            _ => Crash::LoseAll,
        }
    }

    fn undo_later(&mut self, sim: &Sim<'_>, from_ms: u64, to_ms: u64, what: Later) {
        let at = sim.elapsed() + self.dice.ms(from_ms, to_ms);
        self.later.retain(|(_, known)| *known != what);
        self.later.push((at, what));
    }

    fn undo(&mut self, sim: &mut Sim<'_>, world: &World, what: &Later) {
        match *what {
            Later::Start(index) => self.start(sim, world, index),
            Later::Reconnect => world.net.heal(),
            Later::Space(index) => world.machines[index].with(|state| state.disk.set_space(None)),
            Later::Fast(index) => world.machines[index].with(|state| state.pace_ms = (0, 3)),
        }
    }

    fn crash_for_a_while(&mut self, sim: &mut Sim<'_>, world: &World, index: usize, crash: Crash) {
        self.crash(sim, world, index, crash);
        self.undo_later(sim, 20, 6_000, Later::Start(index));
    }

    fn crash(&mut self, sim: &mut Sim<'_>, world: &World, index: usize, crash: Crash) {
        let machine = &world.machines[index];
        world.trace().note(&format!("crash {} {crash:?}", machine.name));
        let live = machine.crash(crash, &mut self.dice);
        if let Some(live) = &live {
            let before = live.replica.log().last().map(|last| last.index);
            let after = entries_on(machine);
            world.count(|counts| counts.suffixes_lost += u64::from(after < before));
        }
        // The simulator must see the end of the last socket, so nothing of the node may outlive its runtime.
        drop(live);
        sim.crash(machine.name.as_str());
    }

    fn start(&mut self, sim: &mut Sim<'_>, world: &World, index: usize) {
        let machine = &world.machines[index];
        if machine.with(|state| state.status != Status::Off) {
            return;
        }
        world.trace().note(&format!("start {}", machine.name));
        machine.with(|state| state.status = Status::On);
        sim.bounce(machine.name.as_str());
    }

    /// Nodes that have stopped or that would not start, and disks whose power has just failed.
    fn watch_disks(&mut self, sim: &mut Sim<'_>, world: &World) -> Result<(), Violation> {
        for index in 0..world.machines.len() {
            let machine = &world.machines[index];
            let (status, cut) = machine.with(|state| (state.status.clone(), state.disk.is_cut()));
            match status {
                _ if cut => {
                    world.count(|counts| counts.power_cuts += 1);
                    let crash = self.kind_of_crash();
                    self.crash_for_a_while(sim, world, index, crash);
                }
                Status::Stopped(_) => {
                    world.count(|counts| counts.stopped_by_disk += 1);
                    let crash = self.kind_of_crash();
                    self.crash_for_a_while(sim, world, index, crash);
                }
                Status::Refused(reason) => self.repair(sim, world, index, &reason)?,
                Status::On if machine.live().is_some() => drop(self.originals.remove(&index)),
                Status::On | Status::Off | Status::Removed => {}
            }
        }
        Ok(())
    }

    /// Whoever was removed, and takes no part in Raft any more, is set up anew and comes back as somebody else.
    fn watch_removed(&mut self, sim: &mut Sim<'_>, world: &World) {
        if !sim.elapsed().as_millis().is_multiple_of(LOOK_FOR_REMOVED_EVERY_MS) {
            return;
        }
        for index in removed(world) {
            let machine = &world.machines[index];
            world.trace().note(&format!("{} is set up anew", machine.name));
            world.oracle().forsakes(machine.node());
            self.originals.remove(&index);
            self.crash_for_a_while(sim, world, index, Crash::LoseAll);
            machine.set_up_anew();
        }
    }

    /// A log that is refused must have been damaged, unless the disk is full or failed a sync; an operator brings back what it was.
    fn repair(&mut self, sim: &mut Sim<'_>, world: &World, index: usize, reason: &str) -> Result<(), Violation> {
        let machine = &world.machines[index];
        let disk_says_no = ["full", "space", "cannot sync"].iter().any(|word| reason.contains(word));
        match self.originals.remove(&index) {
            Some(originals) => {
                world.count(|counts| counts.flips_refused += 1);
                // Of two of the same segment the older one is whole.
                for (name, bytes) in originals.into_iter().rev() {
                    machine.with(|state| state.disk.put(&name, bytes));
                }
            }
            None if disk_says_no => {}
            None => return Err(format!("{} would not start, and nobody had touched its disk: {reason}", machine.name)),
        }
        self.crash_for_a_while(sim, world, index, Crash::KeepAll);
        Ok(())
    }

    fn flip(&mut self, sim: &mut Sim<'_>, world: &World, index: usize) {
        self.crash_for_a_while(sim, world, index, Crash::KeepAll);
        if let Some((name, bytes)) = world.machines[index].flip_bit(&mut self.dice) {
            world.count(|counts| counts.flips += 1);
            self.originals.entry(index).or_default().push((name, bytes));
        }
    }

    fn jump_clock(&mut self, world: &World, index: usize) {
        world.count(|counts| counts.clock_jumps += 1);
        let skew_ms = self.dice.number(0, 20_000) as i64 - 10_000;
        let runtime = world.machines[index].with(|state| {
            state.skew_ms = skew_ms;
            state.runtime
        });
        if let Some(runtime) = runtime {
            os::set_skew(runtime, skew_ms);
        }
    }

    fn transfer(&mut self, world: &World, to: usize) {
        world.count(|counts| counts.transfers += 1);
        world.machines.iter().for_each(|machine| {
            let to = world.machines[to].node();
            machine.with(|state| state.hand_over_to = Some(to));
        });
    }

    /// Two groups that do not hear each other.
    fn split(&mut self, sim: &Sim<'_>, world: &World) {
        world.count(|counts| counts.splits += 1);
        let machines = world.machines.len();
        let size = self.dice.number(1, machines as u64) as usize;
        let left = self.dice.subset(size, machines);
        for a in 0..machines {
            for b in 0..machines {
                let apart = left.contains(&a) != left.contains(&b);
                world.net.change(a, b, |link| link.cut |= apart);
            }
        }
        self.undo_later(sim, 300, 6_000, Later::Reconnect);
    }

    /// One machine is not heard, or does not hear.
    fn cut_one_way(&mut self, sim: &Sim<'_>, world: &World, who: usize) {
        world.count(|counts| counts.one_way_cuts += 1);
        let mute = self.dice.chance(0.5);
        for other in 0..world.machines.len() {
            let (from, to) = if mute { (who, other) } else { (other, who) };
            let spared = self.dice.chance(0.2);
            world.net.change(from, to, |link| link.cut |= !spared);
        }
        self.undo_later(sim, 300, 5_000, Later::Reconnect);
    }

    /// Some pairs do not hear each other, though all others do.
    fn cut_pairs(&mut self, sim: &Sim<'_>, world: &World) {
        world.count(|counts| counts.partial_cuts += 1);
        let machines = world.machines.len();
        for a in 0..machines {
            for b in 0..a {
                if self.dice.chance(0.3) {
                    world.net.change(a, b, |link| link.cut = true);
                    world.net.change(b, a, |link| link.cut = true);
                }
            }
        }
        self.undo_later(sim, 300, 5_000, Later::Reconnect);
    }

    /// Messages get lost, come twice or come late, on some links or on all.
    fn weather(&mut self, sim: &Sim<'_>, world: &World) {
        let (loss, twice) = (self.dice.real(0.0, 0.4), self.dice.real(0.0, 0.2));
        let late = (self.dice.real(0.0, 0.5), self.dice.number(10, 600));
        let everywhere = self.dice.chance(0.3);
        for a in 0..world.machines.len() {
            for b in 0..world.machines.len() {
                if everywhere || self.dice.chance(0.3) {
                    world.net.change(a, b, |link| (link.loss, link.twice, link.late) = (loss, twice, late));
                }
            }
        }
        self.undo_later(sim, 300, 6_000, Later::Reconnect);
    }
}

/// Machines that are out, as the node says that has come farthest. Facts stay true, so any would do.
fn removed(world: &World) -> Vec<usize> {
    let lives = world.machines.iter().filter_map(|machine| machine.live());
    let Some(farthest) = lives.max_by_key(|live| live.replica.fold().seq()) else { return vec![] };
    let out = |machine: &&Arc<Machine>| {
        let node = machine.node();
        farthest.replica.fold().read(|state| state.membership.is_out(node, &state.quorum))
    };
    world.machines.iter().filter(out).map(|machine| machine.index).collect()
}

/// The last entry that a machine's disk holds.
fn entries_on(machine: &Machine) -> Option<u64> {
    let disk = machine.with(|state| state.disk.clone());
    let reader = kifu::log::LogReader::open_on(std::sync::Arc::new(disk)).ok()?;
    let mut cursor = reader.entries_near(0).ok()?;
    let mut last = None;
    while let Ok(Some(entry)) = cursor.next_entry() {
        last = Some(entry.index);
    }
    last
}
