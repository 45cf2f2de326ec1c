//! A cluster of made-up hosts under the real fold, admission and policies.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;

use super::checks::Checks;
use super::hosts::SimHost;
use crate::event::cluster::{LeaderElected, VotersChanged};
use crate::event::command::{CreateToken, FoundCluster, JoinNode};
use crate::event::config::Config;
use crate::event::{
    ClusterId, Command, Draft, Event, Hash, Millis, NodeId, Proposal, Real, Record, Seq, Term, TokenId, samples,
};
use crate::policy::{Decision, Liveness, Refusal, View, admit, decide_all, digest};
use crate::projection::{State, digests};

/// Rounds after which the policies must have come to rest.
const ROUNDS_MAX: usize = 16;
/// Simulated time between two looks at the cluster.
const TICK_MS: u64 = 100;

/// How much goes wrong.
#[derive(Clone, Copy, Debug)]
pub(super) struct Chaos {
    /// Chance in a thousand, each tick, that a host dies, says goodbye, or the leader changes.
    pub(super) trouble: u32,
    /// Chance in a thousand that a job fails or brings a void result.
    pub(super) bad_results: u32,
    /// Whether every training run fails.
    pub(super) broken_trainer: bool,
}

/// A cluster.
pub(super) struct Cluster {
    pub(super) state: State,
    pub(super) log: Vec<Record>,
    pub(super) liveness: Liveness,
    pub(super) now: Millis,
    pub(super) term: Term,
    pub(super) rng: ChaCha8Rng,
    pub(super) chaos: Chaos,
    pub(super) hosts: Vec<SimHost>,
    nodes: Vec<NodeId>,
    checks: Checks,
}

/// A small campaign of two generations and more.
pub(super) fn config(generations: u32) -> Config {
    let mut config = Config { generations, ..samples::config() };
    (config.self_play.games, config.self_play.games_per_job) = (40, 6);
    config.gauntlet.random_pairs = 10;
    config.gauntlet.alpha_beta_pairs = 10;
    config.judgement.groups_max = 30;
    config.gauntlet.pairs_per_job = 7;
    (config.gauntlet.exam_random_pairs, config.gauntlet.exam_origin_pairs) = (15, 15);
    config.gate.games_min = 16;
    config.dataset.quality_min = Real(500_000);
    (config.cluster.host_timeout_ms, config.cluster.lease_ms) = (1_000, 3_000);
    config.cluster.digest_every = 40;
    config
}

impl Cluster {
    /// A cluster of `size` hosts that has just been created.
    pub(super) fn new(seed: u64, size: u64, chaos: Chaos, config: Config) -> Cluster {
        let mut cluster = Cluster {
            state: State::new(),
            log: vec![],
            liveness: Liveness::default(),
            now: Millis(1_000_000),
            term: Term(0),
            rng: ChaCha8Rng::seed_from_u64(seed),
            chaos,
            hosts: vec![],
            nodes: vec![],
            checks: Checks::default(),
        };
        let nodes: Vec<JoinNode> = (1..=size).map(node).collect();
        cluster.hosts = nodes.iter().map(|node| SimHost::new(node.node)).collect();
        cluster.nodes = nodes.iter().map(|node| node.node).collect();
        cluster.elect();
        let first = nodes[0].node;
        let create = FoundCluster {
            cluster: ClusterId::new("sim"),
            name: "sim".into(),
            ca: Hash::of(b"ca"),
            node: JoinNode { token: None, ..nodes[0].clone() },
            config,
        };
        cluster.must(first, create.into());
        for node in &nodes[1..] {
            let token = node.token.clone().expect("every further node has a token");
            let secret = node.secret;
            cluster
                .must(first, Command::CreateToken(CreateToken { token, secret, ttl_ms: 1_000, actor: "sim".into() }));
            cluster.must(node.node, Command::JoinNode(node.clone()));
        }
        let mut voters: Vec<NodeId> = nodes.iter().map(|node| node.node).collect();
        voters.sort();
        cluster.append_event(VotersChanged { voters, learners: vec![] });
        cluster
    }

