//! Training learns, stops at what is wrong, and goes on after a stop.

use tch::Device;

use super::tiny;
use crate::event::config::Config;
use crate::event::training::{AdamW, Nesterov, Optimizer, TrainingRecipe, Validation};
use crate::event::unit::Real;
use crate::game::connect4::ConnectFour;
use crate::game::{ActionId, Planes};
use crate::learn::batch::{Batch, Scale};
use crate::learn::checkpoint::Checkpoint;
use crate::learn::choices::Choices;
use crate::learn::policy_head::Asked;
use crate::learn::tower::Heads;
use crate::learn::train::gradients::Gradient;
use crate::learn::train::losses::{losses, to_input};
use crate::learn::train::optimizer::Optimizer as Steps;
use crate::learn::train::{Plan, StepLosses};
use crate::learn::{LearnError, Net, Precision, Samples, Trainer, fixtures};

fn plan(recipe: TrainingRecipe) -> Plan {
    Plan { recipe, seed: 7, device: Device::Cpu, run: "run/test".to_owned() }
}

fn recipe(steps: u32) -> TrainingRecipe {
    TrainingRecipe { steps, batch: 64, warmup_steps: 5, ..Config::default().train.recipe() }
}

fn nesterov(learning_rate: i64) -> Optimizer {
    let decay = Real(100);
    Optimizer::Nesterov(Nesterov { learning_rate: Real(learning_rate), momentum: Real(900_000), weight_decay: decay })
}

fn adam_w(learning_rate: i64) -> Optimizer {
    let (beta1, beta2) = (Real(900_000), Real(999_000));
    Optimizer::AdamW(AdamW { learning_rate: Real(learning_rate), beta1, beta2, weight_decay: Real(10_000) })
}

fn trainer(samples: &Samples, recipe: TrainingRecipe) -> Trainer<'_, ConnectFour> {
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
fn policy_and_value_learn_with_either_optimizer() {
    let samples = fixtures::samples(12, 1);
    for optimizer in [adam_w(4_000), nesterov(50_000)] {
        let losses = run(&mut trainer(&samples, TrainingRecipe { optimizer: optimizer.clone(), ..recipe(60) }));
        let (first, last) = (losses[0], losses[59]);
        assert!(first.policy - last.policy > 1.0, "{optimizer:?}, policy: {first:?} to {last:?}");
        assert!(first.value - last.value > 0.15, "{optimizer:?}, value: {first:?} to {last:?}");
    }
}

/// Two equal lists of games, of which the second's second half counts a third.
fn weighed(games: u64) -> (Samples, Samples) {
    let even = fixtures::samples(games, 1);
    let mut uneven = even.clone();
    (games as usize / 2..games as usize).for_each(|game| uneven.weigh(game, Real(333_333)));
    (even, uneven)
}

#[test]
fn a_samples_weight_multiplies_its_loss_and_its_gradient() {
    let (even, uneven) = weighed(6);
    let net = Net::new(&tiny(1), Device::Cpu).expect("own weights");
    let shape = even.shape();
    let shape = [shape.channels, shape.height, shape.width].map(|side| side as i64);
    let all: Vec<u32> = (0..even.len() as u32).collect();
    let loss = |samples: &Samples, indices: &[u32], scale: &Scale| {
        let batch = Batch::of(&ConnectFour, samples, indices, scale);
        let asked = Asked::new(&batch.choices, Device::Cpu).expect("legal");
        let input = to_input(&batch, shape, Device::Cpu).expect("planes");
        let heads = net.forward(&input, &asked, false).expect("answers");
        let losses = losses(&heads, &batch, Device::Cpu).expect("finite");
        [losses.policy, losses.value].map(|loss| loss.double_value(&[]))
    };
    let scale = Scale::of(&uneven, &all);
    let half = even.of_game(3).start as u32;
    let (first, second) = (&all[..half as usize], &all[half as usize..]);
    let plain = |indices: &[u32]| loss(&even, indices, &Scale::default()).map(|mean| mean * indices.len() as f64);
    let ([policy_a, value_a], [policy_b, value_b]) = (plain(first), plain(second));
    let total = first.len() as f64 + second.len() as f64 * 0.333_333;
    let [policy, value] = loss(&uneven, &all, &scale);
    assert!((policy - (policy_a + 0.333_333 * policy_b) / total).abs() < 1e-5, "{policy}");
    assert!((value - (value_a + 0.333_333 * value_b) / total).abs() < 1e-5, "{value}");
}

