//! One term of leadership.

use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;

use super::batch::{Answer, Gathered};
use super::flight::Flights;
use super::pace::{Pace, When};
use super::task::Leader;
use crate::event::cluster::{LeaderElected, VotersChanged};
use crate::event::{Command, Draft, Event, Millis, Proposal, Record, Term};
use crate::policy::admission::{Refusal, admit};
use crate::policy::{self, Decision, View};
use crate::projection::State;
use crate::replica::propose::{Ask, Outcome};
use crate::replica::{Leadership, ReplicaError};

/// How often policies look at the clock when nothing else happens.
const TICK: Duration = Duration::from_millis(200);
/// Messages of proposals that go into one batch at most.
const ASKS_PER_BATCH: usize = 256;
/// Records of proposals after which a batch takes no further message: what is on its way stays small beside a heartbeat.
const BATCH_RECORDS_FULL: usize = 4_096;
/// Bytes after which a batch takes no further message.
const BATCH_BYTES_FULL: usize = 1 << 20;
/// Records of decisions in one batch at most; what policies still want comes with the next.
const DECIDED_RECORDS_MAX: usize = 512;
/// Rounds of policies in one batch: a decision may open the way for another policy's.
const POLICY_ROUNDS_MAX: usize = 16;

/// A leader in one term.
pub(super) struct Reign<'a> {
    leader: &'a mut Leader,
    term: Term,
    head: State,
    flights: Flights,
    /// Messages that are to go with the next batch.
    waiting: std::collections::VecDeque<Ask>,
    /// When the next batch goes.
    pace: Pace,
    /// When the policies were asked last.
    decided_at: Instant,
    /// Whether something happened since that a policy may care about.
    undecided: bool,
}

