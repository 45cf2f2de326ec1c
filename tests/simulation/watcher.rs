//! Looks at every node after every step, and holds what it sees against the invariants.

use std::collections::{BTreeMap, BTreeSet};

use kifu::event::membership::RoleReason;
use kifu::event::{Event, NodeId, Seq, Term};
use kifu::log::{Entry, LogPosition, Payload};
use kifu::policy::membership::wanted_voters;
use kifu::projection::State;
use kifu::replica::wire::read_membership;

use crate::invariants::committed_never_changes::Committed;
use crate::invariants::converge::{Seen, Standing};
use crate::invariants::election_safety::ElectionSafety;
use crate::invariants::equal_digests::EqualDigests;
use crate::invariants::exactly_once::ExactlyOnce;
use crate::invariants::log_matching::LogMatching;
use crate::invariants::outbox_order::OutboxOrder;
use crate::invariants::{Violation, acknowledged_never_lost, leader_completeness};
use crate::machine::{Live, Machine};
use crate::world::World;

/// A digest of a state costs time: one in so many steps.
const DIGEST_EVERY: u64 = 64;
/// A log that could not be written takes back what it showed, and its node stops; it has so many steps for that. Raft may be waiting for a vote that
/// is to be written next, and a slow disk takes up to 600 ms for each write.
const STOPS_WITHIN: u64 = 1_500;
/// Bytes of committed entries that are read at a time.
const READ_BYTES: usize = 1 << 20;

/// All that was seen.
#[derive(Default)]
pub struct Watcher {
    elections: ElectionSafety,
    matching: LogMatching,
    committed: Committed,
    once: ExactlyOnce,
    order: OutboxOrder,
    digests: EqualDigests,
    /// Terms that somebody was seen to lead.
    led: BTreeSet<Term>,
    /// Who votes, as was recorded last.
    voters: Vec<NodeId>,
    /// What was last seen of each machine since it started.
    last: BTreeMap<usize, Last>,
    steps: u64,
}

/// What was last seen of a machine.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Last {
    /// The start that it was seen after.
    start: u64,
    leads: Option<Term>,
    end: Option<LogPosition>,
    committed: Option<u64>,
    seq: Seq,
    /// The last entry that its log no longer holds.
    base: Option<u64>,
    /// Snapshots that it has taken over.
    installed: u64,
    /// The step at which it was seen to have gone back.
    failing_since: Option<u64>,
}

impl Watcher {
    /// Looks at all nodes that run.
    pub fn look(&mut self, world: &World) -> Result<(), Violation> {
        self.steps += 1;
        for machine in &world.machines {
            match machine.live() {
                Some(live) => self.look_at(world, machine, &live)?,
                None => drop(self.last.remove(&machine.index)),
            }
        }
        match world.oracle().violations.first() {
            Some(violation) => Err(violation.clone()),
            None => Ok(()),
        }
    }

    fn look_at(&mut self, world: &World, machine: &Machine, live: &Live) -> Result<(), Violation> {
        // A node may end and start again between two looks.
        let before = self.last.get(&machine.index).filter(|last| last.start == live.start).copied().unwrap_or_default();
        let log = live.replica.log();
        let leadership = live.replica.leadership().borrow().clone();
        let leads = (leadership.leader == Some(live.node)).then_some(leadership.term);
        let (end, committed, seq) = (log.last(), log.committed(), live.replica.fold().seq());
        let (base, installed) = (log.base().map(|base| base.index), live.replica.snapshots().installed());
        let now = Last {
            start: live.start,
            leads,
            end,
            committed,
            seq,
            base,
            installed,
            failing_since: before.failing_since,
        };
        if now == before && before.failing_since.is_none() {
            return Ok(());
        }
        if committed < before.committed || seq < before.seq || before.failing_since.is_some() {
            let since = *self.last.entry(machine.index).or_default().failing_since.get_or_insert(self.steps);
            return match self.steps - since > STOPS_WITHIN {
                true => Err(format!("{} went back: from {before:?} to {now:?}", machine.name)),
                false => Ok(()),
            };
        }
        self.last.insert(machine.index, now);
        world.trace().note(&format!("{} {leads:?} {:?} {committed:?} {}", machine.name, end.map(|at| at.index), seq.0));
        if let Some(end) = end.filter(|_| end != before.end) {
            self.matching.see(&end)?;
            self.elections.see(end.term, end.leader)?;
        }
        let shorter = before.end.is_some_and(|before| end.is_none_or(|end| end.index < before.index));
        let replaced = before.end.zip(end).is_some_and(|(before, end)| {
            end.term > before.term && log.position_of(before.index).ok().flatten().is_none_or(|at| at != before)
        });
        world.count(|counts| {
            counts.truncations += u64::from(shorter || replaced);
            counts.snapshots_installed += installed - before.installed;
            counts.trims += u64::from(installed == before.installed && base > before.base && before.end.is_some());
        });
        if let Some(base) = log.base().filter(|base| Some(base.index) != before.base) {
            self.matching.see(&base)?;
            self.committed.see(&machine.name, &base)?;
        }
        self.see_committed(world, machine, live, committed)?;
        if let Some(term) = leads.filter(|_| leads != before.leads) {
            self.elections.see(term, live.node)?;
            let news = self.led.insert(term);
            world.count(|counts| counts.elections += u64::from(news));
            let begins = log.base();
            if log.last().is_some() && log.position_of(begins.map_or(0, |base| base.index)).is_ok() {
                // What lies before the beginning is vouched for by the chain there.
                let gone = |index| begins.is_some_and(|base| index < base.index);
                let known = |index| self.committed.at(index).copied();
                let vouched = begins.is_none_or(|base| known(base.index).is_none_or(|at| at.chain == base.chain));
                let entry = |index| match gone(index) && vouched {
                    true => known(index),
                    false => log.position_of(index).ok().flatten(),
                };
                leader_completeness::check(&machine.name, term, &self.committed, entry)?;
            }
        }
        if (self.steps + machine.index as u64).is_multiple_of(DIGEST_EVERY) || seq.0 == before.seq.0 + 1 {
            self.see_digest(world, machine, live)?;
        }
        Ok(())
    }