#[test]
fn weights_change_what_is_learned_and_equal_ones_change_no_bit() {
    let (even, uneven) = weighed(8);
    let mut scaled = even.clone();
    (0..8).for_each(|game| scaled.weigh(game, Real(333_333)));
    let end = |samples: &Samples| {
        let mut trainer = trainer(samples, recipe(5));
        run(&mut trainer);
        trainer.weights().expect("finite")
    };
    let plain = end(&even);
    assert_eq!(end(&scaled), plain, "only the weight against other games counts");
    assert_ne!(end(&uneven), plain);
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

/// Every third step a look, so that looks lie on both sides of a checkpoint.
fn looking(steps: u32) -> TrainingRecipe {
    let validation = Validation { share: Real(300_000), samples_max: 100, every_steps: 3, patience: 50 };
    TrainingRecipe { validation, ..recipe(steps) }
}

#[test]
fn a_resumed_run_ends_where_the_first_would_have() {
    let samples = fixtures::samples(8, 1);
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("checkpoint.safetensors");
    for optimizer in [adam_w(4_000), nesterov(50_000)] {
        let recipe = TrainingRecipe { optimizer, ..looking(11) };
        let mut first = trainer(&samples, recipe.clone());
        (0..5).for_each(|_| assert!(first.step().is_ok()));
        first.checkpoint().and_then(|it| it.write(&path)).expect("written");
        let rest = run(&mut first);

        let checkpoint = Checkpoint::read(&path).expect("intact");
        let mut second = trainer(&samples, recipe);
        second.resume(checkpoint.clone()).expect("of the same run");
        assert_eq!(second.steps_done(), 5);
        assert_eq!(run(&mut second), rest);
        assert_eq!(first.curve(), second.curve());
        assert_eq!(first.curve().validation.len(), 5, "one before the first step, and every third step");
        assert_eq!(first.weights().expect("finite"), second.weights().expect("finite"));
        assert_eq!(first.checkpoint().expect("finite"), second.checkpoint().expect("finite"));

        let mut other = checkpoint;
        other.progress.run = "run/other".to_owned();
        assert!(matches!(second.resume(other), Err(LearnError::Mismatch { field: "training run", .. })));
    }
}

#[test]
fn what_is_saved_is_the_average_and_not_the_last_step() {
    let samples = fixtures::samples(3, 1);
    let none = Validation { share: Real::ZERO, samples_max: 0, every_steps: 0, patience: 0 };
    let recipe = TrainingRecipe { validation: none, ..recipe(3) };
    let mut plain = trainer(&samples, TrainingRecipe { average_decay: Real::ZERO, ..recipe.clone() });
    let mut history = vec![plain.weights().expect("finite")];
    while !plain.is_done() {
        plain.step().expect("learns");
        history.push(plain.weights().expect("finite"));
    }
    let mut averaged = trainer(&samples, recipe);
    run(&mut averaged);
    let saved = averaged.weights().expect("finite");
    assert_eq!(averaged.checkpoint().expect("finite").weights, history[3], "the checkpoint keeps both");
    let at = |weights: &crate::learn::Weights| f64::from(weights.tensors()["stem.conv.weight"].data[7]);
    let mut expect = at(&history[0]);
    for (step, weights) in history.iter().enumerate().skip(1) {
        let decay = (1.0 + step as f64) / (10.0 + step as f64);
        expect = decay * expect + (1.0 - decay) * at(weights);
    }
    assert!((at(&saved) - expect).abs() < 1e-6, "{} against {expect}", at(&saved));
    assert_ne!(saved, history[3]);
}

#[test]
fn a_run_that_no_longer_gets_better_stops_early_with_its_best_weights() {
    let samples = fixtures::samples(8, 1);
    let validation = Validation { share: Real(300_000), samples_max: 100, every_steps: 2, patience: 3 };
    // A rate that learns the few games by heart, and a run far longer than that takes.
    let recipe = TrainingRecipe { optimizer: adam_w(20_000), validation, ..recipe(400) };
    let mut trainer = trainer(&samples, recipe);
    run(&mut trainer);
    assert!(trainer.stopped_early() && trainer.steps_done() < 400, "{:?}", trainer.curve());
    let (best, _) = trainer.best_look().expect("there were looks");
    assert_eq!(best, trainer.steps_done() - 3 * 2);
    assert_eq!(trainer.report().map(|report| report.step), Some(trainer.steps_done()), "the end is reported");
}

#[test]
fn a_run_goes_on_in_the_numbers_that_it_began_with() {
    let samples = fixtures::samples(1, 1);
    let mut first = trainer(&samples, recipe(2));
    assert_eq!((first.precision(), first.checkpoint().expect("finite").progress.bits), (Precision::F32, 32));
    first.compute_in(Precision::Bf16);
    let checkpoint = first.checkpoint().expect("finite");
    let mut second = trainer(&samples, recipe(2));
    second.resume(checkpoint.clone()).expect("of the same run");
    assert_eq!(second.precision(), Precision::Bf16);
    let mut odd = checkpoint;
    odd.progress.bits = 7;
    assert!(matches!(second.resume(odd), Err(LearnError::Mismatch { field: "bits", .. })));
}

#[test]
fn in_fewer_bits_a_run_learns_the_same() {
    // Elsewhere they are only emulated, and never chosen.
    if !Precision::Bf16.is_native(Device::Cpu) {
        let samples = fixtures::samples(2, 1);
        let chosen = trainer(&samples, recipe(2)).choose_precision().expect("runs");
        assert_eq!(chosen.precision, Precision::F32);
        return;
    }
    let samples = fixtures::samples(12, 1);
    let [exact, fewer] = [Precision::F32, Precision::Bf16].map(|precision| {
        let mut trainer = trainer(&samples, recipe(40));
        trainer.compute_in(precision);
        let losses = run(&mut trainer);
        assert!(trainer.weights().is_ok());
        losses
    });
    assert_ne!(exact[0], fewer[0], "the numbers are others");
    let close = |a: f64, b: f64, share: f64| (a - b).abs() < share * a.abs().max(0.2);
    assert!(close(exact[0].policy, fewer[0].policy, 0.01), "{:?} and {:?}", exact[0], fewer[0]);
    let mean = |losses: &[StepLosses]| losses[30..].iter().map(|it| it.policy).sum::<f64>() / 10.0;
    assert!(close(mean(&exact), mean(&fewer), 0.15), "{} and {}", mean(&exact), mean(&fewer));
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

/// What the net says of four equal positions.
fn heads_of(net: &Net) -> Heads {
    let input = tch::Tensor::ones([4, 3, 6, 7], (tch::Kind::Float, Device::Cpu));
    let mut choices = Choices::new(ConnectFour.policy_shape(), 42);
    (0..4).for_each(|_| {
        choices.push((0..7).filter_map(|id| ConnectFour.named(ActionId(id))).map(|it| ConnectFour.sketch(&it)))
    });
    let asked = Asked::new(&choices, Device::Cpu).expect("indices");
    net.forward(&input, &asked, true).expect("runs")
}

#[test]
fn gradients_are_clipped_to_the_norm() {
    let net = Net::new(&tiny(1), Device::Cpu).expect("fits");
    let loss = heads_of(&net).policy.square().sum(tch::Kind::Float) * 1e6;
    let mut gradient = Gradient::of(&loss, &net).expect("depends on the net");
    assert_eq!(gradient.flat().numel() as i64, net.layout().trained_len());
    let norm = |gradient: &Gradient| gradient.norm().expect("numbers").double_value(&[]);
    let before = norm(&gradient);
    assert!(before > 5.0);
    gradient.clip(before, 5.0).expect("shorter");
    let after = norm(&gradient);
    assert!((after - 5.0).abs() < 1e-3, "{after}");
    gradient.clip(after, 100.0).expect("short enough");
    assert_eq!(norm(&gradient), after, "a short gradient stays as it is");
    assert!(gradient.clip(1.0, 0.5).is_err(), "a clip that did too little is found out");
}

#[test]
fn a_huge_gradient_moves_the_weights_by_a_bounded_step() {
    let weights = tiny(1);
    for (optimizer, bound) in [
        // rate times (1 + momentum) times the clipped norm
        (
            Optimizer::Nesterov(Nesterov { learning_rate: Real::ONE, momentum: Real(900_000), weight_decay: Real(0) }),
            0.19,
        ),
        // rate for each parameter
        (adam_w(1_000_000), 0.1 * (weights.architecture().parameters().expect("known") as f64).sqrt()),
    ] {
        let net = Net::new(&weights, Device::Cpu).expect("fits");
        let heads = heads_of(&net);
        let loss = heads.policy.square().sum(tch::Kind::Float) * 1e6;
        let mut gradient = Gradient::of(&loss, &net).expect("depends on the net");
        let norm = gradient.norm().expect("numbers").double_value(&[]);
        assert!(norm > 1e4);
        gradient.clip(norm, 1.0).expect("shorter");
        let mut steps = Steps::new(&net, &optimizer).expect("fits");
        steps.step(&net, &gradient, 0.1, 0).expect("steps");
        let after = net.weights().expect("finite");
        let decayed = if matches!(optimizer, Optimizer::AdamW(_)) { 1.0 - 0.1 * 0.01 } else { 1.0 };
        let mut square = 0.0;
        for spec in weights.architecture().tensors().expect("known").iter().filter(|spec| spec.role.trains()) {
            let factor = if spec.role.decays() { decayed } else { 1.0 };
            let both = after.tensors()[&spec.name].data.iter().zip(&weights.tensors()[&spec.name].data);
            square += both.map(|(new, old)| (f64::from(*new) - factor * f64::from(*old)).powi(2)).sum::<f64>();
        }
        assert!(square.sqrt() <= bound * 1.001, "{optimizer:?}: {} over {bound}", square.sqrt());
        assert!(square > 0.0, "{optimizer:?} does not move");
    }
}

#[test]
fn norms_and_biases_do_not_decay() {
    let weights = tiny(1);
    let net = Net::new(&weights, Device::Cpu).expect("fits");
    let heads = heads_of(&net);
    let loss = heads.policy.sum(tch::Kind::Float) * 0.0 + heads.value.sum(tch::Kind::Float) * 0.0;
    let gradient = Gradient::of(&loss, &net).expect("depends on the net");
    let mut steps = Steps::new(&net, &adam_w(1_000_000)).expect("fits");
    steps.step(&net, &gradient, 1.0, 0).expect("steps");
    let after = net.weights().expect("finite");
    for spec in weights.architecture().tensors().expect("known").iter().filter(|spec| spec.role.trains()) {
        let same = after.tensors()[&spec.name] == weights.tensors()[&spec.name];
        assert_eq!(same, !spec.role.decays(), "{}", spec.name);
    }
}

#[test]
fn an_absurd_learning_rate_is_found_out() {
    let samples = fixtures::samples(3, 1);
    let absurd = TrainingRecipe {
        optimizer: nesterov(1_000_000 * Real::SCALE),
        gradient_norm_max: Real(1_000_000 * Real::SCALE),
        warmup_steps: 0,
        ..recipe(50)
    };
    let mut trainer = trainer(&samples, absurd);
    let error = (0..50).find_map(|_| trainer.step().err()).expect("diverges");
    assert!(matches!(error, LearnError::Diverged { .. }), "{error}");
    assert!(!error.may_pass_later());
}

/// A run whose decay eats the weights: its policy becomes uniform, and its losses stay far below what counts as an explosion.
fn fading(steps: u32) -> TrainingRecipe {
    let mut optimizer = adam_w(4_000);
    if let Optimizer::AdamW(figures) = &mut optimizer {
        figures.weight_decay = Real(150 * Real::SCALE);
    }
    let validation = Validation { share: Real(300_000), samples_max: 500, every_steps: 10, patience: 0 };
    TrainingRecipe { optimizer, validation, warmup_steps: 0, ..recipe(steps) }
}

#[test]
fn a_run_that_collapses_to_chance_fails_and_says_so() {
    let samples = fixtures::samples(16, 1);
    let validation = Validation { every_steps: 10, ..fading(60).validation };
    let mut healthy = trainer(&samples, TrainingRecipe { validation, ..recipe(60) });
    run(&mut healthy);
    let parent = healthy.weights().expect("finite");

    let mut fading = Trainer::new(&ConnectFour, &samples, &parent, plan(fading(60))).expect("fits");
    let (mut losses, mut error) = (Vec::new(), None);
    while error.is_none() && !fading.is_done() {
        match fading.step() {
            Ok(step) => losses.push(step),
            Err(found) => error = Some(found),
        }
    }
    let error = error.expect("it collapses");
    assert!(matches!(error, LearnError::Collapsed { steps: 60, .. }) && !error.may_pass_later(), "{error}");
    assert!(error.to_string().contains("held-out games"), "{error}");
    let (first, last) = (losses[0], losses[58]);
    assert!(last.policy > first.policy + 0.2, "from {first:?} to {last:?}");
    assert!(last.policy < 2.0, "it is no explosion: {last:?}");

    // From random weights the same games and looks are no failure: the healthy run above ended well.
    let looks = &healthy.curve().validation;
    assert!(looks[0].step == 0 && looks[1].policy < looks[0].policy, "{looks:?}");
}

#[test]
fn nothing_is_concluded_from_a_few_positions() {
    let samples = fixtures::samples(16, 1);
    let mut few = fading(30);
    few.validation.samples_max = 20;
    run(&mut trainer(&samples, few));
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
