//! The leader: the one task that admits proposals and lets the policies decide.
//!
//! It runs on every node and acts only while its node leads. At the start of a term it waits until everything before
//! is folded, then writes `LEADER_ELECTED`, and admits nothing before that has committed. From then on it keeps the *head*: the
//! state with everything that it has appended. Commands are checked against the head and policies look at the head, so nothing is
//! decided twice while it is on its way.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;

use super::clock::Clock;
use super::heartbeat::Hearing;
use crate::event::cluster::{LeaderElected, VotersChanged};
use crate::event::{Command, Draft, NodeId, Proposal, Record, Term};
use crate::policy::admission::{Refusal, admit};
use crate::policy::{self, Decision, View};
use crate::projection::State;
use crate::replica::propose::{Ask, Outcome};
use crate::replica::{Leadership, Replica, ReplicaError};

/// How often policies look at the clock when nothing else happens.
const TICK: Duration = Duration::from_millis(200);
/// Messages of proposals that go into one batch at most.
const ASKS_PER_BATCH: usize = 64;
/// How long a leader whose batch failed waits before it tries to reign again, in the same term if it still leads.
const REIGN_AGAIN: Duration = Duration::from_millis(100);
/// Records of one batch at most; what policies still want comes with the next.
const BATCH_RECORDS_MAX: usize = 512;
/// Rounds of policies in one batch: a decision may open the way for another policy's.
const POLICY_ROUNDS_MAX: usize = 16;

/// The admission task of a node.
pub struct Leader {
    /// This node.
    pub node: NodeId,
    /// Where batches go.
    pub replica: Arc<Replica>,
    /// What nodes propose.
    pub asks: mpsc::Receiver<Ask>,
    /// Who was heard lately.
    pub hearing: Hearing,
    /// The clock.
    pub clock: Clock,
    /// The first command, on the node that made the cluster.
    pub genesis: Option<Command>,
    /// Ends the task.
    pub stop: CancellationToken,
}

/// One term of leadership.
struct Reign<'a> {
    leader: &'a mut Leader,
    term: Term,
    head: State,
}

impl Leader {
    /// Runs until `stop`.
    pub async fn run(mut self) {
        let mut leadership = self.replica.leadership();
        while !self.stop.is_cancelled() {
            let now = leadership.borrow_and_update().clone();
            if now.leader != Some(self.node) {
                self.wait_for_leadership(&mut leadership).await;
            } else if let Err(error) = self.reign(now.term, &mut leadership).await {
                tracing::info!(term = now.term.0, %error, "the reign is over");
                tokio::time::sleep(REIGN_AGAIN).await;
            }
        }
    }

    /// Turns proposals away until this node leads or stops.
    async fn wait_for_leadership(&mut self, leadership: &mut watch::Receiver<Leadership>) {
        loop {
            tokio::select! {
                () = self.stop.cancelled() => return,
                changed = leadership.changed() => if changed.is_err() || leadership.borrow().leader == Some(self.node) { return },
                ask = self.asks.recv() => match ask {
                    Some(ask) => turn_away(ask, leadership.borrow().leader),
                    None => return,
                },
            }
        }
    }

    async fn reign(&mut self, term: Term, leadership: &mut watch::Receiver<Leadership>) -> Result<(), ReplicaError> {
        self.replica.barrier(term).await?;
        let head = self.replica.fold().read(Clone::clone);
        self.hearing.begin_reign(self.clock.now());
        let mut reign = Reign { leader: self, term, head };
        reign.open().await?;
        loop {
            let mut asks = vec![];
            tokio::select! {
                () = reign.leader.stop.cancelled() => return Ok(()),
                changed = leadership.changed() => {
                    let now = leadership.borrow_and_update().clone();
                    if changed.is_err() || now.leader != Some(reign.leader.node) || now.term != term {
                        return Ok(());
                    }
                }
                received = reign.leader.asks.recv_many(&mut asks, ASKS_PER_BATCH) => if received == 0 { return Ok(()) },
                () = tokio::time::sleep(TICK) => {}
            }
            reign.turn(asks).await?;
        }
    }
}

