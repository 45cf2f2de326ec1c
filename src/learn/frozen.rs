//! The frozen set: positions of a game that never change. What a net says of them is written into its model file and checked after every
//! load, and the hash of how they are encoded is part of a model's identity. So neither an encoder that was changed without a new version
//! nor a net that computes something else than it did goes unnoticed.

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::error::LearnError;
use crate::event::Hash;
use crate::game::Planes;
use crate::search::Evaluation;

/// Positions of the set.
const POSITIONS: usize = 32;
/// Plies between two of them.
const PLIES_BETWEEN: usize = 3;
/// Seed of the games that they come from.
const SEED: u64 = 0x6b69_6675;

/// A position with its legal actions.
pub type Position<G> = (<G as crate::game::Game>::State, Vec<<G as crate::game::Game>::Action>);

/// The frozen positions of a game: of random games, those in which there is a choice.
pub fn positions<G: Planes>(game: &G) -> Vec<Position<G>> {
    positions_of(game, SEED)
}

/// As many positions of other random games.
pub(super) fn positions_of<G: Planes>(game: &G, seed: u64) -> Vec<Position<G>> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let (mut positions, mut state, mut legal, mut plies) = (Vec::new(), game.start(), Vec::new(), 0);
    while positions.len() < POSITIONS {
        game.legal(&state, &mut legal);
        if legal.is_empty() {
            state = game.start();
            continue;
        }
        if legal.len() > 1 && plies % PLIES_BETWEEN == 0 {
            positions.push((state.clone(), legal.clone()));
        }
        // Drawn as 32 bits, so that it is the same on every machine.
        let chosen = rng.random_range(0..legal.len() as u32) as usize;
        game.play_listed(&mut state, &legal[chosen]);
        plies += 1;
    }
    positions
}

/// The hash of how a game's frozen positions and their actions are encoded.
pub fn encoder_hash<G: Planes>(game: &G) -> Hash {
    let mut hasher = blake3::Hasher::new();
    let mut planes = vec![0.0; game.plane_shape().len()];
    for (state, legal) in positions(game) {
        game.encode(&state, &mut planes);
        for value in &planes {
            hasher.update(&value.to_le_bytes());
        }
        for action in &legal {
            let sketch = game.sketch(action);
            let mut numbers = vec![sketch.kind() as u16, sketch.spots().len() as u16];
            numbers.extend(sketch.spots().iter().flat_map(|spot| [spot.role, spot.cell]));
            numbers.extend(sketch.pairs().iter().flat_map(|pair| [pair.family, pair.from, pair.to]));
            numbers.iter().for_each(|number| {
                hasher.update(&number.to_le_bytes());
            });
        }
    }
    Hash(*hasher.finalize().as_bytes())
}

/// What a net says of the frozen positions, one position behind the other.
#[derive(Clone, Debug, PartialEq)]
pub struct Answers {
    /// The logits of all legal actions.
    pub logits: Vec<f32>,
    /// The values of all seats.
    pub values: Vec<f32>,
}

impl Answers {
    /// The answers in these evaluations, with values for `seats` seats.
    pub fn new(evaluations: &[Evaluation], seats: usize) -> Answers {
        Answers {
            logits: evaluations.iter().flat_map(|it| it.logits.iter().copied()).collect(),
            values: evaluations.iter().flat_map(|it| it.value[..seats].iter().copied()).collect(),
        }
    }

    /// The greatest differences of logits and of values; infinite where the numbers of answers differ.
    pub fn distance(&self, other: &Answers) -> [f32; 2] {
        let greatest = |one: &[f32], two: &[f32]| match one.len() == two.len() {
            true => one.iter().zip(two).map(|(a, b)| (a - b).abs()).max_by(f32::total_cmp).unwrap_or(0.0),
            false => f32::INFINITY,
        };
        [greatest(&self.logits, &other.logits), greatest(&self.values, &other.values)]
    }

