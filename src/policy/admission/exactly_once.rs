//! Whoever comes and goes: no proposal counts twice, and the table that sees to it holds members and producers only.

use std::collections::BTreeMap;

use proptest::prelude::*;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};

use super::admit;
use crate::event::cluster::{TokenCreated, VotersChanged};
use crate::event::command::{JoinNode, RecordNote, RegisterProducer, RemoveMember};
use crate::event::membership::ClusterVersionRaised;
use crate::event::samples::{hash, sample};
use crate::event::{Command, Draft, Kind, Millis, NodeId, Proposal, Record, Term, TokenId};
use crate::policy::testing::{Given, joined};
use crate::projection::State;
use crate::projection::producers::PRODUCERS_MAX;
use crate::projection::testing::record;

/// Keys that come and go.
const NODES: u64 = 6;
/// Below the ids of producers.
const PRODUCER: u64 = 1_000;
/// The producers among whom those that speak are drawn: the first to be forgotten, and those that come.
const PRODUCERS: u64 = 12;

/// A cluster with its senders, each of which may repeat whatever it ever sent.
struct World {
    rng: ChaCha8Rng,
    state: State,
    /// Every numbered proposal ever sent, and how often it was admitted.
    sent: Vec<(Proposal, u32)>,
    /// The last number of each sender.
    last: BTreeMap<NodeId, u64>,
    /// Producers that ever registered.
    producers: u64,
    now: Millis,
}

impl World {
    /// One member, and nearly as many producers as are remembered; each has said something.
    fn new(seed: u64) -> World {
        let voters = VotersChanged { voters: vec![NodeId(1)], learners: vec![] };
        let raised = ClusterVersionRaised { from: 1, to: 2 };
        let first = [sample(Kind::ClusterCreated), joined(1), voters.into(), raised.into()];
        let state = State::fold(&(1..).zip(first).map(|(seq, event)| record(seq, event)).collect::<Vec<_>>());
        let (rng, now) = (ChaCha8Rng::seed_from_u64(seed), state.recorded_at);
        let mut world = World { rng, state, sent: vec![], last: BTreeMap::new(), producers: 0, now };
        for _ in 0..PRODUCERS_MAX - 2 {
            world.register();
            world.send(NodeId(PRODUCER + world.producers), note());
        }
        assert!(world.sent.iter().all(|(_, admitted)| *admitted == 1));
        world
    }

    fn draw(&mut self, below: u64) -> u64 {
        u64::from(self.rng.next_u32()) % below
    }

    /// Proposes, and records what is decided. Whether it was admitted.
    fn propose(&mut self, proposal: &Proposal) -> bool {
        self.now = self.now.plus(1);
        let Ok(decisions) = admit(&self.state, proposal, self.now) else { return false };
        for decision in decisions {
            let draft = Draft {
                recorded_at: self.now,
                observed_at: self.now,
                origin: proposal.origin,
                origin_seq: proposal.origin_seq,
                caused_by: decision.caused_by,
                event: decision.event,
            };
            self.state.apply(&Record { seq: self.state.seq.next(), term: Term(1), draft });
        }
        true
    }

    fn ask(&mut self, origin: NodeId, command: Command) -> bool {
        self.propose(&Proposal { origin, origin_seq: 0, observed_at: self.now, caused_by: vec![], command })
    }

    /// A key asks to be let in, with a new token, by a proposal that it numbers itself.
    fn join(&mut self, key: u64) {
        let name = format!("key{key}");
        let (fingerprint, secret) = (hash(&name), hash("secret"));
        let token = TokenId::new(format!("{:016x}", self.state.seq.0));
        let created =
            TokenCreated { token: token.clone(), secret, expires_at: self.now.plus(1_000_000), actor: "ada".into() };
        self.state.apply(&record(self.state.seq.0 + 1, created));
        let (node, address) = (NodeId::of(&fingerprint), "127.0.0.1:7001".to_owned());
        let join = JoinNode { node, name, address, fingerprint, token: Some(token), secret };
        self.send(node, Command::JoinNode(join));
    }

    fn register(&mut self) {
        self.producers += 1;
        let producer = NodeId(PRODUCER + self.producers);
        let register = RegisterProducer { producer, name: "watch".into(), actor: "ada".into() };
        assert!(self.ask(NodeId(1), Command::RegisterProducer(register)));
    }

    /// A sender's next numbered proposal.
    fn send(&mut self, origin: NodeId, command: Command) {
        let last = self.last.entry(origin).or_default();
        *last += 1;
        let proposal = Proposal { origin, origin_seq: *last, observed_at: self.now, caused_by: vec![], command };
        let admitted = self.propose(&proposal);
        self.sent.push((proposal, u32::from(admitted)));
    }

    fn step(&mut self) {
        let key = self.draw(NODES);
        let node = NodeId::of(&hash(&format!("key{key}")));
        match self.draw(8) {
            0 => self.join(key),
            1 => {
                let remove = RemoveMember { node, forced: true, actor: "ada".into() };
                self.ask(NodeId(1), Command::RemoveMember(remove));
            }
            2 => self.register(),
            3 => {
                let early = self.draw(2) == 0;
                let number = if early { self.draw(PRODUCERS) } else { self.producers - self.draw(PRODUCERS) };
                self.send(NodeId(PRODUCER + number), note());
            }
            4 | 5 => self.send(node, note()),
            _ => {
                let among = if self.draw(2) == 0 { self.sent.len() as u64 } else { 30 };
                let index = self.sent.len() - 1 - self.draw(among) as usize;
                let proposal = self.sent[index].0.clone();
                self.sent[index].1 += u32::from(self.propose(&proposal));
            }
        }
    }
}

fn note() -> Command {
    Command::RecordNote(RecordNote { actor: "ada".into(), text: "x".into() })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whoever_comes_and_goes_no_proposal_counts_twice_and_the_table_stays_bounded(seed: u64) {
        let mut world = World::new(seed);
        for _ in 0..200 {
            world.step();
            let state = &world.state;
            let known = |origin: &NodeId| state.hosts.is_member(*origin) || state.producers.get(*origin).is_some();
            prop_assert!(state.dedupe.table.iter().all(|(origin, _)| known(origin)));
            prop_assert!(state.dedupe.table.len() <= state.hosts.table.len() + PRODUCERS_MAX);
            prop_assert!(world.sent.iter().all(|(_, admitted)| *admitted <= 1), "{:?}", world.sent);
        }
    }
}

#[test]
fn what_a_removed_member_still_sends_is_refused_whatever_its_number() {
    let remove = RemoveMember { node: NodeId(2), forced: true, actor: "ada".into() };
    let given = Given::events([sample(Kind::ClusterCreated), joined(1), joined(2)]);
    let voters = VotersChanged { voters: vec![NodeId(1)], learners: vec![NodeId(2)] };
    let mut given = given.and(voters).and(ClusterVersionRaised { from: 1, to: 2 });
    let mut said = record(6, sample(Kind::NoteRecorded));
    (said.draft.origin, said.draft.origin_seq) = (NodeId(2), 7);
    given.state.apply(&said);
    given.clone().when_numbered(2, 7, note()).refused("duplicate");
    let given = given.when(1, Command::RemoveMember(remove)).applied();
    assert_eq!(given.state.dedupe.last(NodeId(2)), 0);
    for number in [0, 7, 8] {
        given.clone().when_numbered(2, number, note()).refused("not_a_member");
    }
}
