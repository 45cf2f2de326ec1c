//! The folded net says what the trainable one says.

use tch::{Device, Kind, Tensor};

use super::tiny;
use crate::game::connect4::ConnectFour;
use crate::game::{Game, Planes};
use crate::learn::choices::Choices;
use crate::learn::frozen::Answers;
use crate::learn::policy_head::Asked;
use crate::learn::speeds::Trial;
use crate::learn::train::Plan;
use crate::learn::{Net, NetEvaluator, Precision, Speeds, Trainer, Weights, fixtures, precision};
use crate::search::{Evaluation, Evaluator};

type State = <ConnectFour as Game>::State;
type Actions = Vec<<ConnectFour as Game>::Action>;

/// Positions of a random game, with their legal actions.
fn positions() -> Vec<(State, Actions)> {
    let (mut state, mut positions) = (ConnectFour.start(), Vec::new());
    for ply in fixtures::game(5).plies {
        let mut legal = Vec::new();
        ConnectFour.legal(&state, &mut legal);
        positions.push((state, legal));
        let action = ConnectFour.action(&state, ply.action).expect("recorded");
        ConnectFour.play(&mut state, &action).expect("legal");
    }
    positions
}

fn evaluate(evaluator: &mut NetEvaluator<ConnectFour>, positions: &[(State, Actions)]) -> Vec<Evaluation> {
    let batch: Vec<_> = positions.iter().map(|(state, legal)| (state, legal.as_slice())).collect();
    evaluator.evaluate(&ConnectFour, &batch).expect("a good net")
}

/// Weights whose normalisations are far from the identity.
fn trained() -> Weights {
    let samples = fixtures::samples(10, 1);
    let recipe = crate::event::config::Config::default().train.recipe();
    let plan = Plan { recipe, seed: 1, device: Device::Cpu, run: String::new() };
    let mut trainer = Trainer::new(&ConnectFour, &samples, &tiny(3), plan).expect("fits");
    (0..5).for_each(|_| assert!(trainer.step().is_ok()));
    trainer.weights().expect("finite")
}

/// Policy logits of the legal actions, and win probabilities of the mover and the other, by the net as it is trained.
fn by_trainable_net(weights: &Weights, positions: &[(State, Actions)]) -> Vec<(Vec<f32>, Vec<f32>)> {
    let net = Net::new(weights, Device::Cpu).expect("fits");
    let length = ConnectFour.plane_shape().len();
    let mut planes = vec![0.0; length * positions.len()];
    positions.iter().zip(planes.chunks_mut(length)).for_each(|((state, _), into)| ConnectFour.encode(state, into));
    let input = Tensor::from_slice(&planes).reshape([-1, 3, 6, 7]);
    let mut choices = Choices::new(ConnectFour.policy_shape(), 42);
    positions.iter().for_each(|(_, legal)| choices.push(legal.iter().map(|action| ConnectFour.sketch(action))));
    let asked = Asked::new(&choices, Device::Cpu).expect("indices");
    let heads = tch::no_grad(|| net.forward(&input, &asked, false)).expect("runs");
    let logits = Vec::<f32>::try_from(&heads.policy).expect("one for each action");
    let value = heads.value.softmax(1, Kind::Float);
    let row = |tensor: &Tensor, index: usize| Vec::<f32>::try_from(tensor.get(index as i64)).expect("a row");
    (0..positions.len()).map(|index| (logits[choices.of(index)].to_vec(), row(&value, index))).collect()
}

#[test]
fn folding_changes_nothing() {
    let (weights, positions) = (trained(), positions());
    let mut evaluator = NetEvaluator::new(&ConnectFour, &weights, Device::Cpu).expect("fits");
    let folded = evaluate(&mut evaluator, &positions);
    for (index, (policy, value)) in by_trainable_net(&weights, &positions).into_iter().enumerate() {
        let (state, legal) = &positions[index];
        let mover = ConnectFour.to_move(state);
        let close = |a: f32, b: f32| assert!((a - b).abs() < 1e-4, "position {index}: {a} against {b}");
        assert_eq!(folded[index].logits.len(), legal.len());
        folded[index].logits.iter().zip(policy).for_each(|(folded, trained)| close(*folded, trained));
        close(folded[index].value[mover.index()], value[0]);
        close(folded[index].value[mover.next(2).index()], value[1]);
        assert_eq!(folded[index].value[2..], [0.0, 0.0]);
    }
}

