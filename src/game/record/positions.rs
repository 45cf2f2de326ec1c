//! Which positions a file of games visits: a small sample of them that can be compared with other files' samples.
//!
//! Positions are compared up to the board's symmetries, and sampled by their hashes: the smallest ones. Two files sample the same hashes
//! among those that both have (coordinated sampling: Broder 1997; bottom-k sketches: Cohen and Kaplan 2007), so the share of one sample that is found in others
//! estimates the share of positions that the others have.

use std::collections::BTreeSet;

use crate::game::Planes;

/// Hashes in a sketch at most.
pub const SKETCH_MAX: usize = 64;
/// Every so many plies a position is looked at: enough for an estimate, and verification stays quick.
const EVERY: usize = 4;

/// The smallest hashes of the positions seen so far.
#[derive(Debug)]
pub(super) struct PositionSketch {
    smallest: BTreeSet<u64>,
    planes: Vec<f32>,
    image: Vec<f32>,
}

impl PositionSketch {
    pub fn new<G: Planes>(game: &G) -> PositionSketch {
        let len = game.plane_shape().len();
        PositionSketch { smallest: BTreeSet::new(), planes: vec![0.0; len], image: vec![0.0; len] }
    }

    /// Takes note of the position before `ply`. The first one is that of every game, and is left out.
    pub fn see<G: Planes>(&mut self, game: &G, ply: usize, state: &G::State) {
        if ply == 0 || !ply.is_multiple_of(EVERY) {
            return;
        }
        game.encode(state, &mut self.planes);
        let mut canonical = u64::MAX;
        for symmetry in 0..game.symmetries() {
            game.transform_planes(symmetry, &self.planes, &mut self.image);
            canonical = canonical.min(hash(&self.image));
        }
        self.smallest.insert(canonical);
        if self.smallest.len() > SKETCH_MAX {
            self.smallest.pop_last();
        }
    }

    /// The hashes, smallest first.
    pub fn into_hashes(self) -> Vec<u64> {
        self.smallest.into_iter().collect()
    }
}

fn hash(planes: &[f32]) -> u64 {
    let mut hasher = blake3::Hasher::new();
    let mut bytes = [0; 1024];
    for part in planes.chunks(bytes.len() / 4) {
        for (into, value) in bytes.chunks_exact_mut(4).zip(part) {
            into.copy_from_slice(&value.to_le_bytes());
        }
        hasher.update(&bytes[..4 * part.len()]);
    }
    let [a, b, c, d, e, f, g, h, ..] = *hasher.finalize().as_bytes();
    u64::from_le_bytes([a, b, c, d, e, f, g, h])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::game::Game;
    use crate::game::connect4::ConnectFour;

    /// The sketch of the positions of a game in which these columns are played.
    fn sketch(columns: &[u32]) -> Vec<u64> {
        let (mut state, mut sketch) = (ConnectFour.start(), PositionSketch::new(&ConnectFour));
        for (ply, column) in columns.iter().enumerate() {
            sketch.see(&ConnectFour, ply, &state);
            let action = ConnectFour.action(&state, crate::game::ActionId(*column)).expect("a column");
            ConnectFour.play(&mut state, &action).expect("legal");
        }
        sketch.into_hashes()
    }

    #[test]
    fn mirrored_games_visit_the_same_positions() {
        let columns = [3, 2, 2, 4, 5, 0, 1, 1, 6, 6, 5, 0, 3];
        let mirrored: Vec<u32> = columns.iter().map(|column| 6 - column).collect();
        assert_eq!(sketch(&columns), sketch(&mirrored));
        assert_eq!(sketch(&columns).len(), 3, "plies 4, 8 and 12");
        assert_ne!(sketch(&columns), sketch(&[0, 1, 2, 3, 4, 5, 6, 0, 1, 2, 3, 4, 5]));
    }

    #[test]
    fn a_sketch_keeps_the_smallest_hashes() {
        let mut sketch = PositionSketch::new(&ConnectFour);
        (0..1_000_u64).for_each(|value| {
            sketch.smallest.insert(1_000 - value);
        });
        sketch.smallest.retain(|value| *value <= SKETCH_MAX as u64);
        sketch.see(&ConnectFour, 4, &ConnectFour.start());
        let hashes = sketch.into_hashes();
        assert_eq!((hashes.len(), hashes.is_sorted()), (SKETCH_MAX, true));
    }
}