impl Reign<'_> {
    /// Writes `LEADER_ELECTED`, and the cluster's first command when there is no cluster yet. A second reign in the same
    /// term finds its record written.
    async fn open(&mut self) -> Result<(), ReplicaError> {
        if self.head.leadership.current().is_none_or(|known| known.term < self.term) {
            self.announce().await?;
        }
        let genesis = self.leader.genesis.clone().filter(|_| self.head.cluster.get().is_none());
        let Some(genesis) = genesis else { return Ok(()) };
        let proposal = self.own_proposal(genesis);
        let mut batch = Batch::default();
        self.admit(proposal, &mut batch);
        if let Some(Outcome::Refused { message, .. }) = batch.outcomes.first() {
            tracing::error!(message, "the cluster's first command was refused");
        }
        self.append(batch.drafts).await
    }

    async fn announce(&mut self) -> Result<(), ReplicaError> {
        let node = self.leader.node;
        let previous = self.head.leadership.current().map(|leader| leader.leader);
        let elected = LeaderElected { leader: node, term: self.term, previous };
        tracing::info!(term = self.term.0, seq = self.head.seq.0, "leading");
        let mut opening = Batch::default();
        let draft = self.draft(&Decision { event: elected.into(), caused_by: vec![] }, None);
        self.add(draft, &mut opening);
        self.append(opening.drafts).await
    }

    /// Admits what was asked, lets the policies decide, appends it all as one batch, and answers.
    async fn turn(&mut self, asks: Vec<Ask>) -> Result<(), ReplicaError> {
        let mut batch = Batch::default();
        let mut replies = vec![];
        for ask in asks {
            let from = batch.outcomes.len();
            for proposal in ask.proposals {
                self.admit(proposal, &mut batch);
            }
            replies.push((ask.reply, from..batch.outcomes.len()));
        }
        self.decide(&mut batch);
        let appended = self.append(batch.drafts).await;
        for (reply, range) in replies {
            let outcomes = batch.outcomes[range].to_vec();
            reply.send(if appended.is_ok() { outcomes } else { unknown(outcomes) }).ok();
        }
        appended
    }

    /// Checks one proposal against the head and adds its records to the batch.
    fn admit(&mut self, proposal: Proposal, batch: &mut Batch) {
        let outcome = match admit(&self.head, &proposal, self.leader.clock.now()) {
            Ok(decisions) => {
                for decision in &decisions {
                    let draft = self.draft(decision, Some(&proposal));
                    self.add(draft, batch);
                }
                Outcome::Admitted { last: self.head.seq }
            }
            Err(Refusal::Duplicate { .. }) => Outcome::Already,
            Err(refusal) => {
                tracing::debug!(origin = %proposal.origin, code = refusal.code(), %refusal, "proposal refused");
                Outcome::Refused { code: refusal.code().to_owned(), message: refusal.to_string() }
            }
        };
        batch.outcomes.push(outcome);
    }

    /// Lets the policies decide until none wants more, then digests the state if that is due.
    fn decide(&mut self, batch: &mut Batch) {
        for _ in 0..POLICY_ROUNDS_MAX {
            let decisions = self.leader.hearing.with(|liveness| {
                let now = self.leader.clock.now();
                let view = View { state: &self.head, now, liveness, leader: self.leader.node, term: self.term };
                policy::decide_all(&view)
            });
            let membership = self.membership_decision();
            if decisions.is_empty() && membership.is_none() {
                break;
            }
            for decision in decisions.into_iter().chain(membership) {
                let draft = self.draft(&decision, None);
                self.add(draft, batch);
            }
            if batch.drafts.len() >= BATCH_RECORDS_MAX {
                break;
            }
        }
        let digest = self.leader.hearing.with(|liveness| {
            let now = self.leader.clock.now();
            policy::digest::decide(&View {
                state: &self.head,
                now,
                liveness,
                leader: self.leader.node,
                term: self.term,
            })
        });
        if let Some(decision) = digest {
            let draft = self.draft(&decision, None);
            self.add(draft, batch);
        }
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

    fn add(&mut self, draft: Draft, batch: &mut Batch) {
        let record = Record { seq: self.head.seq.next(), term: self.term, draft };
        self.head.apply(&record);
        batch.drafts.push(record.draft);
    }

    fn draft(&self, decision: &Decision, proposal: Option<&Proposal>) -> Draft {
        let now = self.leader.clock.now();
        let recorded_at = now.max(self.head.recorded_at);
        let mut caused_by = decision.caused_by.clone();
        caused_by.extend(proposal.iter().flat_map(|proposal| &proposal.caused_by));
        caused_by.sort_unstable();
        caused_by.dedup();
        Draft {
            recorded_at,
            observed_at: proposal.map_or(now, |proposal| proposal.observed_at),
            origin: proposal.map_or(self.leader.node, |proposal| proposal.origin),
            origin_seq: proposal.map_or(0, |proposal| proposal.origin_seq),
            caused_by,
            event: decision.event.clone(),
        }
    }

    fn own_proposal(&self, command: Command) -> Proposal {
        let observed_at = self.leader.clock.now();
        Proposal { origin: self.leader.node, origin_seq: 0, observed_at, caused_by: vec![], command }
    }

    /// Commits a batch that the head already holds. After an error the head is worthless and the reign is over.
    async fn append(&mut self, drafts: Vec<Draft>) -> Result<(), ReplicaError> {
        if drafts.is_empty() {
            return Ok(());
        }
        let applied = self.leader.replica.append(self.term, &drafts).await?;
        match applied.last == self.head.seq {
            true => Ok(()),
            // Somebody else's records came between: the head is not what the log says.
            false => Err(ReplicaError::NotLeader { leader: None }),
        }
    }
}

/// What one turn has gathered.
#[derive(Default)]
struct Batch {
    drafts: Vec<Draft>,
    outcomes: Vec<Outcome>,
}

fn turn_away(ask: Ask, leader: Option<NodeId>) {
    let outcomes = vec![Outcome::Unavailable { leader }; ask.proposals.len()];
    ask.reply.send(outcomes).ok();
}

/// After a failed append nobody knows whether the batch will be committed; refusals stand.
fn unknown(outcomes: Vec<Outcome>) -> Vec<Outcome> {
    outcomes
        .into_iter()
        .map(|outcome| match outcome {
            Outcome::Admitted { .. } => Outcome::Unavailable { leader: None },
            other => other,
        })
        .collect()
}
