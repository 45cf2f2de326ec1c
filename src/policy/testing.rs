//! Given/when/then for decisions: events in, a command or a policy, events out.

use super::admission::{Refusal, admit};
use super::liveness::{Build, Liveness};
use super::view::{Decision, View};
use crate::event::cluster::{HostOnline, NodeJoined};
use crate::event::config::ConfigChanged;
use crate::event::evaluation::{GauntletStarted, MatchPlan, MatchesPlayed};
use crate::event::games::{GamesTally, GamesVerified};
use crate::event::jobs::{Contender, ExternalSpec, JobQueued, JobSpec};
use crate::event::quality::QualityScoreUpdated;
use crate::event::samples::{self, hash, sample, specs};
use crate::event::{Command, Event, GauntletId, Hash, JobId, Kind, Millis, ModelId, NodeId, Proposal, Real, Seq, Term};
use crate::projection::State;
use crate::projection::testing::{given, record};

/// A state, what the leader has heard, and the time.
#[derive(Clone, Debug)]
pub(crate) struct Given {
    pub(crate) state: State,
    pub(crate) liveness: Liveness,
    pub(crate) now: Millis,
}

/// What was decided in it.
#[derive(Clone, Debug)]
pub(crate) struct Decided {
    given: Given,
    result: Result<Vec<Decision>, Refusal>,
}

impl Given {
    /// Records from position 1 on, one a second; it is now the time of the last one.
    pub(crate) fn events(events: impl IntoIterator<Item = Event>) -> Given {
        let state = given(events);
        let now = state.recorded_at;
        Given { state, liveness: Liveness::new(Millis(0)), now }
    }

    /// One more record: now, or a second after the one before it.
    pub(crate) fn and(mut self, event: impl Into<Event>) -> Given {
        let mut record = record(self.state.seq.0 + 1, event);
        record.draft.recorded_at = record.draft.recorded_at.max(self.now);
        self.now = record.draft.recorded_at;
        self.state.apply(&record);
        self
    }

    /// More records.
    pub(crate) fn and_all(self, events: impl IntoIterator<Item = Event>) -> Given {
        events.into_iter().fold(self, Given::and)
    }

    pub(crate) fn at(mut self, now: u64) -> Given {
        self.now = Millis(now);
        self
    }

    pub(crate) fn later(mut self, ms: u64) -> Given {
        self.now = self.now.plus(ms);
        self
    }

    pub(crate) fn leading_since(mut self, at: u64) -> Given {
        self.liveness.leading_since = Millis(at);
        self
    }

    pub(crate) fn heard(mut self, host: NodeId, incarnation: u64, slots: u32, at: u64) -> Given {
        self.liveness.hear(host, incarnation, slots, [], Millis(at));
        self
    }

    pub(crate) fn running(mut self, host: NodeId, incarnation: u64, job: &str, token: u64, at: u64) -> Given {
        self.liveness.hear(host, incarnation, 1, [(JobId::new(job), Seq(token))], Millis(at));
        self
    }

    /// What a host that was heard says about its build: the format version that it reads, and its position.
    pub(crate) fn build(mut self, host: u64, format: u32, seq: u64) -> Given {
        let incarnation = self.liveness.hosts[&NodeId(host)].incarnation;
        self.liveness.note_build(NodeId(host), incarnation, Build { format, seq: Seq(seq), halted: false });
        self
    }

    pub(crate) fn goodbye(mut self, host: NodeId, incarnation: u64, at: u64) -> Given {
        self.liveness.goodbye(host, incarnation, Millis(at));
        self
    }

    /// Asks a policy.
    pub(crate) fn decide(self, policy: impl Fn(&View) -> Vec<Decision>) -> Decided {
        let view =
            View { state: &self.state, now: self.now, liveness: &self.liveness, leader: NodeId(1), term: Term(1) };
        let result = Ok(policy(&view));
        Decided { given: self, result }
    }

    /// Proposes a command that is not numbered.
    pub(crate) fn when(self, origin: u64, command: Command) -> Decided {
        self.when_numbered(origin, 0, command)
    }

