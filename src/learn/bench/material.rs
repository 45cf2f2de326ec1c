//! What benchmarks work on: positions and samples of cheap games, made from a seed. And the same as files, for other programs.

use std::fs;
use std::ops::ControlFlow;
use std::path::Path;

use rand::Rng as _;
use tch::{Device, Tensor};

use crate::game::Planes;
use crate::learn::batch::{Batch, Scale};
use crate::learn::choices::Choices;
use crate::learn::error::LearnError;
use crate::learn::frozen::Position;
use crate::learn::infer::NetEvaluator;
use crate::learn::samples::Samples;
use crate::learn::weights::Weights;
use crate::search::{Recipe, SelfPlayPlan, UniformEvaluator, play_games, seeds};

/// Plies between two positions that are taken.
const PLIES_BETWEEN: usize = 5;
/// Simulations of the games that samples come from: their speed does not depend on how good they are.
const SIMULATIONS: u32 = 2;

/// Positions of random games in which there is a choice.
pub(super) fn positions<G: Planes>(game: &G, count: usize, seed: u64) -> Vec<Position<G>> {
    let mut rng = seeds::generator(seed);
    let (mut positions, mut state, mut legal, mut plies) = (Vec::new(), game.start(), Vec::new(), 0);
    while positions.len() < count {
        game.legal(&state, &mut legal);
        if legal.is_empty() {
            state = game.start();
            continue;
        }
        if legal.len() > 1 && plies % PLIES_BETWEEN == 0 {
            positions.push((state.clone(), legal.clone()));
        }
        let chosen = rng.random_range(0..legal.len() as u32) as usize;
        game.play_listed(&mut state, &legal[chosen]);
        plies += 1;
    }
    positions
}

/// Samples of games without a net, at least as many as a training step takes, and the plies of such a game on average.
pub(super) fn samples<G: Planes>(game: &G, at_least: u32, seed: u64) -> Result<(Samples, f64), LearnError> {
    let failed = |reason: String| LearnError::Samples { game: 0, reason };
    let recipe = Recipe::new(SIMULATIONS, SIMULATIONS, 1.0).map_err(|error| failed(error.to_string()))?;
    let mut samples = Samples::new(game);
    let (mut plies, mut played) = (0, 0);
    for number in 0.. {
        let plan = SelfPlayPlan {
            games: 1,
            seed: seeds::derive(seed, number),
            recipe,
            sampled_plies: u32::MAX,
            opening_plies_max: 0,
            concurrent: 1,
            weights: Some([0; 32]),
        };
        let games = play_games(game, &mut UniformEvaluator::default(), &plan, |_| ControlFlow::Continue(()))
            .map_err(|error| failed(error.to_string()))?;
        plies += games.iter().map(|record| record.plies.len()).sum::<usize>();
        played += games.len();
        games.iter().try_for_each(|record| samples.add_game(game, record)).map_err(failed)?;
        if samples.len() >= at_least as usize {
            break;
        }
    }
    Ok((samples, plies as f64 / played.max(1) as f64))
}

/// What [`export`] writes.
#[derive(Clone, Copy, Debug)]
pub struct Export {
    /// Positions of the batch for inference.
    pub batch: usize,
    /// Samples of the batch for training.
    pub training_batch: u32,
    /// Seed of both.
    pub seed: u64,
}

/// Writes the net and two batches into `folder`, as safetensors: `model`, `positions` (with what the net says of them in 32 bits) and
/// `samples` (with their targets). Any program can measure the same with them; `tools/compare-pytorch` does.
///
/// # Errors
/// When the net cannot run or a file cannot be written.
pub fn export<G: Planes>(game: &G, weights: &Weights, what: Export, folder: &Path) -> Result<(), LearnError> {
    fs::create_dir_all(folder).map_err(|source| LearnError::Io { doing: "make", path: folder.to_owned(), source })?;
    weights.write(&folder.join("model.safetensors"))?;

    let positions = positions(game, what.batch, what.seed);
    let batch: Vec<_> = positions.iter().map(|(state, legal)| (state, legal.as_slice())).collect();
    let mut evaluator = NetEvaluator::new(game, weights, Device::Cpu)?;
    evaluator.encode(game, &batch);
    let said = evaluator.run_encoded()?;
    let (planes, choices) = evaluator.encoded();
    let (logits, values) = said.split_at(choices.actions());
    let seats = [what.batch as i64, game.seats() as i64];
    let mut tensors = tensors(game, planes, choices)?;
    tensors.push(("logits", Tensor::f_from_slice(logits)?));
    tensors.push(("values", Tensor::f_from_slice(values)?.f_reshape(seats)?));
    Tensor::write_safetensors(&tensors, folder.join("positions.safetensors"))?;

    let (samples, _) = samples(game, what.training_batch, what.seed)?;
    let indices: Vec<u32> = (0..what.training_batch).collect();
    let batch = Batch::of(game, &samples, &indices, &Scale::default());
    let rows = [i64::from(what.training_batch), -1];
    let mut tensors = self::tensors(game, &batch.planes, &batch.choices)?;
    tensors.push(("rows", Tensor::f_from_slice(&batch.choices.rows())?));
    tensors.push(("policy", Tensor::f_from_slice(&batch.choices.spread(&batch.policy))?.f_reshape(rows)?));
    tensors.push(("value", Tensor::f_from_slice(&batch.value)?.f_reshape(rows)?));
    Ok(Tensor::write_safetensors(&tensors, folder.join("samples.safetensors"))?)
}

/// A batch's input.
fn tensors<G: Planes>(game: &G, planes: &[f32], choices: &Choices) -> Result<Vec<(&'static str, Tensor)>, LearnError> {
    let shape = game.plane_shape();
    let sides = [choices.positions(), shape.channels, shape.height, shape.width].map(|side| side as i64);
    let lists = [
        ("kinds", &choices.kinds),
        ("spots", &choices.spots),
        ("spot_owners", &choices.spot_owners),
        ("from", &choices.from),
        ("to", &choices.to),
        ("pair_owners", &choices.pair_owners),
    ];
    let mut tensors = vec![("planes", Tensor::f_from_slice(planes)?.f_reshape(sides)?)];
    for (name, list) in lists {
        tensors.push((name, Tensor::f_from_slice(list)?));
    }
    Ok(tensors)
}
