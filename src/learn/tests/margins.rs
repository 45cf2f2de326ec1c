//! The margin head: what it learns, and that nets and samples without margins go on as before.

use tch::Device;

use super::tiny_for;
use crate::event::Real;
use crate::event::config::Config;
use crate::event::training::{TrainingRecipe, Validation};
use crate::game::record::{PlyView, replay_with};
use crate::game::ringrift::RingRift;
use crate::game::{Game, SEATS_MAX, Seat};
use crate::learn::frozen;
use crate::learn::margins::{examine, margins};
use crate::learn::train::{Plan, StepLosses};
use crate::learn::{Architecture, Family, NetEvaluator, Samples, Trainer, Weights, fixtures};
use crate::search::Evaluator;

const GAME: RingRift<1> = RingRift::HEX8[1];

/// Samples of a few random games.
fn samples(margins: bool) -> Samples {
    let games: Vec<_> = (0..4).map(|seed| fixtures::game_of(&GAME, seed, |action| GAME.action_id(action).0)).collect();
    let mut samples = Samples::new(&GAME).with_margins(&GAME, margins);
    samples.add_file(&GAME, &fixtures::file_of(&GAME, &games)).expect("they replay");
    samples
}

/// The net of a build that knew of no margins.
fn without_head(weights: &Weights) -> Weights {
    let architecture = Architecture { margins: 0, ..weights.architecture().clone() };
    let mut tensors = weights.tensors().clone();
    tensors.retain(|name, _| !name.starts_with("margin."));
    Weights::new(architecture, tensors).expect("what is left is a whole net")
}

fn learn(samples: &Samples, net: &Weights, steps: u32) -> (Vec<StepLosses>, Weights) {
    let validation = Validation { share: Real::ZERO, samples_max: 0, every_steps: 0, patience: 0 };
    let planned = Config::default().train.recipe();
    let recipe = TrainingRecipe { steps, batch: 48, warmup_steps: 3, validation, ..planned };
    let plan = Plan { recipe, seed: 7, device: Device::Cpu, run: "run/margins".to_owned() };
    let mut trainer = Trainer::new(&GAME, samples, net, plan).expect("fits");
    let losses = (0..steps).map(|_| trainer.step().expect("learns")).collect();
    (losses, trainer.weights().expect("finite"))
}

/// The loss of whoever knows only how near the seats came on average.
fn loss_of_the_mean(samples: &Samples) -> f64 {
    let margins: Vec<f64> = (0..samples.len()).map(|it| f64::from(samples.get(it).margin[0])).collect();
    let mean = margins.iter().sum::<f64>() / margins.len() as f64;
    -mean * mean.ln() - (1.0 - mean) * (1.0 - mean).ln()
}

/// The positions of the games, every fifth one, with who wins.
fn positions() -> Vec<(frozen::Position<RingRift<1>>, Seat)> {
    let mut positions = vec![];
    for seed in 0..4 {
        let record = fixtures::game_of(&GAME, seed, |action| GAME.action_id(action).0);
        let winner = record.outcome.winner().expect("RingRift has one winner");
        let seen = |view: PlyView<'_, RingRift<1>>| {
            if view.ply.is_multiple_of(5) {
                positions.push(((*view.state, view.legal.to_vec()), winner));
            }
        };
        replay_with(&GAME, &record, seen).expect("replays");
    }
    positions
}

#[test]
fn a_net_learns_how_near_each_seat_comes() {
    let samples = samples(true);
    let (losses, learned) = learn(&samples, &tiny_for(&GAME, 2), 120);
    let (positions, winners): (Vec<_>, Vec<_>) = positions().into_iter().unzip();
    let expected = margins(&GAME, &learned, &positions, Device::Cpu).expect("runs").expect("has the head");
    let means = |winner: bool| {
        let of = |(near, won): (&[f32; SEATS_MAX], &Seat)| -> Vec<f32> {
            Seat::all(GAME.seats()).filter(|seat| (seat == won) == winner).map(|seat| near[seat.index()]).collect()
        };
        let all: Vec<f32> = expected.iter().zip(&winners).flat_map(of).collect();
        all.iter().sum::<f32>() / all.len() as f32
    };
    assert!(means(true) > means(false) + 0.05, "winners {}, others {}", means(true), means(false));
    assert_eq!(margins(&GAME, &without_head(&learned), &positions, Device::Cpu).expect("runs"), None);
    let games: Vec<_> = (0..4).map(|seed| fixtures::game_of(&GAME, seed, |action| GAME.action_id(action).0)).collect();
    let [before, after] = [&tiny_for(&GAME, 2), &learned]
        .map(|net| examine(&GAME, net, &games, Device::Cpu).expect("games of this game"));
    assert!(after.positions > 50 && after.positions == before.positions);
    assert!(after.error < before.error && after.error < after.error_of_mean, "{before:?}, then {after:?}");
    assert!(after.winner_nearest > before.winner_nearest, "{before:?}, then {after:?}");
    assert!(examine(&GAME, &without_head(&learned), &games, Device::Cpu).is_err(), "it has nothing to say");
    let last = losses[110..].iter().map(|it| it.margin).sum::<f64>() / 10.0;
    let bound = loss_of_the_mean(&samples);
    assert!(last < bound && losses[0].margin > last, "from {} to {last}, knowing nothing {bound}", losses[0].margin);
}

#[test]
fn nets_and_samples_without_margins_learn_the_rest() {
    let (with, without) = (samples(true), samples(false));
    let whole = tiny_for(&GAME, 2);
    let old = without_head(&whole);
    let (losses, learned) = learn(&with, &old, 3);
    assert!(losses.iter().all(|it| it.margin == 0.0));
    assert_eq!(learned, learn(&without, &old, 3).1, "a net without the head does not see margins");
    let (losses, _) = learn(&without, &whole, 3);
    assert!(losses.iter().all(|it| it.margin == 0.0 && it.gradient_norm > 0.0));
}

#[test]
fn what_a_net_says_does_not_depend_on_the_head() {
    let whole = tiny_for(&GAME, 3);
    let said = |weights: &Weights| {
        let mut evaluator = NetEvaluator::new(&GAME, weights, Device::Cpu).expect("fits");
        let positions = frozen::positions(&GAME);
        let asked: Vec<_> = positions.iter().map(|(state, legal)| (state, legal.as_slice())).collect();
        let answers = evaluator.evaluate(&GAME, &asked).expect("a good net");
        frozen::Answers::new(&answers, GAME.seats())
    };
    assert_eq!(said(&whole), said(&without_head(&whole)));
}

#[test]
fn older_architectures_are_what_they_were() {
    let family = Family::named("tiny").expect("known");
    let whole = Architecture::of(&GAME, family);
    assert_eq!(whole.margins, GAME.seats());
    let old = Architecture { margins: 0, ..whole.clone() };
    let text = serde_json::to_string(&old).expect("plain data");
    assert!(!text.contains("margins"), "{text}");
    assert_eq!(serde_json::from_str::<Architecture>(&text).expect("own text"), old);
    assert!(old.check_fits(&GAME).is_ok() && whole.check_fits(&GAME).is_ok());
    let odd = Architecture { margins: 2, ..whole };
    assert!(odd.check_fits(&GAME).is_err(), "a head for other seats fits nobody");
}
