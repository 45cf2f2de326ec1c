//! Which samples a training step sees, and how they are laid out. A step's batch follows from the seed and the step alone,
//! so that a resumed run goes on exactly as the first would have.

use rand::seq::SliceRandom;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::choices::Choices;
use super::samples::Samples;
use crate::event::Real;
use crate::game::{ActionId, Planes};

/// Keeps the streams for symmetries apart from those for shuffling.
const SYMMETRY_STREAMS: u64 = 1 << 63;

/// Samples of one step, row by row.
#[derive(Clone, Debug, PartialEq)]
pub struct Batch {
    /// Number of samples.
    pub len: usize,
    /// Encoded positions.
    pub planes: Vec<f32>,
    /// The legal actions of all samples.
    pub choices: Choices,
    /// Target of each legal action.
    pub policy: Vec<f32>,
    /// Share of each seat, the mover's first.
    pub value: Vec<f32>,
    /// How near each seat had come to a win at the end, the mover's first; empty where the samples have no margins.
    pub margin: Vec<f32>,
    /// How much each sample counts in the loss, 1 on average over the pool; empty: all the same.
    pub weight: Vec<f32>,
}

/// What the samples of each game weigh, so that those of a pool weigh 1 on average.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Scale {
    /// For each sample; empty: all the same.
    weights: Vec<f32>,
}

impl Scale {
    /// For the samples in `pool`.
    pub fn of(samples: &Samples, pool: &[u32]) -> Scale {
        let of_game = |index: usize| samples.of_game(index).map(move |_| samples.games()[index].weight);
        let raw: Vec<Real> = (0..samples.games().len()).flat_map(of_game).collect();
        let sum: i128 = pool.iter().map(|index| i128::from(raw[*index as usize].0)).sum();
        let is_even = pool.windows(2).all(|pair| raw[pair[0] as usize] == raw[pair[1] as usize]);
        if is_even || sum <= 0 {
            return Scale { weights: vec![] };
        }
        let mean = sum as f64 / pool.len() as f64;
        Scale { weights: raw.into_iter().map(|weight| (weight.0 as f64 / mean) as f32).collect() }
    }
}

/// Draws batches: every sample once an epoch, in an order shuffled by the seed, each under a random symmetry of the board.
#[derive(Debug)]
pub struct Sampler<'a, G> {
    game: &'a G,
    samples: &'a Samples,
    scale: Scale,
    pool: Vec<u32>,
    seed: u64,
    size: usize,
    epoch: Option<u64>,
    order: Vec<u32>,
}

impl<'a, G: Planes> Sampler<'a, G> {
    /// Batches of `size` of the samples in `pool`, of which there must be at least one.
    pub fn new(game: &'a G, samples: &'a Samples, pool: Vec<u32>, size: usize, seed: u64) -> Self {
        assert!(!pool.is_empty(), "the caller checks that there are samples");
        let scale = Scale::of(samples, &pool);
        Sampler { game, samples, scale, pool, seed, size, epoch: None, order: Vec::new() }
    }

    /// The batch of `step`, counted from 0.
    pub fn batch(&mut self, step: u32) -> Batch {
        let mut rng = self.rng(SYMMETRY_STREAMS | u64::from(step));
        let mut batch = Batch::with_room(self.game, self.size, self.samples);
        for place in 0..self.size as u64 {
            let place = u64::from(step) * self.size as u64 + place;
            let (epoch, position) = (place / self.pool.len() as u64, place % self.pool.len() as u64);
            let index = self.shuffled(epoch)[position as usize] as usize;
            let symmetry = rng.random_range(0..self.game.symmetries());
            batch.push(self.game, self.samples, index, symmetry);
            batch.weight.extend(self.scale.weights.get(index));
        }
        batch
    }

    /// The order of the samples in `epoch`.
    fn shuffled(&mut self, epoch: u64) -> &[u32] {
        if self.epoch != Some(epoch) {
            let mut rng = self.rng(epoch);
            self.order.clone_from(&self.pool);
            self.order.shuffle(&mut rng);
            self.epoch = Some(epoch);
        }
        &self.order
    }

    fn rng(&self, stream: u64) -> ChaCha8Rng {
        let mut rng = ChaCha8Rng::seed_from_u64(self.seed);
        rng.set_stream(stream);
        rng
    }
}

impl Batch {
    /// These samples as they are.
    pub fn of<G: Planes>(game: &G, samples: &Samples, indices: &[u32], scale: &Scale) -> Batch {
        let mut batch = Batch::with_room(game, indices.len(), samples);
        for index in indices {
            batch.push(game, samples, *index as usize, 0);
            batch.weight.extend(scale.weights.get(*index as usize));
        }
        batch
    }

