//! The manager does what the log assigns, and says so.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Duration;

use kifu::event::command::{Command, CompleteJob, FailJob, JobResult, LeaseHolder, MeasuredResult};
use kifu::event::config::Config;
use kifu::event::games::GamesTally;
use kifu::event::jobs::{JobKind, JobSpec, TrainSpec, VerifySpec};
use kifu::event::{DatasetId, GameKey, Hash, JobId, ModelId, RunId, Seq};
use kifu::game::connect4::ConnectFour;
use kifu::game::record::{Due, Generator, RecordWriter};
use kifu::search::{Recipe, SelfPlayPlan, UniformEvaluator, play_games};
use kifu::work::outbox::Limits;
use kifu::work::{Assigned, InferenceUsage, WorkManager, WorkTimes, WorkerLimits, WorkerProgram};
use tokio_util::sync::CancellationToken;

use crate::fake::{limits, program};
use crate::rig::{HOST, Rig, Setup, external, repository};

fn lease(token: u64) -> LeaseHolder {
    LeaseHolder { job: JobId::new(token), host: HOST, token: Seq(token) }
}

fn given_up(token: u64, error: &str, retry: bool) -> Command {
    Command::FailJob(FailJob { lease: lease(token), error: error.to_owned(), retry })
}

fn result_of(report: &Command) -> &JobResult {
    let Command::CompleteJob(CompleteJob { result, .. }) = report else { panic!("{report:?}") };
    result
}

#[tokio::test]
async fn an_assigned_job_is_started_done_and_reported() {
    let rig = Rig::with("ok").await;
    let view = [external(5, "fake", vec![])];
    rig.manager.assign(&view);
    assert_eq!(rig.manager.running(), [(JobId::new(5), Seq(5))]);
    assert_eq!(rig.manager.free_slots(), 1);
    let reports = rig.reports(2).await;
    assert_eq!(reports[0], Command::StartJob(lease(5)));
    let JobResult::External(result) = result_of(&reports[1]) else { panic!("{reports:?}") };
    assert_eq!(result.blobs[0].hash, Hash::of(b"done"));
    assert!(rig.parts.store.contains(&Hash::of(b"done")));
    rig.idle().await;
    assert!(rig.scratch_is_empty());
    rig.manager.assign(&view);
    assert!(rig.manager.running().is_empty(), "the log does not have the result yet: nothing starts again");
    rig.manager.stop().await;
    assert_eq!(rig.reports(2).await.len(), 2);
}

#[tokio::test]
async fn what_a_worker_says_of_its_net_is_known_while_the_job_runs() {
    let rig = Rig::with("plays").await;
    assert_eq!(rig.manager.inference(), []);
    rig.manager.assign(&[external(5, "fake", vec![])]);
    let usage = loop {
        match rig.manager.inference().as_slice() {
            [usage] => break *usage,
            _ => tokio::time::sleep(Duration::from_millis(5)).await,
        }
    };
    let expect = InferenceUsage {
        leaves_per_s: 640.0,
        batch_fill: 0.5,
        net_share: 0.9,
        wait_ms: 3.0,
        bits: 32.0,
        speed_up: 1.0,
        games: 0.0,
    };
    assert_eq!(usage, expect);
    rig.manager.stop().await;
    assert_eq!(rig.manager.inference(), []);
}

#[tokio::test]
async fn it_claims_what_it_can_run_and_no_more() {
    let rig = Rig::with("obedient").await;
    let wants = rig.manager.wants().expect("two free slots");
    assert_eq!((wants.host, wants.slots), (HOST, 2));
    assert_eq!(wants.kinds, [JobKind::Verify, JobKind::External]);
    assert_eq!(wants.programs, ["fake"]);
    rig.manager.assign(&[external(5, "fake", vec![]), external(6, "fake", vec![])]);
    assert_eq!(rig.manager.wants(), None);
    rig.manager.stop().await;
    assert_eq!(rig.manager.wants(), None);

    let broken = Rig::with("exits").await;
    let wants = broken.manager.wants().expect("two free slots");
    assert_eq!(wants.kinds, [JobKind::Verify], "a node whose workers do not start can still verify");
}

#[tokio::test]
async fn a_lost_lease_stops_the_job_without_a_word() {
    let rig = Rig::with("obedient").await;
    rig.manager.assign(&[external(5, "fake", vec![])]);
    assert_eq!(rig.reports(1).await, [Command::StartJob(lease(5))]);
    rig.manager.assign(&[]);
    rig.idle().await;
    assert_eq!(rig.reports(1).await.len(), 1);
    rig.manager.stop().await;
}

