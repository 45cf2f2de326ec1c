//! The golden log of format version 1: every later build replays it, and this one writes the same bytes.
//!
//! A released golden log is never changed; a new format gets a folder of its own. Where the folder is missing,
//! `KIFU_BLESS=1 cargo test --test log golden` writes it.

use std::path::{Path, PathBuf};

use bytes::Bytes;
use kifu::event::artifacts::{ArtifactKind, ArtifactStored};
use kifu::event::cluster::*;
use kifu::event::config::{ClusterConfig, ConfigChanged, PromotionGate, SelfPlayConfig};
use kifu::event::config_v1::{Config, DatasetConfig, GauntletConfig};
use kifu::event::jobs::*;
use kifu::event::models::{ModelInitialized, ModelPromoted};
use kifu::event::training::TrainRecipe;
use kifu::event::*;
use kifu::log::{Log, LogOptions, LogReader, NewEntry, Payload, verify};

use crate::support::folder;

const FIRST: NodeId = NodeId(0x1111_1111_1111_1111);
const SECOND: NodeId = NodeId(0x2222_2222_2222_2222);
/// 2026-01-02T03:04:05Z
const START: u64 = 1_767_323_045_000;

fn golden() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/log-v1")
}

/// Builds entries one after another; a record is `(caused_by, event)`.
struct History {
    entries: Vec<NewEntry>,
    at: u64,
    next_seq: u64,
}

impl History {
    fn push(&mut self, term: u64, leader: NodeId, payload: Payload) {
        self.entries.push(NewEntry { index: self.entries.len() as u64, term: Term(term), leader, payload });
    }

    fn records(&mut self, term: u64, leader: NodeId, records: Vec<(&[u64], Event)>) {
        let mut bytes = vec![];
        let count = records.len() as u32;
        for (causes, event) in records {
            self.at += 250;
            let caused_by = causes.iter().copied().map(Seq).collect();
            let (recorded_at, observed_at) = (Millis(self.at), Millis(self.at - 3));
            let origin_seq = self.next_seq;
            Draft { recorded_at, observed_at, origin: leader, origin_seq, caused_by, event }.encode_for(1, &mut bytes);
            self.next_seq += 1;
        }
        self.push(term, leader, Payload::Records { count, bytes: Bytes::from(bytes) });
    }
}

fn joined(node: NodeId, name: &str) -> Event {
    let fingerprint = Hash::of(name.as_bytes());
    NodeJoined { node, name: name.to_owned(), address: format!("{name}.example:7100"), fingerprint, token: None }.into()
}

fn history() -> Vec<NewEntry> {
    let mut history = History { entries: vec![], at: START, next_seq: 1 };
    founding(&mut history);
    first_model(&mut history);
    lost_lease(&mut history);
    history.entries
}

fn founding(history: &mut History) {
    history.push(0, NodeId(0), Payload::Membership(Bytes::from_static(b"voters: 1111111111111111")));
    history.push(1, FIRST, Payload::Blank);
    let elected = LeaderElected { leader: FIRST, term: Term(1), previous: None };
    history.records(1, FIRST, vec![(&[], elected.into())]);
    let created = ClusterCreated { cluster: ClusterId::new("golden"), name: "golden".to_owned(), ca: Hash::of(b"ca") };
    let changed = ConfigChanged { config: config().into(), actor: "golden".to_owned() };
    let voters = VotersChanged { voters: vec![FIRST], learners: vec![] };
    let first = vec![
        (&[][..], created.into()),
        (&[2], joined(FIRST, "n1")),
        (&[2], changed.into()),
        (&[2], voters.into()),
        (&[], HostOnline { host: FIRST, incarnation: START, slots: 2 }.into()),
    ];
    history.records(1, FIRST, first);
    history.records(1, FIRST, vec![(&[], joined(SECOND, "n2"))]);
    history.records(1, FIRST, vec![(&[], HostOnline { host: SECOND, incarnation: START, slots: 1 }.into())]);
}

/// The configuration of the golden log as it was written then, spelled out: the defaults may change, this may not.
fn config() -> Config {
    Config {
        game: Some(GameKey("connect4".to_owned())),
        generations: 4,
        seed: 1,
        net: "tiny".to_owned(),
        self_play: SelfPlayConfig { games: 480, games_per_job: 40, simulations: 48, considered: 7, sampled_plies: 10 },
        dataset: DatasetConfig { window: 3, quality_min: Real(500_000) },
        train: TrainRecipe {
            steps: 300,
            batch: 256,
            learning_rate: Real(50_000),
            warmup_steps: 20,
            momentum: Real(900_000),
            weight_decay: Real(100),
            value_weight: Real::ONE,
            gradient_norm_max: Real(5 * Real::SCALE),
        },
        gauntlet: GauntletConfig {
            simulations: 48,
            considered: 7,
            opening_plies: 4,
            alpha_beta_depth: 4,
            random_pairs: 20,
            alpha_beta_pairs: 20,
            champion_pairs: 60,
            pairs_per_job: 10,
            exam_random_pairs: 100,
            exam_origin_pairs: 60,
        },
        gate: PromotionGate { champion_low_min: Real(500_000), random_rate_min: Real(900_000), games_min: 40 },
        cluster: ClusterConfig {
            host_timeout_ms: 3_000,
            lease_ms: 15_000,
            attempts_max: 5,
            copies_min: 2,
            digest_every: 200,
        },
    }
}