    fn with_room<G: Planes>(game: &G, size: usize, samples: &Samples) -> Batch {
        let shape = samples.shape();
        Batch {
            len: 0,
            planes: Vec::with_capacity(size * shape.len()),
            choices: Choices::new(game.policy_shape(), shape.height * shape.width),
            policy: Vec::new(),
            value: Vec::with_capacity(size * samples.seats()),
            margin: Vec::new(),
            weight: Vec::new(),
        }
    }

    /// Adds a sample, mirrored or rotated by `symmetry` if all its actions can be.
    fn push<G: Planes>(&mut self, game: &G, samples: &Samples, index: usize, symmetry: usize) {
        let sample = samples.get(index);
        let has_images = sample.ids.iter().all(|id| game.transform_action(symmetry, ActionId(*id)).is_some());
        let symmetry = if has_images { symmetry } else { 0 };
        let planes_start = self.planes.len();
        self.planes.resize(planes_start + sample.planes.len(), 0.0);
        game.transform_planes(symmetry, sample.planes, &mut self.planes[planes_start..]);
        let image = |id: &u32| game.transform_action(symmetry, ActionId(*id)).and_then(|image| game.named(image));
        let sketch = |id| game.sketch(&image(id).expect("recorded actions have names, and images as chosen above"));
        self.choices.push(sample.ids.iter().map(sketch));
        self.policy.extend(sample.policy);
        self.value.extend(sample.value);
        self.margin.extend(sample.margin);
        self.len += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::game::connect4::ConnectFour;
    use crate::learn::fixtures;

    fn all(samples: &Samples) -> Vec<u32> {
        (0..samples.len() as u32).collect()
    }

    #[test]
    fn the_same_seed_and_step_give_the_same_batch() {
        let samples = fixtures::samples(3, 1);
        let batch = |seed, step| Sampler::new(&ConnectFour, &samples, all(&samples), 16, seed).batch(step);
        assert_eq!(batch(1, 5), batch(1, 5));
        assert_ne!(batch(1, 5), batch(1, 6));
        assert_ne!(batch(1, 5), batch(2, 5));
        let mut in_order = Sampler::new(&ConnectFour, &samples, all(&samples), 16, 1);
        (0..5).for_each(|step| drop(in_order.batch(step)));
        assert_eq!(in_order.batch(5), batch(1, 5), "a batch must not depend on those before it");
    }

    #[test]
    fn an_epoch_holds_every_sample_once() {
        let samples = fixtures::samples(2, 2);
        let mut sampler = Sampler::new(&ConnectFour, &samples, all(&samples), 8, 3);
        let first = sampler.shuffled(0).to_vec();
        let second = sampler.shuffled(1).to_vec();
        assert_ne!(first, second);
        for mut order in [first, second] {
            order.sort_unstable();
            assert!(order.into_iter().eq(0..samples.len() as u32));
        }
    }

    #[test]
    fn symmetries_move_planes_and_actions_together() {
        let samples = fixtures::samples(1, 4);
        let mut plain = Batch::with_room(&ConnectFour, 1, &samples);
        let mut mirrored = Batch::with_room(&ConnectFour, 1, &samples);
        let last = samples.len() - 1;
        plain.push(&ConnectFour, &samples, last, 0);
        mirrored.push(&ConnectFour, &samples, last, 1);
        assert_eq!(plain.planes, samples.get(last).planes);
        assert_ne!(plain.planes, mirrored.planes);
        let reversed = |row: &[f32]| row.iter().rev().copied().collect::<Vec<_>>();
        assert_eq!(plain.policy, mirrored.policy, "the targets go with their actions");
        let legal = samples.get(last).ids.len();
        let columns = |batch: &Batch| (0..legal).map(|at| batch.choices.spots[6 * at] / 6).collect::<Vec<_>>();
        assert_eq!(columns(&mirrored), columns(&plain).into_iter().map(|column| 6 - column).collect::<Vec<_>>());
        let rows = plain.planes.chunks(7).zip(mirrored.planes.chunks(7));
        rows.for_each(|(plain, mirrored)| assert_eq!(reversed(plain), mirrored));
        assert_eq!(plain.value, mirrored.value);
    }

    #[test]
    fn both_symmetries_are_drawn() {
        let samples = fixtures::samples(1, 4);
        let batch = Sampler::new(&ConnectFour, &samples, all(&samples), samples.len(), 9).batch(0);
        let is_plain = |planes: &[f32]| (0..samples.len()).any(|index| samples.get(index).planes == planes);
        let plain = batch.planes.chunks(samples.shape().len()).filter(|planes| is_plain(planes)).count();
        assert!(plain > 0 && plain < samples.len(), "{plain} of {}", samples.len());
    }
}