#[tokio::test]
async fn stopping_gives_leases_back() {
    let rig = Rig::with("obedient").await;
    rig.manager.assign(&[external(5, "fake", vec![])]);
    rig.reports(1).await;
    rig.manager.stop().await;
    assert_eq!(rig.reports(2).await[1], given_up(5, "the node is stopping", true));
    rig.manager.assign(&[external(6, "fake", vec![])]);
    assert_eq!(rig.reports(3).await[2], given_up(6, "the node is stopping", true));
}

#[tokio::test]
async fn a_job_that_does_not_stop_is_cut_off() {
    let mut setup = Setup::new(program("hang", &[]));
    setup.times = WorkTimes { stop_within: Duration::from_millis(50), ..setup.times };
    setup.times.full_retry = Duration::from_secs(60);
    let rig = setup.build().await;
    rig.manager.assign(&[external(5, "fake", vec![])]);
    rig.reports(1).await;
    rig.manager.stop().await;
    assert_eq!(rig.reports(2).await[1], given_up(5, "the node is stopping", true));
    assert!(rig.manager.running().is_empty());
}

#[tokio::test]
async fn failures_are_reported_with_their_reason() {
    let rig = Rig::with("error").await;
    let missing = Hash::of(b"never stored");
    rig.manager.assign(&[external(5, "fake", vec![])]);
    assert_eq!(rig.reports(2).await[1], given_up(5, "no such opening", false));
    rig.manager.assign(&[external(5, "fake", vec![]), external(6, "fake", vec![missing])]);
    let words = format!("input {missing} cannot be had: no host holds a copy");
    assert_eq!(rig.reports(3).await[2], given_up(6, &words, true));
    rig.manager.assign(&[external(7, "other", vec![])]);
    let words = "no worker program of this node runs the external program \"other\"";
    assert_eq!(rig.reports(4).await[3], given_up(7, words, true));

    let rig = Rig::with("die").await;
    rig.manager.assign(&[external(5, "fake", vec![])]);
    let words = "worker die died (exit status: 3); it said: out of memory, sorry";
    assert_eq!(rig.reports(2).await[1], given_up(5, words, true));
}

#[tokio::test]
async fn after_a_restart_what_had_started_is_given_back() {
    let rig = Rig::with("obedient").await;
    rig.manager.assign(&[external(5, "fake", vec![])]);
    rig.reports(1).await;
    // The process dies here; the next one finds the same folder, and a log that has not heard of the start yet.
    let again = WorkManager::new(rig.parts.clone()).expect("a scratch folder");
    again.assign(&[external(5, "fake", vec![]), Assigned { started: true, ..external(6, "fake", vec![]) }]);
    let mut reports = rig.reports(3).await.split_off(1);
    reports.sort_by_key(|report| format!("{report:?}"));
    assert_eq!(reports, [given_up(5, "the node restarted", true), given_up(6, "the node restarted", true)]);
}

/// A training job whose parent is in the store.
fn training(rig: &Rig, token: u64) -> Assigned {
    let spec = TrainSpec {
        run: RunId::new("connect4-g1"),
        game: GameKey("connect4".to_owned()),
        generation: 1,
        dataset: DatasetId::new("connect4-g1"),
        batches: vec![],
        parent: ModelId::new("connect4-g0"),
        parent_weights: rig.parts.store.put_bytes(b"weights").expect("stored"),
        recipe: Config::default().train.before_plans(),
        seed: 3,
    };
    Assigned { job: JobId::new(5), spec: JobSpec::Train(spec), ..external(token, "none", vec![]) }
}

#[tokio::test]
async fn a_checkpoint_outlives_worker_and_node_and_goes_with_the_workers_last_word() {
    let rig = Rig::with("trains").await;
    let kept = || std::fs::read_dir(&rig.parts.unfinished).expect("a folder").count();
    rig.manager.assign(&[training(&rig, 5)]);
    let Command::FailJob(died) = &rig.reports(2).await[1] else { panic!("it died") };
    assert!(died.error.contains("exit status: 9") && died.retry, "{died:?}");
    rig.idle().await;
    assert!(rig.scratch_is_empty());
    assert_eq!(kept(), 1);

    // The next process of the node gets the job again, under another lease.
    let again = WorkManager::new(rig.parts.clone()).expect("a scratch folder");
    while rig.parts.pool.kinds().is_empty() {
        rig.parts.pool.tend().await;
    }
    again.assign(&[training(&rig, 9)]);
    let Command::FailJob(ended) = &rig.reports(4).await[3] else { panic!("it said so") };
    assert_eq!((ended.lease.token, ended.error.as_str()), (Seq(9), "goes on from step 7"));
    assert_eq!(kept(), 0, "the worker has said how it ended");
}

