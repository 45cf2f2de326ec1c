//! Chance that follows from the seed. Each purpose has dice of its own, so that one more throw here changes nothing there.

use std::time::Duration;

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// A source of chance.
pub struct Dice(ChaCha8Rng);

impl Dice {
    /// The dice of this seed for this purpose.
    pub fn new(seed: u64, purpose: &str) -> Dice {
        Dice(ChaCha8Rng::from_seed(blake3::hash(format!("{seed} {purpose}").as_bytes()).into()))
    }

    /// True this often.
    pub fn chance(&mut self, probability: f64) -> bool {
        self.0.random_bool(probability)
    }

    /// A number from `from` up to before `to`.
    pub fn number(&mut self, from: u64, to: u64) -> u64 {
        self.0.random_range(from..to)
    }

    /// A duration from `from` up to before `to` milliseconds.
    pub fn ms(&mut self, from: u64, to: u64) -> Duration {
        Duration::from_millis(self.number(from, to))
    }

    /// A real number from `from` up to `to`.
    pub fn real(&mut self, from: f64, to: f64) -> f64 {
        self.0.random_range(from..=to)
    }

    /// One of these. There must be one.
    pub fn pick<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        &from[self.0.random_range(0..from.len())]
    }

    /// So many different ones of `0..of`, in order.
    pub fn subset(&mut self, count: usize, of: usize) -> Vec<usize> {
        let mut chosen = rand::seq::index::sample(&mut self.0, of, count.min(of)).into_vec();
        chosen.sort_unstable();
        chosen
    }
}
