//! The policy head on a game with many kinds of actions: it scores what it is asked for, learns, and does not care about batches.

use std::collections::BTreeSet;

use rand::{Rng as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;
use tch::{Device, Tensor};

use super::tiny_for;
use crate::event::config::Config;
use crate::event::training::TrainingRecipe;
use crate::game::connect4::ConnectFour;
use crate::game::ringrift::{Move, RingRift, SmallRingRift};
use crate::game::{Game, Planes, Seat};
use crate::learn::batch::Batch;
use crate::learn::choices::Choices;
use crate::learn::policy_head::{Asked, PolicyHead};
use crate::learn::tower::{Convolve, Linear};
use crate::learn::train::Plan;
use crate::learn::train::gradients::Gradient;
use crate::learn::train::losses::{losses, to_input};
use crate::learn::train::optimizer::Optimizer as Steps;
use crate::learn::{LearnError, Net, NetEvaluator, Trainer, fixtures};
use crate::search::Evaluator;

const GAME: SmallRingRift = RingRift::HEX8[0];
/// Cells of a plane.
const CELLS: usize = 81;

/// Likes actions whose last cell is near the middle of the board.
fn from_middle(action: &Move) -> u32 {
    let sketch = GAME.sketch(action);
    sketch.spots().last().map_or(0, |spot| u32::from(spot.cell).abs_diff(CELLS as u32 / 2))
}

/// Positions of a random game, with their legal actions.
fn positions(count: usize) -> Vec<(<SmallRingRift as Game>::State, Vec<Move>)> {
    let mut state = GAME.start();
    let walk = fixtures::game_of(&GAME, 3, from_middle).plies.into_iter().map(|ply| {
        let mut legal = Vec::new();
        GAME.legal(&state, &mut legal);
        let before = state;
        let action = GAME.action(&state, ply.action).expect("recorded");
        GAME.play(&mut state, &action).expect("legal");
        (before, legal)
    });
    walk.take(count).collect()
}

#[test]
fn logits_do_not_depend_on_what_else_is_asked() {
    let net = Net::new(&tiny_for(&GAME, 1), Device::Cpu).expect("fits");
    let positions = positions(40);
    let length = GAME.plane_shape().len();
    let mut planes = vec![0.0; length * positions.len()];
    positions.iter().zip(planes.chunks_mut(length)).for_each(|((state, _), into)| GAME.encode(state, into));
    let shape = GAME.plane_shape();
    let input = Tensor::from_slice(&planes).reshape([-1, shape.channels as i64, 9, 9]);
    let forward = |choices: &Choices| {
        let asked = Asked::new(choices, Device::Cpu).expect("indices");
        let heads = tch::no_grad(|| net.forward(&input, &asked, false)).expect("runs");
        Vec::<f32>::try_from(heads.policy).expect("logits")
    };
    let mut choices = Choices::new(GAME.policy_shape(), CELLS);
    positions.iter().for_each(|(_, legal)| choices.push(legal.iter().map(|action| GAME.sketch(action))));
    let logits = forward(&choices);
    assert_eq!(logits.len(), choices.actions());
    // Asked one by one, for each position its last action only: the same numbers.
    let mut last = Choices::new(GAME.policy_shape(), CELLS);
    positions.iter().for_each(|(_, legal)| last.push(legal.last().map(|action| GAME.sketch(action))));
    for (index, logit) in forward(&last).into_iter().enumerate() {
        let all = &logits[choices.of(index)];
        assert!((all[all.len() - 1] - logit).abs() < 1e-5, "position {index}");
        assert!(all.iter().all(|logit| logit.abs() < 2.0), "a fresh net is nearly uniform: {all:?}");
    }
}

/// Channels that the head of [`head`] sees.
const CHANNELS: usize = 5;
/// Length of its queries and keys.
const RANK: usize = 3;

/// Takes the trunk as it is.
struct Untouched;

impl Convolve for Untouched {
    fn apply(&self, input: &Tensor, _training: bool) -> Result<Tensor, LearnError> {
        Ok(input.f_detach_copy()?)
    }
}

/// A layer as plain numbers: a row of weights for each output, and their biases.
struct Plain {
    weight: Vec<f32>,
    bias: Vec<f32>,
}

impl Plain {
    fn random(rng: &mut ChaCha8Rng, inputs: usize, outputs: usize) -> Plain {
        let mut numbers = |count: usize| (0..count).map(|_| rng.random_range(-1.0..1.0)).collect();
        Plain { weight: numbers(inputs * outputs), bias: numbers(outputs) }
    }

    fn layer(&self) -> Linear {
        let (weight, bias) = (Tensor::from_slice(&self.weight), Tensor::from_slice(&self.bias));
        Linear { weight: weight.reshape([self.bias.len() as i64, -1]), bias }
    }

    /// One output of these inputs.
    fn of(&self, output: usize, inputs: &[f32]) -> f32 {
        let row = &self.weight[output * inputs.len()..][..inputs.len()];
        self.bias[output] + row.iter().zip(inputs).map(|(weight, input)| weight * input).sum::<f32>()
    }
}

#[test]
fn logits_are_what_the_formula_says() {
    let positions = positions(40);
    let mut rng = ChaCha8Rng::seed_from_u64(5);
    let shape = GAME.policy_shape();
    let kinds = Plain::random(&mut rng, 2 * CHANNELS, shape.kinds);
    let roles = Plain::random(&mut rng, CHANNELS, shape.roles);
    let [query, key] = [(); 2].map(|()| Plain::random(&mut rng, CHANNELS, shape.families * RANK));
    let trunk: Vec<f32> = (0..positions.len() * CHANNELS * CELLS).map(|_| rng.random_range(-1.0..1.0)).collect();

    let pairs = Some([query.layer(), key.layer()]);
    let head = PolicyHead { reduce: Untouched, kinds: kinds.layer(), roles: roles.layer(), pairs, rank: RANK };
    let mut choices = Choices::new(shape, CELLS);
    positions.iter().for_each(|(_, legal)| choices.push(legal.iter().map(|action| GAME.sketch(action))));
    let asked = Asked::new(&choices, Device::Cpu).expect("indices");
    let input = Tensor::from_slice(&trunk).reshape([positions.len() as i64, CHANNELS as i64, 9, 9]);
    let found = Vec::<f32>::try_from(head.apply(&input, &asked, false).expect("runs")).expect("logits");

    let mut found = found.into_iter();
    let (mut spots, mut families) = (0, BTreeSet::new());
    for ((_, legal), board) in positions.iter().zip(trunk.chunks(CHANNELS * CELLS)) {
        let cell = |cell: u16| -> Vec<f32> {
            (0..CHANNELS).map(|it| board[it * CELLS + usize::from(cell)].max(0.0)).collect()
        };
        let mean = board.chunks(CELLS).map(|plane| plane.iter().map(|it| it.max(0.0)).sum::<f32>() / CELLS as f32);
        let most = board.chunks(CELLS).map(|plane| plane.iter().copied().fold(0.0, f32::max));
        let pooled: Vec<f32> = mean.chain(most).collect();
        for action in legal {
            let sketch = GAME.sketch(action);
            let mut logit = kinds.of(sketch.kind(), &pooled);
            for spot in sketch.spots() {
                logit += roles.of(usize::from(spot.role), &cell(spot.cell));
            }
            for pair in sketch.pairs() {
                let (from, to) = (cell(pair.from), cell(pair.to));
                let row = |it: usize| usize::from(pair.family) * RANK + it;
                let product: f32 = (0..RANK).map(|it| query.of(row(it), &from) * key.of(row(it), &to)).sum();
                logit += product / (RANK as f32).sqrt();
                families.insert(pair.family);
            }
            spots += sketch.spots().len();
            let found = found.next().expect("a logit for each action");
            assert!((found - logit).abs() < 1e-4, "{action:?}: {found}, by the formula {logit}");
        }
    }
    assert!(found.next().is_none() && spots > 100 && families.len() > 1, "{spots} spots, families {families:?}");
}

/// Seven positions with one stone each, and the lesson to play where it stands.
fn beside_the_stone() -> Batch {
    let shape = ConnectFour.plane_shape();
    let mut choices = Choices::new(ConnectFour.policy_shape(), shape.height * shape.width);
    let (mut planes, mut policy, mut legal) = (vec![0.0; 7 * shape.len()], Vec::new(), Vec::new());
    for (column, into) in planes.chunks_exact_mut(shape.len()).enumerate() {
        let mut state = ConnectFour.start();
        ConnectFour.legal(&state, &mut legal);
        ConnectFour.play_listed(&mut state, &legal[column]);
        ConnectFour.encode(&state, into);
        ConnectFour.legal(&state, &mut legal);
        choices.push(legal.iter().map(|action| ConnectFour.sketch(action)));
        policy.extend((0..7).map(|at| f32::from(u8::from(at == column))));
    }
    Batch { len: 7, planes, choices, policy, value: vec![0.5; 14], margin: Vec::new(), weight: Vec::new() }
}

#[test]
fn positions_that_differ_only_in_where_a_stone_stands_are_told_apart() {
    let batch = beside_the_stone();
    let net = Net::new(&tiny_for(&ConnectFour, 1), Device::Cpu).expect("fits");
    let mut optimizer = Steps::new(&net, &Config::default().train.recipe().optimizer).expect("fits");
    let asked = Asked::new(&batch.choices, Device::Cpu).expect("indices");
    let input = to_input(&batch, [3, 6, 7], Device::Cpu).expect("planes");
    for step in 0..60 {
        let heads = net.forward(&input, &asked, true).expect("runs");
        let loss = losses(&heads, &batch, Device::Cpu).expect("finite").policy;
        optimizer.step(&net, &Gradient::of(&loss, &net).expect("depends on the net"), 0.004, step).expect("learns");
    }
    let logits = Vec::<f32>::try_from(net.forward(&input, &asked, false).expect("runs").policy).expect("logits");
    for (column, logits) in logits.chunks(7).enumerate() {
        let best = (0..7).max_by(|a, b| logits[*a].total_cmp(&logits[*b]));
        assert_eq!(best, Some(column), "{logits:?}");
    }
}

#[test]
fn a_game_with_ninety_thousand_action_numbers_is_learned() {
    let games: Vec<_> = (0..2).map(|seed| fixtures::game_of(&GAME, seed, from_middle)).collect();
    let samples = fixtures::samples_of(&GAME, &games);
    let recipe = TrainingRecipe { steps: 40, batch: 32, warmup_steps: 5, ..Config::default().train.recipe() };
    let plan = Plan { recipe, seed: 7, device: Device::Cpu, run: "run/test".to_owned() };
    let mut trainer = Trainer::new(&GAME, &samples, &tiny_for(&GAME, 1), plan).expect("fits");
    let mut losses = Vec::new();
    while !trainer.is_done() {
        losses.push(trainer.step().expect("learns").policy);
    }
    let mean = |losses: &[f64]| losses.iter().sum::<f64>() / losses.len() as f64;
    let (first, last) = (mean(&losses[..5]), mean(&losses[35..]));
    assert!(last < 0.6 * first, "from {first} to {last}");
}

#[test]
fn values_belong_to_seats() {
    let mut evaluator = NetEvaluator::new(&GAME, &tiny_for(&GAME, 1), Device::Cpu).expect("fits");
    let positions = positions(60);
    let batch: Vec<_> = positions.iter().map(|(state, legal)| (state, legal.as_slice())).collect();
    let movers: Vec<Seat> = positions.iter().map(|(state, _)| GAME.to_move(state)).collect();
    assert!(movers.iter().any(|mover| *mover != movers[0]));
    for (evaluation, (_, legal)) in evaluator.evaluate(&GAME, &batch).expect("runs").iter().zip(&batch) {
        assert_eq!(evaluation.logits.len(), legal.len());
        assert!((evaluation.value.iter().sum::<f32>() - 1.0).abs() < 1e-5);
    }
}