#[tokio::test]
async fn a_full_outbox_delays_reports_and_loses_none() {
    let mut setup = Setup::new(program("ok", &[]));
    setup.outbox_limits = Limits { entries_max: 1, ..Limits::default() };
    let rig = setup.build().await;
    rig.manager.assign(&[external(5, "fake", vec![])]);
    assert_eq!(rig.reports(1).await, [Command::StartJob(lease(5))]);
    rig.parts.outbox.ack(1).await.expect("a healthy disk");
    assert!(matches!(result_of(&rig.reports(1).await[0]), JobResult::External(_)));
    rig.manager.stop().await;
}

/// A verification job of a batch of Connect Four that holds these bytes.
fn verification(rig: &Rig, token: u64, bytes: &[u8]) -> Assigned {
    let batch = rig.parts.store.put_bytes(bytes).expect("a healthy disk");
    let spec = JobSpec::Verify(VerifySpec { game: GameKey("connect4".to_owned()), batch });
    Assigned { spec, ..external(token, "none", vec![]) }
}

/// The results of so many jobs that all bring one, in order of their leases.
async fn results(rig: &Rig, count: usize) -> Vec<Command> {
    let mut reports = rig.reports(2 * count).await;
    reports.retain(|report| matches!(report, Command::CompleteJob(_)));
    reports.sort_by_key(|report| match report {
        Command::CompleteJob(complete) => complete.lease.token,
        _ => Seq(0),
    });
    reports
}