fn first_model(history: &mut History) {
    let job = JobId::new("init-g0");
    let spec = InitModelSpec { game: GameKey("connect4".to_owned()), net: "tiny".to_owned(), seed: 7 };
    history.records(1, FIRST, vec![(&[4], queued(&job, JobSpec::InitModel(spec)))]);
    history.records(1, FIRST, vec![(&[9], JobClaimed { job: job.clone(), host: FIRST, attempt: 1 }.into())]);
    history.records(1, FIRST, vec![(&[10], JobStarted { job: job.clone(), host: FIRST, token: Seq(10) }.into())]);
    let (model, weights) = (ModelId::new("connect4-g0-5eed5eed"), Hash::of(b"weights"));
    let stored = ArtifactStored { artifact: weights, kind: ArtifactKind::Model, bytes: 70_000, host: FIRST };
    let initialized = ModelInitialized {
        model: model.clone(),
        game: GameKey("connect4".to_owned()),
        weights,
        net: "tiny".to_owned(),
        parameters: 17_000,
    };
    let completed = JobCompleted { job, host: FIRST, token: Seq(10), elapsed_ms: 480 };
    let gate = config().gate;
    let promoted = ModelPromoted { model, generation: 0, previous: None, gauntlet: None, evidence: vec![], gate };
    let done = vec![
        (&[11][..], stored.into()),
        (&[11], initialized.into()),
        (&[11], completed.into()),
        (&[13], promoted.into()),
    ];
    history.records(1, FIRST, done);
}

fn lost_lease(history: &mut History) {
    let job = JobId::new("selfplay-g1-1");
    let spec = SelfPlaySpec {
        game: GameKey("connect4".to_owned()),
        generation: 1,
        model: ModelId::new("connect4-g0-5eed5eed"),
        weights: Hash::of(b"weights"),
        games: 40,
        seed: 11,
        search: SearchRecipe { simulations: 48, considered: 7, gumbel_scale: Real::ONE },
        sampled_plies: 10,
    };
    history.records(1, FIRST, vec![(&[15], queued(&job, JobSpec::SelfPlay(spec)))]);
    history.records(1, FIRST, vec![(&[16], JobClaimed { job: job.clone(), host: FIRST, attempt: 1 }.into())]);
    history.push(2, SECOND, Payload::Blank);
    let elected = LeaderElected { leader: SECOND, term: Term(2), previous: Some(FIRST) };
    history.records(2, SECOND, vec![(&[], elected.into())]);
    history.at += 5_000;
    let offline = HostOffline { host: FIRST, last_heard_at: Millis(START + 4_000), reason: OfflineReason::Silent };
    let expired = JobLeaseExpired { job: job.clone(), host: FIRST, token: Seq(17) };
    history.records(2, SECOND, vec![(&[], offline.into()), (&[17, 19], expired.into())]);
    history.records(2, SECOND, vec![(&[20], JobClaimed { job, host: SECOND, attempt: 2 }.into())]);
}

fn queued(job: &JobId, spec: JobSpec) -> Event {
    JobQueued { job: job.clone(), spec, priority: 10, lease_ms: 15_000, attempts_max: 5, avoid: vec![] }.into()
}

fn write(folder: &Path) {
    let options = LogOptions { segment_bytes: 4096, ..LogOptions::new(Hash::of(b"cluster/golden")) };
    let (log, _) = Log::open(folder, options).expect("a new log");
    crate::support::append_each(&log, history());
}

fn files(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let files = std::fs::read_dir(folder).expect("fixtures/log-v1 is missing: see the top of this file");
    let mut files: Vec<_> = files
        .map(|file| file.expect("readable").path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "seg"))
        .map(|path| {
            (path.file_name().expect("a file").to_string_lossy().into_owned(), std::fs::read(&path).expect("readable"))
        })
        .collect();
    files.sort();
    files
}

#[test]
fn this_build_writes_the_golden_log_byte_for_byte() {
    let folder = folder();
    write(folder.path());
    let written = files(folder.path());
    if std::env::var_os("KIFU_BLESS").is_some() && !golden().exists() {
        std::fs::create_dir_all(golden()).expect("writable");
        for (name, bytes) in &written {
            std::fs::write(golden().join(name), bytes).expect("writable");
        }
    }
    let golden = files(&golden());
    let names = |files: &[(String, Vec<u8>)]| files.iter().map(|(name, _)| name.clone()).collect::<Vec<_>>();
    assert_eq!(names(&written), names(&golden));
    for ((name, written), (_, golden)) in written.iter().zip(&golden) {
        let differs = written.iter().zip(golden).position(|(left, right)| left != right);
        assert_eq!((differs, written.len()), (None, golden.len()), "{name}");
    }
}

#[test]
fn this_build_replays_the_golden_log() {
    let report = verify(&golden(), &mut |_, _| {}).expect("a log");
    assert_eq!(report.problems, vec![]);
    assert_eq!((report.entries, report.records, report.terms), (16, 21, 2));
    let reader = LogReader::open(&golden()).expect("a log");
    let records: Vec<_> = reader.records(Seq(1)).expect("a segment").map(|record| record.expect("whole")).collect();
    let expected = history().into_iter().flat_map(|entry| {
        let records: Vec<_> = kifu::event::record::records(entry.payload.content())
            .filter(|_| entry.payload.count() > 0)
            .map(|raw| raw.expect("whole").bytes().to_vec())
            .collect();
        records
    });
    assert_eq!(records.iter().map(|record| record.bytes().to_vec()).collect::<Vec<_>>(), expected.collect::<Vec<_>>());
    records.iter().for_each(|record| drop(record.decode().expect("every released kind is known")));
}