impl<'a> Reign<'a> {
    /// Begins to reign: behind a barrier, with `LEADER_ELECTED` and the cluster's first command where they are missing.
    pub async fn begin(leader: &'a mut Leader, term: Term) -> Result<Reign<'a>, ReplicaError> {
        // The barrier writes: a node that stands still, and that nobody can follow, would write one after the other for ever.
        leader.abdicate_if_halted().await?;
        leader.replica.barrier(term).await?;
        // It may have met what it cannot read on the way.
        leader.abdicate_if_halted().await?;
        let mut head = leader.replica.fold().read(Clone::clone);
        head.forget_changes();
        if let Err(halt) = head.check_decided_from() {
            let halt = Box::new(halt.clone());
            leader.abdicate().await;
            return Err(ReplicaError::Halted { halt });
        }
        leader.hearing.begin_reign(leader.hearing.now());
        let flights = Flights::default();
        let (waiting, pace, decided_at) = (std::collections::VecDeque::new(), Pace::default(), Instant::now());
        let mut reign = Reign { leader, term, head, flights, waiting, pace, decided_at, undecided: true };
        reign.announce().await?;
        reign.create_cluster().await?;
        Ok(reign)
    }

    /// Reigns until this node stops, leads no more, or cannot say what became of a batch.
    pub async fn run(&mut self, leadership: &mut watch::Receiver<Leadership>) -> Result<(), ReplicaError> {
        let node = self.leader.node;
        loop {
            if self.leader.replica.log().is_full() {
                // Others may have space; what is on its way is answered as unknown.
                return Err(ReplicaError::DiskFull);
            }
            let tick = match self.next_turn() {
                When::Now => {
                    self.turn().await?;
                    continue;
                }
                When::At(instant) => Some(instant),
                When::Landed => None,
            };
            let mut asks = vec![];
            let space = ASKS_PER_BATCH - self.waiting.len().min(ASKS_PER_BATCH);
            tokio::select! {
                () = self.leader.stop.cancelled() => return Ok(()),
                changed = leadership.changed() => {
                    let now = leadership.borrow_and_update().clone();
                    if changed.is_err() || now.leader != Some(node) || now.term != self.term {
                        return Ok(());
                    }
                }
                landed = self.flights.land() => self.pace.answered(landed?, Instant::now()),
                received = self.leader.asks.recv_many(&mut asks, space), if space > 0 => {
                    if received == 0 {
                        return Ok(());
                    }
                    self.pace.came(received, Instant::now());
                    self.waiting.extend(asks);
                }
                () = tokio::time::sleep_until(tick.unwrap_or_else(Instant::now)), if tick.is_some() => {}
            }
        }
    }

    /// When the next batch goes: a message may be worth waiting for, the policies' look at the clock is not.
    fn next_turn(&self) -> When {
        if self.flights.is_full() {
            return When::Landed;
        }
        let now = Instant::now();
        let tick = self.decided_at + TICK;
        if tick <= now {
            return When::Now;
        }
        if self.waiting.is_empty() {
            return When::At(tick);
        }
        let records = self.waiting.iter().map(|ask| ask.proposals.len()).sum();
        match self.pace.next(self.waiting.len(), records, self.flights.messages(), now) {
            When::At(instant) => When::At(instant.min(tick)),
            When::Landed => When::At(tick),
            When::Now => When::Now,
        }
    }

    /// Admits what was asked, lets the policies decide, and sends it all on its way as one batch.
    async fn turn(&mut self) -> Result<(), ReplicaError> {
        let mut batch = Gathered::default();
        while batch.records() < BATCH_RECORDS_FULL && batch.bytes() < BATCH_BYTES_FULL {
            let Some(Ask { proposals, reply }) = self.waiting.pop_front() else { break };
            let outcomes = proposals.iter().map(|proposal| self.admit(proposal, &mut batch)).collect();
            batch.answer(Answer { reply, outcomes });
        }
        if self.undecided || self.decided_at.elapsed() >= TICK {
            self.decide(&mut batch);
        }
        if let Err(halt) = self.head.check_decided_from() {
            // No node could fold it: better not to write it at all. The head is worthless now.
            tracing::error!("a batch is not appended: {halt}");
            let halt = Box::new(halt.clone());
            self.flights.land_all().await?;
            batch.give_up();
            return Err(ReplicaError::Halted { halt });
        }
        self.flights.start(&self.leader.replica, self.term, batch).await
    }

    /// Checks one proposal against the head and adds its records to the batch.
    fn admit(&mut self, proposal: &Proposal, batch: &mut Gathered) -> Outcome {
        let now = self.leader.hearing.now();
        match admit(&self.head, proposal, now) {
            Ok(decisions) => {
                for decision in decisions {
                    self.undecided |= !matches!(decision.event, Event::NoteRecorded(_));
                    let draft = self.draft(decision, Some(proposal), now);
                    self.add(draft, batch);
                }
                match self.head.check_decided_from() {
                    Ok(()) => Outcome::Admitted { last: self.head.seq },
                    Err(halt) => Outcome::Refused { code: "projection_fails".to_owned(), message: halt.to_string() },
                }
            }
            Err(Refusal::Duplicate { .. }) => Outcome::Already,
            Err(refusal) => {
                tracing::debug!(origin = %proposal.origin, code = refusal.code(), %refusal, "proposal refused");
                Outcome::Refused { code: refusal.code().to_owned(), message: refusal.to_string() }
            }
        }
    }

    /// Lets the policies decide until none wants more, then digests the state if that is due.
    fn decide(&mut self, batch: &mut Gathered) {
        self.decided_at = Instant::now();
        self.undecided = false;
        let begun = batch.records();
        for round in 0..POLICY_ROUNDS_MAX {
            let decisions = self.view(policy::decide_all);
            let membership = self.membership_decision();
            if decisions.is_empty() && membership.is_none() {
                break;
            }
            for decision in decisions.into_iter().chain(membership) {
                self.record(decision, batch);
            }
            if batch.records() - begun >= DECIDED_RECORDS_MAX || round + 1 == POLICY_ROUNDS_MAX {
                self.undecided = true;
                break;
            }
        }
        if let Some(decision) = self.view(policy::digest::decide) {
            self.record(decision, batch);
        }
    }

    /// What a policy makes of the head and of what was heard.
    fn view<T>(&self, decide: impl FnOnce(&View) -> T) -> T {
        let (state, now) = (&self.head, self.leader.hearing.now());
        let (leader, term) = (self.leader.node, self.term);
        self.leader.hearing.with(|liveness| decide(&View { state, now, liveness, leader, term }))
    }

    /// `VOTERS_CHANGED` follows Raft's committed membership; a new leader records what its predecessor could not.
    fn membership_decision(&self) -> Option<Decision> {
        let (voters, learners) = self.leader.replica.committed_members();
        let known = self.head.quorum.get().is_some_and(|row| row.voters == voters && row.learners == learners);
        if known || voters.is_empty() || self.head.cluster.get().is_none() {
            return None;
        }
        Some(Decision { event: VotersChanged { voters, learners }.into(), caused_by: vec![] })
    }

    /// Writes `LEADER_ELECTED`. A second reign in the same term finds its record written.
    async fn announce(&mut self) -> Result<(), ReplicaError> {
        if self.head.leadership.current().is_some_and(|known| known.term >= self.term) {
            return Ok(());
        }
        let previous = self.head.leadership.current().map(|leader| leader.leader);
        let elected = LeaderElected { leader: self.leader.node, term: self.term, previous };
        tracing::info!(term = self.term.0, seq = self.head.seq.0, "leading");
        let mut opening = Gathered::default();
        self.record(Decision { event: elected.into(), caused_by: vec![] }, &mut opening);
        self.commit(opening).await
    }

    /// Writes the cluster's first command when there is no cluster yet.
    async fn create_cluster(&mut self) -> Result<(), ReplicaError> {
        let known = self.head.cluster.get().map(|row| &row.cluster);
        let genesis = self.leader.genesis.clone().filter(|genesis| match genesis {
            Command::RestoreCluster(restore) => known != Some(&restore.cluster),
            _ => known.is_none(),
        });
        let Some(genesis) = genesis else { return Ok(()) };
        let mut batch = Gathered::default();
        if let Outcome::Refused { message, .. } = self.admit(&self.own_proposal(genesis), &mut batch) {
            // Whoever restored the log must not go on in the name of the cluster that it was of.
            tracing::error!(message, "the cluster's first command was refused: nothing is decided");
            self.leader.abdicate().await;
            return Err(ReplicaError::Membership { reason: format!("the first command was refused: {message}") });
        }
        self.commit(batch).await
    }

    /// Sends a batch on its way and waits until it is committed.
    async fn commit(&mut self, batch: Gathered) -> Result<(), ReplicaError> {
        self.flights.start(&self.leader.replica, self.term, batch).await?;
        self.flights.land_all().await
    }

    fn record(&mut self, decision: Decision, batch: &mut Gathered) {
        let draft = self.draft(decision, None, self.leader.hearing.now());
        self.add(draft, batch);
    }

    fn add(&mut self, draft: Draft, batch: &mut Gathered) {
        let record = Record { seq: self.head.seq.next(), term: self.term, draft };
        self.head.apply(&record);
        batch.add(record.seq, &record.draft, self.head.membership.version());
    }

    fn draft(&self, decision: Decision, proposal: Option<&Proposal>, now: Millis) -> Draft {
        let mut caused_by = decision.caused_by;
        caused_by.extend(proposal.iter().flat_map(|proposal| &proposal.caused_by));
        caused_by.sort_unstable();
        caused_by.dedup();
        Draft {
            recorded_at: now.max(self.head.recorded_at),
            observed_at: proposal.map_or(now, |proposal| proposal.observed_at),
            origin: proposal.map_or(self.leader.node, |proposal| proposal.origin),
            origin_seq: proposal.map_or(0, |proposal| proposal.origin_seq),
            caused_by,
            event: decision.event,
        }
    }

    fn own_proposal(&self, command: Command) -> Proposal {
        let observed_at = self.leader.hearing.now();
        Proposal { origin: self.leader.node, origin_seq: 0, observed_at, caused_by: vec![], command }
    }
}