/// Why the games of a batch are in quarantine.
fn reason(report: &Command) -> String {
    match result_of(report) {
        JobResult::Quarantined(quarantine) => quarantine.reason.clone(),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn games_by_somebody_else_than_the_jobs_player_are_quarantined_however_legal_they_are() {
    let recipe = Recipe::new(8, 7, 1.0).expect("within bounds");
    let plan = SelfPlayPlan {
        games: 2,
        seed: 1,
        recipe,
        sampled_plies: 0,
        opening_plies_max: 0,
        concurrent: 2,
        weights: Some([0xab; 32]),
    };
    let played = play_games(&ConnectFour, &mut UniformEvaluator::default(), &plan, |_| ControlFlow::Continue(()))
        .expect("games");
    let mut file = RecordWriter::new(&ConnectFour);
    played.iter().for_each(|game| file.push(game).expect("within bounds"));
    let bytes = file.finish();
    // One seat of one game by another player is enough.
    let mut file = RecordWriter::new(&ConnectFour);
    let mut mixed = played.clone();
    mixed[1].generators[0] = Generator::Random;
    mixed.iter().for_each(|game| file.push(game).expect("within bounds"));
    let mixed = file.finish();

    let due = Generator::search(plan.weights, 8, 7, 1.0);
    let others = [
        Generator::search(Some([0xcd; 32]), 8, 7, 1.0),
        Generator::search(plan.weights, 64, 7, 1.0),
        Generator::search(None, 8, 7, 1.0),
    ];
    let rig = Setup::new(program("exits", &[])).build().await;
    let of = |token, bytes, player| Assigned {
        due: Some(Due { player, opening_plies_max: 0 }),
        ..verification(&rig, token, bytes)
    };
    let mut jobs = vec![of(5, &bytes, due), of(6, &mixed, due)];
    jobs.extend(others.iter().zip(7..).map(|(other, token)| of(token, &bytes, *other)));
    rig.manager.assign(&jobs);
    let reports = results(&rig, jobs.len()).await;
    assert!(matches!(result_of(&reports[0]), JobResult::Measured(_)), "{reports:?}");
    let net = "weights abababababab with 8 simulations a move, 7 actions considered, noise 1";
    assert_eq!(reason(&reports[1]), format!("played by random play; the job was for {net}"));
    for (report, other) in reports[2..].iter().zip(others) {
        assert_eq!(reason(report), format!("played by {net}; the job was for {other}"));
    }
}

#[tokio::test]
async fn games_are_verified_without_a_worker() {
    let rig = Rig::with("exits").await;
    let good = std::fs::read(repository("fixtures/games/connect4-v1.kgr")).expect("the golden file");
    let mut lies = good.clone();
    *lies.last_mut().expect("not empty") ^= 1;
    let jobs: Vec<Assigned> =
        [(5, &good[..]), (6, &lies), (7, b"no games")].map(|(token, bytes)| verification(&rig, token, bytes)).into();
    rig.manager.assign(&jobs);
    let reports = results(&rig, 3).await;
    let JobResult::Measured(MeasuredResult { tally, measures }) = result_of(&reports[0]) else { panic!("{reports:?}") };
    let GamesTally { games, positions, wins, draws, .. } = tally;
    assert!(*games > 0 && *positions >= u64::from(*games) * 7);
    assert_eq!(wins.iter().sum::<u32>() + draws, *games);
    assert!(measures.choices_targeted <= tally.targets && !measures.sketch.is_empty(), "{measures:?}");
    assert_eq!(measures.simulations_of_seats.iter().sum::<u64>(), tally.simulations);
    assert!(reason(&reports[1]).contains("checksum"), "{}", reason(&reports[1]));
    assert!(reason(&reports[2]).contains("not a file of game records"), "{}", reason(&reports[2]));
}

#[tokio::test]
async fn a_damaged_copy_says_nothing_about_the_games() {
    let rig = Rig::with("exits").await;
    let good = std::fs::read(repository("fixtures/games/connect4-v1.kgr")).expect("the golden file");
    let batch = rig.parts.store.put_bytes(&good).expect("a healthy disk");
    let path = rig.parts.store.path(&batch).expect("just stored");
    std::fs::remove_file(&path).expect("ours");
    std::fs::write(&path, b"rotten").expect("ours");
    let spec = JobSpec::Verify(VerifySpec { game: GameKey("connect4".to_owned()), batch });
    rig.manager.assign(&[Assigned { spec, ..external(5, "none", vec![]) }]);
    let Command::FailJob(FailJob { error, retry: true, .. }) = rig.reports(2).await[1].clone() else { panic!() };
    assert!(error.contains("is damaged"), "{error}");
}

#[tokio::test]
async fn it_follows_its_view_until_it_is_told_to_stop() {
    let rig = Rig::with("ok").await;
    let (views, view) = tokio::sync::watch::channel(Arc::new(vec![]));
    let stop = CancellationToken::new();
    let (manager, stopped) = (rig.manager.clone(), stop.clone());
    let running = tokio::spawn(async move { manager.run(view, stopped).await });
    views.send_replace(Arc::new(vec![external(5, "fake", vec![])]));
    rig.reports(2).await;
    stop.cancel();
    running.await.expect("no panic").expect("nothing fatal");
}

/// The example that users start from, run as a node would.
#[tokio::test]
async fn the_example_worker_completes_an_external_job() {
    let script = repository("tools/example-worker.py").display().to_string();
    let argv = vec!["python3".to_owned(), script];
    let program = WorkerProgram { name: "example".to_owned(), argv, env: Default::default() };
    let mut setup = Setup::new(program);
    setup.worker_limits = WorkerLimits { jobs_max: 1, ..limits() };
    let rig = setup.build().await;
    assert_eq!(rig.manager.wants().expect("free").programs, ["wordcount"], "python3 must be installed");
    let text = rig.parts.store.put_bytes(b"to be or not to be").expect("a healthy disk");
    let binary = rig.parts.store.put_bytes(b"\xff\xfe").expect("a healthy disk");
    rig.manager.assign(&[external(5, "wordcount", vec![text])]);
    let JobResult::External(result) = result_of(&rig.reports(2).await[1]).clone() else { panic!("an external job") };
    assert_eq!(result.output, r#"{"words":6,"distinct":4,"top":[["be",2]]}"#);
    let counts = rig.parts.store.path(&result.blobs[0].hash).expect("stored");
    assert_eq!(std::fs::read_to_string(counts).expect("text"), r#"{"be": 2, "to": 2, "not": 1, "or": 1}"#);
    rig.manager.assign(&[external(6, "wordcount", vec![binary])]);
    let Command::FailJob(FailJob { error, retry: false, .. }) = rig.reports(4).await[3].clone() else { panic!() };
    assert!(error.starts_with("UnicodeDecodeError"), "{error}");
    rig.manager.stop().await;
}