    /// Proposes a command.
    pub(crate) fn when_numbered(self, origin: u64, origin_seq: u64, command: Command) -> Decided {
        let proposal =
            Proposal { origin: NodeId(origin), origin_seq, observed_at: self.now, caused_by: vec![], command };
        let result = admit(&self.state, &proposal, self.now);
        Decided { given: self, result }
    }
}

impl Decided {
    #[track_caller]
    pub(crate) fn decisions(&self) -> &[Decision] {
        self.result.as_ref().expect("decisions")
    }

    pub(crate) fn state(&self) -> &State {
        &self.given.state
    }

    /// Exactly these events, each as `KIND {body}`.
    #[track_caller]
    pub(crate) fn then(self, expected: &[&str]) -> Decided {
        let found = self.decisions().iter().map(|decision| (decision.event.kind(), decision.event.body_json()));
        let read = |line: &&str| {
            let (kind, body) = line.split_once(' ').expect("a kind and a body");
            (kind.parse::<Kind>().expect("a kind"), serde_json::from_str(body).expect("a body as JSON"))
        };
        let expected: Vec<(Kind, serde_json::Value)> = expected.iter().map(read).collect();
        assert_eq!(found.collect::<Vec<_>>(), expected);
        self
    }

    /// Exactly these kinds.
    #[track_caller]
    pub(crate) fn then_kinds(self, expected: &[&str]) -> Decided {
        let found: Vec<&str> = self.decisions().iter().map(|decision| decision.event.kind().name()).collect();
        assert_eq!(found, expected);
        self
    }

    /// Exactly these events, each as its kind and the named fields.
    #[track_caller]
    pub(crate) fn then_fields(&self, expected: &[&str], fields: &[&str]) -> Decided {
        let line = |decision: &Decision| {
            let body = decision.event.body_json();
            let shown = fields.iter().map(|field| match body.pointer(&format!("/{}", field.replace('.', "/"))) {
                Some(serde_json::Value::String(text)) => text.clone(),
                Some(value) => value.to_string(),
                None => format!("no {field}"),
            });
            std::iter::once(decision.event.kind().to_string()).chain(shown).collect::<Vec<_>>().join(" ")
        };
        let found: Vec<String> = self.decisions().iter().map(line).collect();
        assert_eq!(found, expected);
        self.clone()
    }

    /// The causes of one decision.
    #[track_caller]
    pub(crate) fn caused_by(self, index: usize, causes: &[u64]) -> Decided {
        let causes: Vec<Seq> = causes.iter().copied().map(Seq).collect();
        assert_eq!(self.decisions()[index].caused_by, causes);
        self
    }

    /// The command was refused with this code.
    #[track_caller]
    pub(crate) fn refused(self, code: &str) -> Given {
        let refusal = self.result.as_ref().expect_err("a refusal");
        assert_eq!(refusal.code(), code, "{refusal}");
        self.given
    }

    /// The state after the decisions.
    #[track_caller]
    pub(crate) fn applied(self) -> Given {
        let events: Vec<Event> = self.decisions().iter().map(|decision| decision.event.clone()).collect();
        self.given.and_all(events)
    }

    /// The state after the decisions, in which the policy decides nothing more.
    #[track_caller]
    pub(crate) fn settled(self, policy: impl Fn(&View) -> Vec<Decision>) -> Given {
        let now = self.given.now;
        let mut given = self.applied();
        given.now = now;
        given.clone().decide(policy).then(&[]);
        given
    }
}

/// `NODE_JOINED` of node `id`, called `n<id>`.
pub(crate) fn joined(id: u64) -> Event {
    let fingerprint = hash(&format!("key {id}"));
    let (node, name, address) = (NodeId(id), format!("n{id}"), format!("127.0.0.1:{}", 7_000 + id));
    NodeJoined { node, name, address, fingerprint, token: None }.into()
}

/// `HOST_ONLINE` with one slot.
pub(crate) fn online(id: u64, incarnation: u64) -> Event {
    HostOnline { host: NodeId(id), incarnation, slots: 1 }.into()
}

