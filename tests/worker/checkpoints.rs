//! Training that was cut off, and what lies where its checkpoint should be.

use std::fs;
use std::path::{Path, PathBuf};

use kifu::event::jobs::{InitModelSpec, JobSpec, SelfPlaySpec, TrainSpec};
use kifu::event::training::TrainRecipe;
use kifu::event::{Hash, Real};
use kifu::learn::data::Manifest;
use kifu::work::protocol::{FromWorker, WorkerResult};

use super::{Worker, init, plan, self_play, train};

/// Has some games played; those of another number are others.
fn games_of(worker: &mut Worker, model: Hash, games: u32) -> Hash {
    let JobSpec::SelfPlay(spec) = self_play(model, games) else { panic!("self-play") };
    let (result, scratch, _) = worker.done(JobSpec::SelfPlay(SelfPlaySpec { seed: games.into(), ..spec }));
    let WorkerResult::SelfPlay { file, .. } = result else { panic!("{result:?}") };
    worker.store(&scratch.join(file))
}

#[test]
fn a_run_that_was_killed_goes_on_and_ends_with_the_same_bytes() {
    let mut worker = Worker::start_exact();
    let model = worker.init_model();
    let batch = games_of(&mut worker, model, 120);
    let spec = train(model, vec![batch], 130);
    let folder = |worker: &Worker, name: &str| {
        let path = worker.folder.path().join(name);
        fs::create_dir(&path).expect("a folder");
        path
    };
    let finish = |worker: &mut Worker, scratch: PathBuf| {
        let assigned = worker.assign_planned(spec.clone(), Some(plan(&spec)), scratch);
        let (result, scratch, progress) = worker.await_end(assigned);
        let WorkerResult::Model { file, curve, .. } = result.expect("done") else { panic!("no model") };
        let curve = curve.expect("drawn");
        let (best, last) = (curve.best.expect("validated"), curve.last.expect("validated"));
        assert!(0 < best.step && best.step <= last.step && last.step == 130, "{best:?}, {last:?}");
        assert!([best.policy_loss, best.value_loss].iter().all(|loss| (0..=20).contains(&(loss.0 / Real::SCALE))));
        let read = |file: &Path| Hash::of(&fs::read(scratch.join(file)).expect("there"));
        (read(&file), read(&curve.file), progress)
    };
    let first = folder(&worker, "first");
    let (whole, curve, _) = finish(&mut worker, first);

    let (cut, kept) = (folder(&worker, "cut"), worker.folder.path().join("kept.checkpoint"));
    worker.checkpoint = Some(kept.clone());
    let (job, ..) = worker.assign_planned(spec.clone(), Some(plan(&spec)), cut.clone());
    let step_of = |line: &FromWorker| match line {
        FromWorker::Progress { job: of, training: Some(training), .. } if *of == job => training.step,
        other => panic!("unexpected: {other:?}"),
    };
    while step_of(&worker.hear()) <= 100 {}
    worker.child.kill().expect("it runs");
    worker.child.wait().expect("it was killed");
    assert!(kept.exists());
    // The attempt's own folder goes with it.
    fs::remove_dir_all(&cut).expect("removed");

    let mut other = Worker::start_exact();
    other.blobs.clone_from(&worker.blobs);
    other.checkpoint = Some(kept);
    let next = folder(&other, "next");
    let (model, resumed_curve, progress) = finish(&mut other, next);
    let FromWorker::Progress { training: Some(training), .. } = &progress[0] else { panic!("{progress:?}") };
    assert!(training.step > 100, "it began anew: {training:?}");
    assert_eq!((model, resumed_curve), (whole, curve));
}

