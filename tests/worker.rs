//! The real worker, spoken to over its stdin and stdout as a node does.
#![cfg(feature = "torch")]

#[path = "worker/checkpoints.rs"]
mod checkpoints;
#[path = "worker/failing_runs.rs"]
mod failing_runs;
#[path = "worker/teacher.rs"]
mod teacher;

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use kifu::event::config::{Config, TrainConfig};
use kifu::event::jobs::{
    Contender, ExternalSpec, GauntletSpec, InitModelSpec, JobKind, JobSpec, ModelContender, SearchRecipe, SelfPlaySpec,
    TrainSpec,
};
use kifu::event::judgement::SeatAttestation;
use kifu::event::training::{TrainRecipe, TrainingPlan, TrainingRecipe};
use kifu::event::{DatasetId, GameKey, GauntletId, Hash, JobId, ModelId, Real, RunId, Seq};
use kifu::game::connect4::problems::Problem;
use kifu::game::record::verify_file;
use kifu::work::protocol::{Assignment, FromWorker, LINE_BYTES_MAX, PROTOCOL, ToWorker, WorkerResult};

const SEARCH: SearchRecipe = SearchRecipe { simulations: 8, considered: 4, gumbel_scale: Real::ONE };

/// A worker with its blobs and scratch folders.
struct Worker {
    child: Child,
    input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
    folder: tempfile::TempDir,
    blobs: BTreeMap<Hash, PathBuf>,
    jobs: u64,
    /// What games of a batch weigh.
    weights: BTreeMap<Hash, Real>,
    /// Whether a teacher plays the games of self-play jobs.
    taught: bool,
    /// Where the node keeps the checkpoints of training jobs.
    checkpoint: Option<PathBuf>,
}

impl Worker {
    /// Starts a worker and hears its hello.
    fn start() -> Worker {
        Worker::start_with(Stdio::inherit(), &[])
    }

    /// The same in 32 bits: two workers that choose the fastest numbers may choose differently, and then their bytes differ.
    fn start_exact() -> Worker {
        Worker::start_with(Stdio::inherit(), &["--precision", "f32"])
    }

    /// The same, with what it logs in `log`, and with these flags.
    fn start_with(log: Stdio, flags: &[&str]) -> Worker {
        let mut child = Command::new(env!("CARGO_BIN_EXE_kifu-worker"))
            .args(flags)
            .env("RUST_LOG", "warn")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(log)
            .spawn()
            .expect("starts");
        let input = child.stdin.take();
        let output = BufReader::new(child.stdout.take().expect("piped"));
        let folder = tempfile::tempdir().expect("a folder");
        let mut worker = Worker {
            child,
            input,
            output,
            folder,
            blobs: BTreeMap::new(),
            jobs: 0,
            weights: BTreeMap::new(),
            taught: false,
            checkpoint: None,
        };
        let FromWorker::Hello { protocol, kinds, .. } = worker.hear() else { panic!("no hello") };
        assert_eq!(protocol, PROTOCOL);
        assert_eq!(kinds, [JobKind::SelfPlay, JobKind::InitModel, JobKind::Train, JobKind::Gauntlet]);
        worker
    }

    /// Writes bytes to stdin; the worker may already be gone.
    fn write(&mut self, bytes: &[u8]) {
        let input = self.input.as_mut().expect("open");
        let _ = input.write_all(bytes).and_then(|()| input.flush());
    }

    fn say(&mut self, message: &ToWorker) {
        let mut line = serde_json::to_vec(message).expect("plain data");
        line.push(b'\n');
        self.write(&line);
    }

