//! Training learns, stops at what is wrong, and goes on after a stop.

use tch::Device;

use super::tiny;
use crate::event::config::Config;
use crate::event::training::TrainRecipe;
use crate::event::unit::Real;
use crate::game::connect4::ConnectFour;
use crate::game::{ActionId, Planes};
use crate::learn::checkpoint::Checkpoint;
use crate::learn::choices::Choices;
use crate::learn::policy_head::Asked;
use crate::learn::sgd::{clip_gradients, gradient_norm};
use crate::learn::train::{Plan, StepLosses};
use crate::learn::{LearnError, Net, Samples, Trainer, fixtures};

fn plan(recipe: TrainRecipe) -> Plan {
    Plan { recipe, seed: 7, device: Device::Cpu, run: "run/test".to_owned() }
}

fn recipe(steps: u32) -> TrainRecipe {
    TrainRecipe { steps, batch: 64, warmup_steps: 5, ..Config::default().train }
}

fn trainer(samples: &Samples, recipe: TrainRecipe) -> Trainer<'_, ConnectFour> {
    Trainer::new(&ConnectFour, samples, &tiny(1), plan(recipe)).expect("fits")
}

fn run(trainer: &mut Trainer<'_, ConnectFour>) -> Vec<StepLosses> {
    let mut losses = Vec::new();
    while !trainer.is_done() {
        losses.push(trainer.step().expect("learns"));
    }
    losses
}

#[test]
fn policy_and_value_learn() {
    let samples = fixtures::samples(12, 1);
    let losses = run(&mut trainer(&samples, recipe(80)));
    let (first, last) = (losses[0], losses[79]);
    assert!(first.policy - last.policy > 1.0, "policy: {first:?} to {last:?}");
    assert!(first.value - last.value > 0.2, "value: {first:?} to {last:?}");
}

#[test]
fn the_same_seed_gives_the_same_net() {
    let samples = fixtures::samples(3, 1);
    let net = |seed| {
        let plan = Plan { seed, ..plan(recipe(4)) };
        let mut trainer = Trainer::new(&ConnectFour, &samples, &tiny(1), plan).expect("fits");
        run(&mut trainer);
        trainer.weights().expect("finite").to_bytes().expect("plain data")
    };
    assert_eq!(net(1), net(1));
    assert_ne!(net(1), net(2));
}

#[test]
fn a_resumed_run_ends_where_the_first_would_have() {
    let samples = fixtures::samples(3, 1);
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("checkpoint.safetensors");
    let mut first = trainer(&samples, recipe(8));
    (0..4).for_each(|_| assert!(first.step().is_ok()));
    first.checkpoint().and_then(|it| it.write(&path)).expect("written");
    let rest = run(&mut first);

    let checkpoint = Checkpoint::read(&path).expect("intact");
    let mut second = trainer(&samples, recipe(8));
    second.resume(&checkpoint).expect("of the same run");
    assert_eq!(second.steps_done(), 4);
    assert_eq!(run(&mut second), rest);
    assert_eq!(first.weights().expect("finite"), second.weights().expect("finite"));

    let other = Checkpoint { run: "run/other".to_owned(), ..checkpoint };
    assert!(matches!(second.resume(&other), Err(LearnError::Mismatch { field: "training run", .. })));
}

#[test]
fn a_damaged_checkpoint_is_refused() {
    let samples = fixtures::samples(1, 1);
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("checkpoint.safetensors");
    trainer(&samples, recipe(2)).checkpoint().and_then(|it| it.write(&path)).expect("written");
    let bytes = std::fs::read(&path).expect("there");
    std::fs::write(&path, &bytes[..bytes.len() / 2]).expect("written");
    assert!(matches!(Checkpoint::read(&path), Err(LearnError::Weights { .. })));
    let model = tiny(1).to_bytes().expect("plain data");
    std::fs::write(&path, model).expect("written");
    assert!(Checkpoint::read(&path).is_err());
}

#[test]
fn gradients_are_clipped_to_the_norm() {
    let net = Net::new(&tiny(1), Device::Cpu).expect("fits");
    let input = tch::Tensor::ones([4, 3, 6, 7], (tch::Kind::Float, Device::Cpu));
    let mut choices = Choices::new(ConnectFour.policy_shape(), 42);
    (0..4).for_each(|_| {
        choices.push((0..7).filter_map(|id| ConnectFour.named(ActionId(id))).map(|it| ConnectFour.sketch(&it)))
    });
    let asked = Asked::new(&choices, Device::Cpu).expect("indices");
    let heads = net.forward(&input, &asked, true).expect("runs");
    (heads.policy.square().sum(tch::Kind::Float) * 1e6).backward();
    let before = gradient_norm(&net).expect("gradients");
    assert!(before > 5.0);
    assert_eq!(clip_gradients(&net, 5.0).expect("gradients"), before);
    let after = gradient_norm(&net).expect("gradients");
    assert!((after - 5.0).abs() < 1e-3, "{after}");
    assert_eq!(clip_gradients(&net, 100.0).expect("gradients"), after);
    assert_eq!(gradient_norm(&net).expect("gradients"), after, "a short gradient stays as it is");
}

#[test]
fn an_absurd_learning_rate_is_found_out() {
    let samples = fixtures::samples(3, 1);
    let absurd = TrainRecipe {
        learning_rate: Real(1_000_000 * Real::SCALE),
        gradient_norm_max: Real(1_000_000 * Real::SCALE),
        warmup_steps: 0,
        ..recipe(50)
    };
    let mut trainer = trainer(&samples, absurd);
    let error = (0..50).find_map(|_| trainer.step().err()).expect("diverges");
    assert!(matches!(error, LearnError::Diverged { .. }), "{error}");
    assert!(!error.may_pass_later());
}

#[test]
fn reports_come_with_the_last_step() {
    let samples = fixtures::samples(1, 1);
    let mut trainer = trainer(&samples, recipe(3));
    run(&mut trainer);
    let report = trainer.report().expect("due at the end");
    assert_eq!((report.step, report.steps), (3, 3));
    assert!(report.policy_loss > Real::ZERO && report.samples_per_second > Real::ZERO);
    assert_eq!(trainer.report(), None);
}

#[test]
fn nothing_is_learned_from_nothing() {
    let samples = Samples::new(&ConnectFour);
    let refused = Trainer::new(&ConnectFour, &samples, &tiny(1), plan(recipe(3)));
    assert!(matches!(refused.err(), Some(LearnError::Recipe(_))));
}