    /// Refuses answers that are further from these than `limits` for logits and values.
    ///
    /// # Errors
    /// [`LearnError::Frozen`] with the first difference that is too great.
    pub fn check(&self, found: &Answers, limits: [f32; 2]) -> Result<(), LearnError> {
        let distance = self.distance(found);
        for (what, distance, limit) in [("logits", distance[0], limits[0]), ("values", distance[1], limits[1])] {
            if distance.is_nan() || distance > limit {
                return Err(LearnError::Frozen { what, distance, limit });
            }
        }
        Ok(())
    }
}

/// The greatest differences of a move's share of the policy and of a seat's value between two opinions of the same positions.
#[cfg(any(test, feature = "torch"))]
pub(super) fn difference(one: &[Evaluation], other: &[Evaluation]) -> [f32; 2] {
    let greatest = |pairs: &mut dyn Iterator<Item = (f32, f32)>| {
        pairs.map(|(a, b)| (a - b).abs()).max_by(f32::total_cmp).unwrap_or(0.0)
    };
    let positions = || one.iter().zip(other);
    let shares = &mut positions().flat_map(|(a, b)| shares(&a.logits).into_iter().zip(shares(&b.logits)));
    let values = &mut positions().flat_map(|(a, b)| a.value.into_iter().zip(b.value));
    [greatest(shares), greatest(values)]
}

/// The softmax of logits.
#[cfg(any(test, feature = "torch"))]
fn shares(logits: &[f32]) -> Vec<f32> {
    let most = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let weights: Vec<f32> = logits.iter().map(|logit| (logit - most).exp()).collect();
    let sum: f32 = weights.iter().sum();
    weights.into_iter().map(|weight| weight / sum).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::game::connect4::ConnectFour;
    use crate::game::ringrift::RingRift;

    #[test]
    fn the_encoders_are_what_they_were() {
        // A change here needs a new encoder version: models that were trained before it do not see what they learned from.
        assert_eq!((ConnectFour.encoder_version(), encoder_hash(&ConnectFour).short().as_str()), (2, "61f0629e"));
        let rings = [RingRift::HEX8[0], RingRift::HEX8[1], RingRift::HEX8[2], RingRift::SQUARE8[0]];
        assert!(rings.iter().all(|game| game.encoder_version() == 4));
        let hashes = rings.each_ref().map(|game| encoder_hash(game).short());
        assert_eq!(hashes, ["5a412714", "c436b0bc", "62cf2798", "e45eab0a"]);
    }

    #[test]
    fn opinions_differ_by_what_they_would_play() {
        let opinion =
            |logits: &[f32], first: f32| Evaluation { logits: logits.to_vec(), value: [first, 1.0 - first, 0.0, 0.0] };
        let one = [opinion(&[0.0, 0.0], 0.5), opinion(&[4.0, -9.0, -20.0], 0.9)];
        let close = |other: &[Evaluation], expected: [f32; 2]| {
            let found = difference(&one, other);
            assert!(found.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-4), "{found:?}");
        };
        close(&one, [0.0, 0.0]);
        close(&[opinion(&[7.0, 7.0], 0.5), opinion(&[4.0, -10.0, -15.0], 0.9)], [0.0, 0.0]);
        close(&[opinion(&[0.0, 3f32.ln()], 0.6), one[1].clone()], [0.25, 0.1]);
        assert!(difference(&one, &[opinion(&[0.0, f32::NAN], 0.5), one[1].clone()])[0].is_nan());
    }

    #[test]
    fn answers_that_differ_are_refused() {
        let answers = Answers { logits: vec![1.0, 2.0], values: vec![0.5, 0.5] };
        assert!(answers.check(&answers.clone(), [0.0, 0.0]).is_ok());
        for (logits, values) in
            [(vec![1.0, 2.2], vec![0.5, 0.5]), (vec![1.0], vec![0.5, 0.5]), (vec![1.0, 2.0], vec![f32::NAN, 0.5])]
        {
            let error = answers.check(&Answers { logits, values }, [0.1, 0.1]).expect_err("differ");
            assert!(matches!(error, LearnError::Frozen { .. }) && !error.may_pass_later(), "{error}");
        }
    }
}