/// `JOB_QUEUED` for the program `p`.
pub(crate) fn external_job(name: &str) -> Event {
    let spec = JobSpec::External(ExternalSpec { program: "p".into(), params: "{}".into(), inputs: vec![] });
    let job = JobId::new(name);
    JobQueued { job, spec, priority: 0, lease_ms: 15_000, attempts_max: 5, avoid: vec![] }.into()
}

/// `CONFIG_CHANGED` to the samples' configuration with this many games a generation.
pub(crate) fn config(games: u32) -> Event {
    let mut config = samples::config();
    config.self_play.games = games;
    ConfigChanged { config, actor: "ada".into() }.into()
}

/// Two online hosts, generation 0 as champion, generation 1 open.
pub(crate) fn generation_one(config: Event) -> Given {
    let Event::ModelInitialized(origin) = sample(Kind::ModelInitialized) else { unreachable!() };
    let Event::ModelPromoted(mut promoted) = sample(Kind::ModelPromoted) else { unreachable!() };
    (promoted.model, promoted.generation) = (origin.model.clone(), 0);
    (promoted.previous, promoted.gauntlet, promoted.evidence) = (None, None, vec![]);
    let hosts = [joined(1), online(1, 1), joined(2), online(2, 1)];
    let models = [config, init_queued(), origin.into(), promoted.into(), sample(Kind::GenerationOpened)];
    Given::events(hosts.into_iter().chain(models))
}

/// As [`generation_one`], with a trained candidate.
pub(crate) fn candidate_one(config: Event) -> Given {
    let kinds = [Kind::DatasetSealed, Kind::TrainingTriggered, Kind::TrainingCompleted];
    generation_one(config).and_all(kinds.map(sample))
}

fn init_queued() -> Event {
    let job = JobId::new("init_model-connect4-1");
    let spec = samples::specs().swap_remove(2);
    JobQueued { job, spec, priority: 0, lease_ms: 1, attempts_max: 1, avoid: vec![] }.into()
}

/// A batch that was recorded, verified and scored: ten positions a game, `distinct` different games.
pub(crate) fn batch(name: &str, generation: u32, games: u32, distinct: u32) -> Vec<Event> {
    let Event::GamesRecorded(mut recorded) = sample(Kind::GamesRecorded) else { unreachable!() };
    let batch: Hash = hash(name);
    (recorded.batch, recorded.generation, recorded.games) = (batch, generation, games);
    let positions = u64::from(games) * 10;
    let (wins, targets) = (vec![games, 0], positions);
    let tally = GamesTally { games, positions, wins, draws: 0, distinct, targets, simulations: 1 };
    let score = Real::ratio(distinct.into(), games.into());
    vec![
        recorded.into(),
        GamesVerified { batch, host: NodeId(2), tally }.into(),
        QualityScoreUpdated { batch, score, games, coverage: Real::ONE, diversity: score }.into(),
    ]
}

/// A gauntlet in which a model won so many of twenty pairs against random play.
pub(crate) fn rated(model: &ModelId, won: u32) -> Vec<Event> {
    let Event::GauntletStarted(mut started) = sample(Kind::GauntletStarted) else { unreachable!() };
    let Event::MatchesPlayed(played) = sample(Kind::MatchesPlayed) else { unreachable!() };
    let JobSpec::Gauntlet(mut spec) = specs().swap_remove(4) else { unreachable!() };
    let gauntlet = GauntletId::new(format!("connect4-{won}"));
    (started.gauntlet, started.candidate.model) = (gauntlet.clone(), model.clone());
    started.matches = vec![MatchPlan { opponent: Contender::Random, pairs: 20 }];
    (spec.gauntlet, spec.opponent) = (gauntlet.clone(), Contender::Random);
    let job = JobId::new(format!("g{won}"));
    let mut tally = played.tally.clone();
    (tally.wins, tally.draws, tally.losses) = (2 * won, 0, 40 - 2 * won);
    tally.pairs = vec![20 - won, 0, 0, 0, won];
    let played = MatchesPlayed { gauntlet, job: job.clone(), opponent: 0, tally, ..played };
    let spec = JobSpec::Gauntlet(spec);
    let queued = JobQueued { job, spec, priority: 0, lease_ms: 1, attempts_max: 1, avoid: vec![] };
    [GauntletStarted::into(started), queued.into(), played.into()].into()
}