    /// The next line.
    fn hear(&mut self) -> FromWorker {
        let mut line = String::new();
        self.output.read_line(&mut line).expect("text");
        serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line:?}"))
    }

    /// Gives the worker a job; a training job with its plan.
    fn assign(&mut self, spec: JobSpec) -> (JobId, Seq, PathBuf) {
        let scratch = self.folder.path().join(format!("scratch-{}", self.jobs + 1));
        fs::create_dir(&scratch).expect("a folder");
        let plan = matches!(spec, JobSpec::Train(_)).then(|| plan(&spec));
        self.assign_planned(spec, plan, scratch)
    }

    /// Gives the worker a job with a plan, in a folder that may hold what an earlier attempt left.
    fn assign_planned(&mut self, spec: JobSpec, plan: Option<TrainingPlan>, scratch: PathBuf) -> (JobId, Seq, PathBuf) {
        self.jobs += 1;
        let (job, token) = (JobId::new(self.jobs), Seq(100 + self.jobs));
        let wanted = |hash: Hash| self.blobs.get(&hash).map(|path| (hash, path.clone()));
        let inputs = spec.inputs().into_iter().filter_map(wanted).collect();
        let assignment = Assignment {
            job: job.clone(),
            token,
            spec,
            plan: plan.map(Box::new),
            inputs,
            scratch: scratch.clone(),
            weights: self.weights.clone(),
            taught: self.taught,
            checkpoint: self.checkpoint.clone(),
        };
        self.say(&ToWorker::Job(Box::new(assignment)));
        (job, token, scratch)
    }

    /// Runs a job to its end: what it brought or why it failed, its scratch folder, and its progress lines.
    fn run(&mut self, spec: JobSpec) -> (Result<WorkerResult, (String, bool)>, PathBuf, Vec<FromWorker>) {
        let assigned = self.assign(spec);
        self.await_end(assigned)
    }

    /// Hears a job to its end.
    fn await_end(
        &mut self,
        assigned: (JobId, Seq, PathBuf),
    ) -> (Result<WorkerResult, (String, bool)>, PathBuf, Vec<FromWorker>) {
        let (wanted, wanted_token, scratch) = assigned;
        let mut progress = Vec::new();
        loop {
            match self.hear() {
                FromWorker::Result { job, token, result } if (&job, token) == (&wanted, wanted_token) => {
                    return (Ok(result), scratch, progress);
                }
                FromWorker::Error { job, token, message, retry } if (&job, token) == (&wanted, wanted_token) => {
                    return (Err((message, retry)), scratch, progress);
                }
                line @ FromWorker::Progress { .. } => progress.push(line),
                other => panic!("unexpected: {other:?}"),
            }
        }
    }

    fn done(&mut self, spec: JobSpec) -> (WorkerResult, PathBuf, Vec<FromWorker>) {
        let (result, scratch, progress) = self.run(spec);
        (result.expect("done"), scratch, progress)
    }

    fn failed(&mut self, spec: JobSpec) -> (String, bool) {
        self.run(spec).0.expect_err("fails")
    }

    /// Makes a file a blob.
    fn store(&mut self, path: &Path) -> Hash {
        let hash = Hash::of(&fs::read(path).expect("there"));
        self.blobs.insert(hash, path.to_owned());
        hash
    }

    fn store_bytes(&mut self, bytes: &[u8]) -> Hash {
        let path = self.folder.path().join(Hash::of(bytes).short());
        fs::write(&path, bytes).expect("written");
        self.store(&path)
    }

    /// Random weights.
    fn init_model(&mut self) -> Hash {
        let (result, scratch, _) = self.done(JobSpec::InitModel(init("tiny")));
        let WorkerResult::Model { file, parameters, samples, progress, .. } = result else { panic!("{result:?}") };
        assert_eq!((parameters, samples, progress), (81_457, 0, None));
        self.store(&scratch.join(file))
    }

    /// The exit code after the end of stdin.
    fn end(mut self) -> Option<i32> {
        drop(self.input.take());
        self.child.wait().expect("ends").code()
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn game() -> GameKey {
    GameKey("connect4".to_owned())
}

fn init(net: &str) -> InitModelSpec {
    InitModelSpec { game: game(), net: net.to_owned(), seed: 1 }
}

fn self_play(weights: Hash, games: u32) -> JobSpec {
    let model = ModelId::new("connect4-g0");
    JobSpec::SelfPlay(SelfPlaySpec {
        game: game(),
        generation: 1,
        model,
        weights,
        games,
        seed: 2,
        search: SEARCH,
        sampled_plies: 4,
    })
}

fn train(parent_weights: Hash, batches: Vec<Hash>, steps: u32) -> JobSpec {
    JobSpec::Train(TrainSpec {
        run: RunId::new("connect4-g1"),
        game: game(),
        generation: 1,
        dataset: DatasetId::new("connect4-g1"),
        batches,
        parent: ModelId::new("connect4-g0"),
        parent_weights,
        recipe: TrainRecipe { steps, batch: 32, ..Config::default().train.before_plans() },
        seed: 3,
    })
}

/// The plan of a training job.
fn plan(job: &JobSpec) -> TrainingPlan {
    let JobSpec::Train(spec) = job else { panic!("not a training job") };
    // Few games: it would stop early.
    let of = &spec.recipe;
    let config =
        TrainConfig { steps: of.steps, batch: of.batch, warmup_steps: of.warmup_steps, ..Config::default().train };
    let mut recipe = config.recipe();
    recipe.validation.patience = 1_000;
    let content: Vec<u8> = spec.batches.iter().flat_map(|batch| batch.0).collect();
    TrainingPlan {
        dataset: spec.dataset.clone(),
        content: Hash::of(&content),
        parent: spec.parent.clone(),
        parent_weights: spec.parent_weights,
        recipe_hash: recipe.hash(),
        recipe,
    }
}

fn gauntlet(weights: Hash, opponent: Contender) -> JobSpec {
    JobSpec::Gauntlet(GauntletSpec {
        gauntlet: GauntletId::new("connect4-g1"),
        game: game(),
        candidate: contender(weights),
        opponent,
        first_pair: 0,
        pairs: 3,
        opening_plies: 4,
        seed: 4,
    })
}

fn contender(weights: Hash) -> ModelContender {
    ModelContender {
        model: ModelId::new("connect4-g1"),
        weights,
        search: SearchRecipe { gumbel_scale: Real::ZERO, ..SEARCH },
    }
}

#[test]
fn a_generation_from_random_weights_to_a_gauntlet() {
    let mut worker = Worker::start();
    let origin = worker.init_model();

    let (result, scratch, _) = worker.done(self_play(origin, 6));
    let WorkerResult::SelfPlay { file, games, positions, simulations } = result else { panic!("{result:?}") };
    let batch = worker.store(&scratch.join(file));
    let records = fs::read(&worker.blobs[&batch]).expect("there");
    let tally = verify_file(&records, "connect4", 0).expect("replays");
    assert_eq!((games, positions, simulations), (tally.games, tally.positions, tally.simulations));
    assert_eq!(games, 6);

    let (result, scratch, progress) = worker.done(train(origin, vec![batch], 5));
    let WorkerResult::Model { file, samples, progress: last, dataset, parent, .. } = result else {
        panic!("{result:?}")
    };
    assert_eq!((dataset, parent), (Some(Hash::of(&batch.0)), Some(origin)), "what it really read");
    let last = last.expect("trained");
    assert_eq!((samples, last.step, last.steps), (tally.targets, 5, 5));
    let reports = |line: &FromWorker| matches!(line, FromWorker::Progress { training: Some(it), .. } if *it == last);
    assert!(progress.iter().any(reports), "{progress:?}");
    let candidate = worker.store(&scratch.join(file));
    assert_ne!(candidate, origin);

    for opponent in [Contender::Random, Contender::AlphaBeta(2), Contender::Model(contender(origin))] {
        let is_model = matches!(opponent, Contender::Model(_));
        let (result, ..) = worker.done(gauntlet(candidate, opponent));
        let WorkerResult::Gauntlet { wins, draws, losses, pairs, candidate_weights, candidate_leaves, games } = result
        else {
            panic!("{result:?}")
        };
        assert_eq!(wins + draws + losses, 6);
        assert_eq!(pairs.iter().sum::<u32>(), 3);
        assert_eq!(candidate_weights, candidate);
        assert!(candidate_leaves > 0);
        let nets = if is_model { 2 } else { 1 };
        let asked = |seat: &&SeatAttestation| seat.weights.is_some() && seat.leaves > 0;
        assert_eq!(games.len(), 6);
        assert!(games.iter().all(|game| game.seats.iter().filter(asked).count() == nets), "{games:?}");
    }
    assert_eq!(worker.end(), Some(0));
}

#[test]
fn the_same_job_brings_the_same_bytes() {
    let mut worker = Worker::start();
    let weights = worker.init_model();
    assert_eq!(worker.init_model(), weights);
    let mut play = || {
        let (result, scratch, _) = worker.done(self_play(weights, 3));
        let WorkerResult::SelfPlay { file, .. } = result else { panic!("{result:?}") };
        fs::read(scratch.join(file)).expect("there")
    };
    assert_eq!(play(), play());
}

#[test]
fn a_run_with_another_dataset_or_parent_than_planned_is_refused() {
    let mut worker = Worker::start();
    let model = worker.init_model();
    let batch = worker.store_bytes(b"never read");
    let spec = train(model, vec![batch], 10);
    let good = plan(&spec);
    let recipe = TrainingRecipe { steps: 11, ..good.recipe.clone() };
    let wrong = [
        ("dataset", TrainingPlan { content: Hash::of(b"other games"), ..good.clone() }),
        ("dataset", TrainingPlan { dataset: DatasetId::new("connect4-g2"), ..good.clone() }),
        ("parent model", TrainingPlan { parent_weights: batch, ..good.clone() }),
        ("recipe", TrainingPlan { recipe, ..good }),
    ];
    for (what, plan) in wrong {
        let scratch = worker.folder.path().join(format!("refused-{}", worker.jobs));
        let assigned = worker.assign_planned(spec.clone(), Some(plan), scratch);
        let (message, retry) = worker.await_end(assigned).0.expect_err("refused");
        assert!(message.contains(&format!("the {what} of run/connect4-g1 is not the one")) && !retry, "{message}");
    }
}

#[test]
fn a_run_without_a_plan_is_refused() {
    let mut worker = Worker::start();
    let model = worker.init_model();
    let batch = worker.store_bytes(b"never read");
    let scratch = worker.folder.path().to_owned();
    let assigned = worker.assign_planned(train(model, vec![batch], 10), None, scratch);
    let (message, retry) = worker.await_end(assigned).0.expect_err("refused");
    assert!(message.starts_with("run/connect4-g1 has no plan") && !retry, "{message}");
}

#[test]
fn bad_inputs_fail_for_good_and_the_worker_goes_on() {
    let mut worker = Worker::start();
    let garbage = worker.store_bytes(b"no model at all");
    for spec in [self_play(garbage, 1), gauntlet(garbage, Contender::Random), train(garbage, vec![], 1)] {
        let (message, retry) = worker.failed(spec);
        assert!(message.contains("not a usable model file") && !retry, "{message}");
    }
    let weights = worker.init_model();
    let (message, retry) = worker.failed(train(weights, vec![garbage], 1));
    assert!(message.contains("cannot be learned from") && !retry, "{message}");
    let (message, retry) = worker.failed(train(weights, vec![], 1));
    assert!(message.contains("no position") && !retry, "{message}");
    let (message, retry) = worker.failed(JobSpec::InitModel(init("huge")));
    assert!(message.contains("huge") && !retry, "{message}");
    let unknown = InitModelSpec { game: GameKey("chess".to_owned()), ..init("tiny") };
    let (message, retry) = worker.failed(JobSpec::InitModel(unknown));
    assert!(message.contains("connect4") && !retry, "{message}");
    worker.done(self_play(weights, 1));
}

#[test]
fn inputs_that_another_attempt_may_find_are_worth_one() {
    let mut worker = Worker::start();
    let weights = worker.init_model();
    let path = worker.blobs[&weights].clone();
    let mut bytes = fs::read(&path).expect("there");
    let last = bytes.len() - 1;
    bytes[last] ^= 1;
    fs::write(&path, bytes).expect("written");
    let (message, retry) = worker.failed(self_play(weights, 1));
    assert!(message.contains("damaged") && retry, "{message}");
    fs::remove_file(&path).expect("there");
    let (message, retry) = worker.failed(self_play(weights, 1));
    assert!(message.contains("cannot read") && retry, "{message}");
    worker.blobs.clear();
    let (message, retry) = worker.failed(self_play(weights, 1));
    assert!(message.contains("no file") && retry, "{message}");
    let external = ExternalSpec { program: "p".to_owned(), params: "{}".to_owned(), inputs: vec![] };
    let (message, retry) = worker.failed(JobSpec::External(external));
    assert!(message.contains("external") && retry, "{message}");
}

#[test]
fn a_cancelled_job_ends_with_an_error_and_the_next_one_runs() {
    let mut worker = Worker::start();
    let weights = worker.init_model();
    let (job, token, _) = worker.assign(self_play(weights, 100_000));
    worker.say(&ToWorker::Cancel { job: JobId::new("another") });
    // Only a running job gives signs of life.
    let FromWorker::Progress { done: Some(_), inference: Some(usage), .. } = worker.hear() else { panic!("no sign") };
    assert!(usage.senseless().is_none() && usage.leaves_per_s > 0.0 && usage.batch_fill <= 1.0, "{usage:?}");
    assert!([8.0, 16.0, 32.0].contains(&usage.bits) && usage.speed_up >= 1.0, "{usage:?}");
    worker.say(&ToWorker::Cancel { job: job.clone() });
    let end = loop {
        match worker.hear() {
            FromWorker::Progress { .. } => {}
            end => break end,
        }
    };
    let message = "stopped on request".to_owned();
    assert_eq!(end, FromWorker::Error { job, token, message, retry: true });
    worker.done(self_play(weights, 1));
}

#[test]
fn senseless_lines_end_the_worker_with_code_2() {
    let long = vec![b'x'; LINE_BYTES_MAX + 1];
    for line in [&b"garbage\n"[..], b"{\"type\":\"dance\"}\n", b"\xff\xfe\n", &long] {
        let mut worker = Worker::start();
        worker.write(line);
        assert_eq!(worker.end(), Some(2));
    }
}

#[test]
fn the_end_comes_by_shutdown_too_and_stops_a_job() {
    let mut worker = Worker::start();
    worker.say(&ToWorker::Shutdown);
    assert_eq!(worker.child.wait().expect("ends").code(), Some(0));

    let mut worker = Worker::start();
    let weights = worker.init_model();
    worker.assign(self_play(weights, 100_000));
    assert_eq!(worker.end(), Some(0));
}

#[test]
fn a_gpu_that_is_not_there_is_an_error() {
    let output = Command::new(env!("CARGO_BIN_EXE_kifu-worker"))
        .args(["--device", "cuda"])
        .env("TCH_CUDA_LIB", "libtorch_cuda_that_is_not_there.so")
        .stdin(Stdio::null())
        .output()
        .expect("starts");
    assert_eq!(output.status.code(), Some(1));
    assert!(output.stdout.is_empty());
    let message = String::from_utf8_lossy(&output.stderr);
    assert!(message.contains("libtorch_cuda_that_is_not_there.so"), "{message}");
}

#[test]
fn the_bench_reports_every_figure() {
    let bench = |arguments: &[&str]| {
        Command::new(env!("CARGO_BIN_EXE_kifu-node")).args(["bench", "learn"]).args(arguments).output().expect("starts")
    };
    let worker = env!("CARGO_BIN_EXE_kifu-worker");
    let short = [
        "--seconds",
        "0.1",
        "--concurrent",
        "4",
        "--training-batch",
        "8",
        "--simulations",
        "4",
        "--parity",
        "40",
        "-o",
        "jsonl",
    ];
    let output = bench(&[&["--worker", worker, "--game", "connect4,ringrift-hex8-3p"], &short[..]].concat());
    assert!(output.status.success(), "{output:?}");
    let reports: Vec<serde_json::Value> =
        output.stdout.lines().map(|line| serde_json::from_str(&line.expect("text")).expect("JSON")).collect();
    let games: Vec<_> = reports.iter().map(|report| report["game"].as_str().expect("a key")).collect();
    assert_eq!(games, ["connect4", "ringrift-hex8-3p"]);
    for report in &reports {
        assert_eq!((&report["bench"], &report["net"], &report["rounds"]), (&"learn".into(), &"tiny".into(), &5.into()));
        assert!(["f32", "bf16", "int8"].contains(&report["precision"].as_str().expect("a name")), "{report}");
        let trials = report["trials"].as_array().expect("a list");
        assert_eq!((&trials[0]["precision"], &trials[0]["refused"]), (&"f32".into(), &serde_json::Value::Null));
        assert!(trials.iter().any(|trial| trial["precision"] == report["precision"]), "{report}");
        let figures = ["f32_positions_per_s", "positions_per_s", "speed_up", "training_samples_per_s", "leaves_per_s"];
        for figure in figures.into_iter().chain(["leaves_ratio", "parameters", "seconds"]) {
            assert!(report[figure].as_f64().expect(figure) > 0.0, "{figure}: {report}");
        }
        for (part, most) in [("leaves_per_batch", 4.0), ("net_share", 1.0), ("encoding_share", 1.0)] {
            assert!((0.0..=most).contains(&report[part].as_f64().expect(part)), "{part}: {report}");
        }
        // So short a run may not end a ply, let alone a game.
        assert!(report["plies_per_s"].as_f64().expect("a rate") >= 0.0, "{report}");
        assert!(report["games_per_s"].as_f64().expect("a rate") > 0.0, "{report}");
        assert!(report["games_are_estimated"].is_boolean(), "{report}");
        let longest = if report["game"] == "connect4" { 42.0 } else { 10_000.0 };
        assert!((7.0..=longest).contains(&report["plies_per_game"].as_f64().expect("a mean")), "{report}");
        let parity = &report["parity"];
        assert_eq!(parity["positions"], 40);
        assert!(parity["policy_share_max"].as_f64().expect("a figure") < 0.1, "{report}");
    }

    let output = bench(&["--worker", "kifu-worker-that-is-not-there"]);
    let message = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success() && message.contains("--features torch"), "{message}");
}

