//! A net for three and four players learns who wins, and says it of the right seat: on the whole way from recorded games over
//! samples, training and the folded net to the values that search backs up.

use tch::Device;

use super::tiny_for;
use crate::event::Real;
use crate::event::config::Config;
use crate::event::training::{AdamW, Optimizer, TrainingRecipe, Validation};
use crate::game::record::GameRecord;
use crate::game::ringrift::RingRift;
use crate::game::{Game, Seat};
use crate::learn::train::Plan;
use crate::learn::{NetEvaluator, Trainer, Weights, fixtures};
use crate::search::Evaluator;

/// Games that each seat wins.
const WINS: usize = 2;
/// Every so many positions one is asked about.
const EVERY: usize = 5;

fn winner(record: &GameRecord, seats: usize) -> usize {
    Seat::all(seats).position(|seat| record.outcome.share(seat) == 1.0).expect("RingRift has one winner")
}

/// Random games of which every seat wins as many.
fn games(rules: &RingRift<1>) -> Vec<GameRecord> {
    let seats = rules.seats();
    let mut of_seat = vec![vec![]; seats];
    for seed in 0.. {
        let game = fixtures::game_of(rules, seed, |action| rules.action_id(action).0);
        let won = &mut of_seat[winner(&game, seats)];
        if won.len() < WINS {
            won.push(game);
        }
        if of_seat.iter().all(|won| won.len() == WINS) {
            break;
        }
    }
    of_seat.concat()
}

fn learn(rules: &RingRift<1>, games: &[GameRecord], seed: u64) -> Weights {
    let samples = fixtures::samples_of(rules, games);
    let adam_w =
        AdamW { learning_rate: Real(4_000), beta1: Real(900_000), beta2: Real(999_000), weight_decay: Real(10_000) };
    let recipe = TrainingRecipe {
        steps: 150,
        value_weight: Real(4 * Real::SCALE),
        batch: 48,
        warmup_steps: 5,
        optimizer: Optimizer::AdamW(adam_w),
        average_decay: Real::ZERO,
        validation: Validation { share: Real::ZERO, samples_max: 0, every_steps: 0, patience: 0 },
        ..Config::default().train.recipe()
    };
    let plan = Plan { recipe, seed: 7, device: Device::Cpu, run: "run/seats".to_owned() };
    let mut trainer = Trainer::new(rules, &samples, &tiny_for(rules, seed), plan).expect("fits");
    while !trainer.is_done() {
        trainer.step().expect("learns");
    }
    trainer.weights().expect("finite")
}

/// What the net says of each seat, and who won.
fn said(rules: &RingRift<1>, weights: &Weights, games: &[GameRecord]) -> Vec<(Vec<f32>, usize)> {
    let mut evaluator = NetEvaluator::new(rules, weights, Device::Cpu).expect("fits");
    let mut said = vec![];
    for game in games {
        let (mut state, mut legal) = (rules.start(), vec![]);
        for (ply, record) in game.plies.iter().enumerate() {
            rules.legal(&state, &mut legal);
            if ply % EVERY == 0 {
                let found = evaluator.evaluate(rules, &[(&state, legal.as_slice())]).expect("a good net");
                said.push((found[0].value[..rules.seats()].to_vec(), winner(game, rules.seats())));
            }
            let action = rules.action(&state, record.action).expect("recorded");
            rules.play(&mut state, &action).expect("legal");
        }
    }
    said
}

/// How often the value of a position in which the seat wins is above that of one in which it does not.
fn auc(said: &[(Vec<f32>, usize)], seat: usize) -> f64 {
    let side =
        |wins: bool| said.iter().filter(move |(_, won)| (*won == seat) == wins).map(move |(value, _)| value[seat]);
    let (mut above, mut pairs) = (0.0, 0.0);
    for won in side(true) {
        for lost in side(false) {
            above += if won > lost { 1.0 } else { f64::from(u8::from(won == lost)) / 2.0 };
            pairs += 1.0;
        }
    }
    above / pairs
}

#[test]
fn every_seats_value_tells_its_wins_from_its_losses() {
    for rules in [&RingRift::SQUARE8[1], &RingRift::SQUARE8[2]] {
        let games = games(rules);
        let (untrained, trained) = (tiny_for(rules, 4), learn(rules, &games, 4));
        let (before, after) = (said(rules, &untrained, &games), said(rules, &trained, &games));
        for seat in 0..rules.seats() {
            let (before, after) = (auc(&before, seat), auc(&after, seat));
            assert!(after > 0.8, "{}: AUC of seat {seat} is {after:.3}, before training {before:.3}", rules.key());
        }
        // Read one seat further, the same net knows nothing, or less.
        let shifted: Vec<_> = after.iter().map(|(value, won)| (value.clone(), (won + 1) % rules.seats())).collect();
        for seat in 0..rules.seats() {
            let wrong = auc(&shifted, seat);
            assert!(wrong < 0.6, "{}: AUC of seat {seat}, read wrongly, is {wrong:.3}", rules.key());
        }
    }
}