#[test]
fn a_checkpoint_of_another_run_or_a_damaged_one_is_ignored_with_a_warning() {
    let log = tempfile::NamedTempFile::new().expect("a file");
    let mut worker = Worker::start_with(log.reopen().expect("a file").into(), &["--precision", "f32"]);
    let model = worker.init_model();
    let batches = [3, 4].map(|games| games_of(&mut worker, model, games));
    let (result, scratch, _) = worker.done(JobSpec::InitModel(InitModelSpec { seed: 99, ..init("tiny") }));
    let WorkerResult::Model { file, .. } = result else { panic!("{result:?}") };
    let other_model = worker.store(&scratch.join(file));
    let JobSpec::Train(spec) = train(model, batches.into(), 101) else { panic!("training") };
    let mut run = |spec: &TrainSpec, checkpoint: Option<&Path>| {
        worker.checkpoint = checkpoint.map(Path::to_owned);
        let (result, scratch, progress) = worker.done(JobSpec::Train(spec.clone()));
        let WorkerResult::Model { file, .. } = result else { panic!("{result:?}") };
        let FromWorker::Progress { training: Some(first), .. } = &progress[0] else { panic!("{progress:?}") };
        (Hash::of(&fs::read(scratch.join(file)).expect("there")), first.step)
    };
    let folder = tempfile::tempdir().expect("a folder");
    let kept = folder.path().join("kept.checkpoint");
    let (whole, _) = run(&spec, Some(&kept));
    let bytes = fs::read(&kept).expect("written at step 100");
    assert_eq!(run(&spec, Some(&kept)), (whole, 101), "its own checkpoint fits");

    let recipe = TrainRecipe { momentum: Real(800_000), ..spec.recipe.clone() };
    let short = |spec: TrainSpec| TrainSpec { recipe: TrainRecipe { steps: 20, ..spec.recipe.clone() }, ..spec };
    let others = [
        ("recipe", TrainSpec { recipe, ..spec.clone() }),
        ("dataset", short(TrainSpec { batches: batches[..1].to_vec(), ..spec.clone() })),
        ("parent", short(TrainSpec { parent_weights: other_model, ..spec.clone() })),
    ];
    for (what, other) in others {
        fs::write(&kept, &bytes).expect("written");
        let (resumed, first) = run(&other, Some(&kept));
        assert!(first < 100, "another {what}: it went on from step {first}");
        assert_eq!(resumed, run(&other, None).0, "another {what}");
    }
    let mut damaged = bytes.clone();
    damaged[bytes.len() / 2] ^= 1;
    for damaged in [&damaged, &bytes[..bytes.len() / 2], b"garbage"] {
        fs::write(&kept, damaged).expect("written");
        assert_eq!(run(&spec, Some(&kept)).0, whole);
    }
    let log = fs::read_to_string(log.path()).expect("text");
    assert_eq!(log.matches("starts anew, the checkpoint is of no use").count(), 6, "{log}");
}

#[test]
fn weights_reach_the_model_and_the_manifest_says_so() {
    let mut worker = Worker::start_exact();
    let model = worker.init_model();
    let batches = [3, 4].map(|games| games_of(&mut worker, model, games));
    let JobSpec::Train(spec) = train(model, batches.into(), 20) else { panic!("training") };
    let mut run = |weights: &[(Hash, Real)]| {
        worker.weights = weights.iter().copied().collect();
        let (result, scratch, _) = worker.done(JobSpec::Train(spec.clone()));
        let WorkerResult::Model { file, manifest, .. } = result else { panic!("{result:?}") };
        let said = manifest.expect("said");
        let bytes = fs::read(scratch.join(&said.file)).expect("there");
        let manifest = Manifest::from_bytes(&bytes).expect("a manifest");
        assert_eq!((said.encoder, said.games), (manifest.encoder, manifest.games.len() as u64));
        assert_eq!(manifest.batches, batches);
        assert!(said.held_out < said.games);
        (Hash::of(&fs::read(scratch.join(file)).expect("there")), manifest)
    };
    let (plain, manifest) = run(&[]);
    assert!(manifest.batch_weights.is_empty());
    let (even, manifest) = run(&[(batches[0], Real(500_000)), (batches[1], Real(500_000))]);
    assert_eq!(manifest.batch_weights, [Real(500_000); 2]);
    assert_eq!(even, plain, "only weights against each other count");
    let (uneven, manifest) = run(&[(batches[0], Real(100_000))]);
    assert_eq!(manifest.batch_weights, [Real(100_000), Real::ONE]);
    assert_ne!(uneven, plain);
}