    /// Compares the last committed entry, or reads what nobody has committed before.
    fn see_committed(
        &mut self,
        world: &World,
        machine: &Machine,
        live: &Live,
        committed: Option<u64>,
    ) -> Result<(), Violation> {
        let Some(index) = committed else { return Ok(()) };
        let log = live.replica.log();
        while self.committed.next_index() <= index {
            // A log that is poisoned shows nothing; its node is about to stop.
            let Ok(entries) = log.read(self.committed.next_index(), index + 1, READ_BYTES) else { return Ok(()) };
            if entries.is_empty() {
                return Err(format!("{} has committed {index} and does not have it", machine.name));
            }
            for entry in &entries {
                self.committed.extend(&machine.name, entry)?;
                self.see_membership(world, entry)?;
                self.see_records(world, entry)?;
            }
        }
        match log.position_of(index) {
            Ok(Some(at)) => self.committed.see(&machine.name, &at),
            _ => Ok(()),
        }
    }

    fn see_membership(&self, world: &World, entry: &Entry) -> Result<(), Violation> {
        if let Payload::Membership(bytes) = &entry.payload {
            let members = read_membership(bytes).map_err(|error| format!("entry {}: {error}", entry.index))?;
            world.count(|counts| counts.joint_steps += u64::from(members.get_joint_config().len() > 1));
        }
        Ok(())
    }

    fn see_records(&mut self, world: &World, entry: &Entry) -> Result<(), Violation> {
        self.elections.see(entry.term, entry.leader)?;
        for record in entry.records() {
            let (seq, raw) = record.map_err(|error| format!("entry {}: {error}", entry.index))?;
            let record = raw.decode(seq, entry.term).map_err(|error| format!("record {seq}: {error}"))?;
            self.order.see(record.draft.origin, record.draft.origin_seq, seq)?;
            world.count(|counts| counts.records += 1);
            match &record.draft.event {
                Event::NoteRecorded(note) => self.once.see(&note.text, seq)?,
                Event::LeaderElected(elected) => self.elections.see(elected.term, elected.leader)?,
                Event::MemberRoleChanged(change) => world.count(|counts| match change.reason {
                    RoleReason::Operator => counts.roles_changed += 1,
                    RoleReason::SeatFree => counts.seats_filled += 1,
                    RoleReason::SeatClosed => counts.seats_closed += 1,
                    RoleReason::VoterGone => counts.voters_replaced += 1,
                    RoleReason::Replaced => {}
                }),
                Event::MemberRemoved(_) => world.count(|counts| counts.members_removed += 1),
                Event::VotersChanged(change) => {
                    let news = world.is_founded() && self.voters != change.voters;
                    world.count(|counts| counts.memberships_changed += u64::from(news));
                    self.voters.clone_from(&change.voters);
                }
                Event::ProjectionDiverged(diverged) => {
                    return Err(format!("digests differ: {diverged:?} was recorded at {seq}"));
                }
                _ => {}
            }
        }
        Ok(())
    }

    fn see_digest(&mut self, world: &World, machine: &Machine, live: &Live) -> Result<(), Violation> {
        let (seq, digest) = live.replica.fold().read(|state| (state.seq, State::digest(state)));
        let compared = self.digests.see(&machine.name, seq, digest)?;
        world.count(|counts| counts.digests_compared += u64::from(compared));
        Ok(())
    }

    /// How every machine stands, for [`crate::invariants::converge`].
    pub fn standings(&mut self, world: &World) -> Result<Vec<Standing>, Violation> {
        let mut standings = vec![];
        for machine in &world.machines {
            let sees = match machine.live() {
                None => None,
                Some(live) => {
                    self.see_digest(world, machine, &live)?;
                    let leadership = live.replica.leadership().borrow().clone();
                    let fold = live.replica.fold();
                    let (seq, digest, wanted) = fold.read(|state| (state.seq, state.digest(), wanted_voters(state)));
                    let (leader, term, waiting) = (leadership.leader, leadership.term, live.outbox.len());
                    let members = live.replica.members();
                    Some(Seen { node: live.node, leader, term, seq, digest, waiting, members, wanted })
                }
            };
            standings.push(Standing { name: machine.name.clone(), sees });
        }
        Ok(standings)
    }

    /// Compares the log with what the clients know.
    pub fn settle(&self, world: &World, drained: bool) -> Result<(), Violation> {
        let oracle = world.oracle();
        self.once.check(&oracle)?;
        acknowledged_never_lost::check(&self.once.notes, &oracle, drained)
    }
}