    /// Lets a tick pass: hosts act, then the leader decides.
    pub(super) fn tick(&mut self) {
        self.now = self.now.plus(TICK_MS);
        let mut hosts = std::mem::take(&mut self.hosts);
        hosts.iter_mut().for_each(|host| host.act(self));
        self.hosts = hosts;
        self.settle();
    }

    /// Lets the leader decide until nothing is left to decide.
    pub(super) fn settle(&mut self) {
        for _ in 0..ROUNDS_MAX {
            let decisions = decide_all(&self.view());
            if decisions.is_empty() {
                if let Some(decision) = digest::decide(&self.view()) {
                    self.append(NodeId(0), 0, vec![decision]);
                    assert!(decide_all(&self.view()).is_empty(), "a digest gives nothing to decide");
                }
                return;
            }
            self.append(NodeId(0), 0, decisions);
        }
        panic!("the policies do not come to rest at {}: {:?}", self.state.seq, decide_all(&self.view()));
    }

    /// A new leader takes over and has heard nobody.
    pub(super) fn elect(&mut self) {
        self.term = self.term.next();
        self.liveness = Liveness::new(self.now);
        let previous = self.state.leadership.current().map(|row| row.leader);
        let leader = self.nodes[(self.term.0 as usize) % self.nodes.len()];
        self.append_event(LeaderElected { leader, term: self.term, previous });
    }

    /// Proposes a command, and now and then the same proposal again.
    pub(super) fn propose(&mut self, origin: NodeId, origin_seq: u64, command: Command) -> Result<usize, Refusal> {
        let proposal = Proposal { origin, origin_seq, observed_at: self.now, caused_by: vec![], command };
        let decisions = admit(&self.state, &proposal, self.now)?;
        let count = decisions.len();
        self.append(origin, origin_seq, decisions);
        if count > 0 && origin_seq > 0 {
            let again = admit(&self.state, &proposal, self.now);
            assert!(matches!(again, Err(Refusal::Duplicate { .. })), "admitted twice: {proposal:?}");
        }
        Ok(count)
    }

    pub(super) fn view(&self) -> View<'_> {
        let leader = self.state.leadership.current().map_or(NodeId(0), |row| row.leader);
        View { state: &self.state, now: self.now, liveness: &self.liveness, leader, term: self.term }
    }

    fn must(&mut self, origin: NodeId, command: Command) {
        let admitted = self.propose(origin, 0, command);
        assert!(admitted.as_ref().is_ok_and(|count| *count > 0), "{admitted:?}");
    }

    fn append_event(&mut self, event: impl Into<Event>) {
        self.append(NodeId(0), 0, vec![Decision::new(event, [])]);
    }

    fn append(&mut self, origin: NodeId, origin_seq: u64, decisions: Vec<Decision>) {
        for Decision { event, caused_by } in decisions {
            let recorded_at = self.now.max(self.state.recorded_at);
            let draft = Draft { recorded_at, observed_at: self.now, origin, origin_seq, caused_by, event };
            let record = Record { seq: self.state.seq.next(), term: self.term, draft };
            self.checks.before(&record);
            if let Some(differences) = digests::compare(&self.state, &record) {
                assert_eq!(differences, vec![], "a digest is that of the state it covers");
            }
            self.state.apply(&record);
            self.checks.after(&self.state);
            self.log.push(record);
        }
        assert_eq!(self.log.len() as u64, self.state.seq.0);
        assert_ne!(self.state.seq, Seq(0));
    }
}

fn node(number: u64) -> JoinNode {
    let fingerprint = Hash::of(&number.to_be_bytes());
    JoinNode {
        node: NodeId::of(&fingerprint),
        name: format!("n{number}"),
        address: format!("127.0.0.1:{}", 7_000 + number),
        fingerprint,
        token: Some(TokenId::new(number)),
        secret: Hash::of(&[number as u8]),
    }
}
