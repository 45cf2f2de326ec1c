//! The policy head on a game with many kinds of actions: it scores what it is asked for, learns, and does not care about batches.

use tch::{Device, Tensor};

use super::tiny_for;
use crate::event::config::Config;
use crate::event::training::TrainingRecipe;
use crate::game::ringrift::{Move, RingRift, SmallRingRift};
use crate::game::{Game, Planes, Seat};
use crate::learn::choices::Choices;
use crate::learn::policy_head::Asked;
use crate::learn::train::Plan;
use crate::learn::{Net, NetEvaluator, Trainer, fixtures};
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
fn logits_are_what_the_formula_says() {
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