#[test]
fn the_exam_of_a_game_with_margins_is_about_those() {
    let mut worker = Worker::start();
    let rings = InitModelSpec { game: GameKey("ringrift-hex8-3p".to_owned()), ..init("tiny") };
    let (result, scratch, _) = worker.done(JobSpec::InitModel(rings));
    let WorkerResult::Model { file, .. } = result else { panic!("{result:?}") };
    let output = Command::new(env!("CARGO_BIN_EXE_kifu-worker"))
        .args(["exam", "--games", "2", "--output", "json", "--model"])
        .arg(scratch.join(file))
        .output()
        .expect("starts");
    assert!(output.status.success(), "{output:?}");
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).expect("one JSON object");
    assert_eq!((&report["game"], &report["games"]), (&"ringrift-hex8-3p".into(), &2.into()));
    assert!(report["positions"].as_u64().expect("a count") > 20, "{report}");
    for figure in ["error", "error_of_mean", "winner_nearest"] {
        assert!((0.0..=1.0).contains(&report["margin"][figure].as_f64().expect(figure)), "{figure}: {report}");
    }
}

#[test]
fn the_exam_reports_marks_of_a_model_and_refuses_what_is_none() {
    let mut worker = Worker::start();
    let weights = worker.init_model();
    let exam = |model: &Path| {
        Command::new(env!("CARGO_BIN_EXE_kifu-worker"))
            .args(["exam", "--simulations", "8", "--output", "json", "--model"])
            .arg(model)
            .output()
            .expect("starts")
    };
    let output = exam(&worker.blobs[&weights]);
    assert!(output.status.success(), "{output:?}");
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).expect("one JSON object");
    let count = |value: &serde_json::Value| value.as_u64().expect("a count");
    let questions = count(&report["questions"]);
    assert_eq!(report["model"], weights.to_string());
    assert_eq!(report["simulations"], 8);
    assert_eq!(questions + count(&report["all_optimal_left_out"]), Problem::all().len() as u64);
    for way in ["policy", "search"] {
        let marks = &report[way];
        let figure = |name: &str| marks[name].as_f64().unwrap_or_else(|| panic!("{name}: {report}"));
        let optimal = count(&marks["optimal"]);
        assert!(0 < optimal && optimal <= questions, "{report}");
        assert!((figure("rate") - optimal as f64 / questions as f64).abs() < 1e-5, "{report}");
        assert!(0.0 < figure("low") && figure("low") < figure("rate"), "{report}");
        assert!(figure("rate") < figure("high") && figure("high") <= 1.0, "{report}");
    }

    let missing = exam(&worker.folder.path().join("no-such-model"));
    let message = String::from_utf8_lossy(&missing.stderr);
    assert_eq!(missing.status.code(), Some(1));
    assert!(missing.stdout.is_empty() && message.contains("no-such-model"), "{message}");
}