#[test]
fn values_are_probabilities_and_leaves_are_counted() {
    let mut evaluator = NetEvaluator::new(&ConnectFour, &tiny(1), Device::Cpu).expect("fits");
    let positions = positions();
    for evaluation in evaluate(&mut evaluator, &positions) {
        assert!((evaluation.value.iter().sum::<f32>() - 1.0).abs() < 1e-5);
    }
    assert_eq!(evaluator.leaves(), positions.len() as u64);
    assert_eq!(evaluate(&mut evaluator, &[]), []);
    assert_eq!(evaluator.leaves(), positions.len() as u64);
}

#[test]
fn a_batch_larger_than_the_bound_is_split() {
    let mut evaluator = NetEvaluator::new(&ConnectFour, &tiny(1), Device::Cpu).expect("fits");
    let positions: Vec<_> =
        positions().into_iter().cycle().take(crate::learn::infer::POSITIONS_AT_ONCE_MAX + 3).collect();
    let all = evaluate(&mut evaluator, &positions);
    let alone = evaluate(&mut evaluator, &positions[positions.len() - 1..]);
    let close = all[positions.len() - 1].logits.iter().zip(&alone[0].logits).all(|(a, b)| (a - b).abs() < 1e-4);
    assert!(close && all.len() == positions.len());
}

#[test]
fn a_fresh_net_is_nearly_uniform() {
    let mut evaluator = NetEvaluator::new(&ConnectFour, &tiny(1), Device::Cpu).expect("fits");
    let evaluation = &evaluate(&mut evaluator, &positions()[..1])[0];
    assert!(evaluation.logits.iter().all(|logit| logit.abs() < 1.0), "{:?}", evaluation.logits);
    assert!((0.3..0.7).contains(&evaluation.value[0]), "{:?}", evaluation.value);
}

#[test]
fn fewer_bits_agree_with_thirty_two() {
    let (weights, positions) = (trained(), positions());
    let in_precision = |precision| {
        let mut evaluator = NetEvaluator::in_precision(&ConnectFour, &weights, Device::Cpu, precision).expect("fits");
        Answers::new(&evaluate(&mut evaluator, &positions), 2)
    };
    let exact = in_precision(Precision::F32);
    for precision in [Precision::Bf16, Precision::Int8] {
        let fast = in_precision(precision);
        assert_ne!(exact, fast, "the precision must make some difference");
        let [logits, values] = exact.distance(&fast);
        assert!(logits < 0.2 && values < 0.05, "{precision:?}: {logits} {values}");
    }
}

#[test]
fn the_fastest_precision_is_measured_once() {
    let mut speeds = Speeds::new(8);
    let mut choose = |weights: &Weights| precision::fastest(&ConnectFour, weights, Device::Cpu, &mut speeds);
    let first = choose(&trained()).expect("one of them");
    assert_eq!(first.evaluator.leaves(), 0, "neither checks nor timing are leaves of games");
    assert!(first.evaluator.usage().is_none() && first.evaluator.speed_up() >= 1.0);
    let tried: Vec<_> = first.trials.iter().map(|trial| trial.precision).collect();
    let native: Vec<_> = Precision::ALL.into_iter().filter(|it| it.is_native(Device::Cpu)).collect();
    assert_eq!(tried, native);
    let timed = |trial: &Trial| trial.positions_per_second.is_some();
    let agree = first.trials.iter().filter(|trial| trial.refused.is_none()).count();
    assert_eq!(first.trials.iter().filter(|trial| timed(trial)).count(), if agree > 1 { agree } else { 0 });
    let again = choose(&trained()).expect("one of them");
    assert_eq!(again.trials, first.trials, "the same figures: nothing was measured again");
    assert_eq!(again.evaluator.precision(), first.evaluator.precision());
}

#[test]
fn a_precision_in_which_the_weights_say_something_else_is_refused() {
    let (architecture, mut tensors) = tiny(1).into_parts();
    // One and a half between the value's logits, which sixteen bits cannot tell apart so far from zero.
    tensors.get_mut("value.out.bias").expect("a net has one").data.copy_from_slice(&[1000.0, 1001.5]);
    let far = Weights::new(architecture, tensors).expect("finite");
    let chosen = precision::fastest(&ConnectFour, &far, Device::Cpu, &mut Speeds::new(8)).expect("one of them");
    assert_ne!(chosen.evaluator.precision(), Precision::Bf16);
    for trial in chosen.trials.iter().filter(|trial| trial.precision == Precision::Bf16) {
        assert!(trial.refused.as_ref().is_some_and(|why| why.contains("bf16") && why.contains("values")), "{trial:?}");
        assert_eq!(trial.positions_per_second, None);
    }
}
