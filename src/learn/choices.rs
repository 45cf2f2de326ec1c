//! The legal actions of a batch of positions, as the policy head asks for them: places in what the net says of each position.
//! Ragged, all actions one behind the other: no array is as long as the action table.

use crate::game::{PolicyShape, Sketch};

/// Actions of a batch. Positions have numbers from 0 on, actions too; the indices count in these arrays, row by row:
///
/// ```text
/// kinds   [position][kind]
/// roles   [position][cell][role]
/// pairs   [position][cell][family]
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Choices {
    shape: PolicyShape,
    cells: usize,
    /// Where each position's actions begin; one more than there are positions.
    starts: Vec<usize>,
    /// Each action's kind.
    pub(super) kinds: Vec<i64>,
    /// The spots of all actions, and which action each belongs to.
    pub(super) spots: Vec<i64>,
    pub(super) spot_owners: Vec<i64>,
    /// The pairs of all actions, and which action each belongs to.
    pub(super) from: Vec<i64>,
    pub(super) to: Vec<i64>,
    pub(super) pair_owners: Vec<i64>,
}

impl Choices {
    /// No positions yet.
    pub fn new(shape: PolicyShape, cells: usize) -> Choices {
        Choices {
            shape,
            cells,
            starts: vec![0],
            kinds: Vec::new(),
            spots: Vec::new(),
            spot_owners: Vec::new(),
            from: Vec::new(),
            to: Vec::new(),
            pair_owners: Vec::new(),
        }
    }

    /// Forgets all positions and keeps the memory.
    pub fn clear(&mut self) {
        self.starts.truncate(1);
        let lists = [
            &mut self.kinds,
            &mut self.spots,
            &mut self.spot_owners,
            &mut self.from,
            &mut self.to,
            &mut self.pair_owners,
        ];
        lists.into_iter().for_each(Vec::clear);
    }

    /// Adds a position with its legal actions.
    pub fn push(&mut self, sketches: impl IntoIterator<Item = Sketch>) {
        let position = self.positions();
        let PolicyShape { kinds, roles, families } = self.shape;
        let cell = |cell: u16| position * self.cells + usize::from(cell);
        for sketch in sketches {
            debug_assert!(sketch.fits(self.shape, self.cells), "{sketch:?}");
            let action = self.kinds.len() as i64;
            self.kinds.push((position * kinds + sketch.kind()) as i64);
            for spot in sketch.spots() {
                self.spots.push((cell(spot.cell) * roles + usize::from(spot.role)) as i64);
                self.spot_owners.push(action);
            }
            for pair in sketch.pairs() {
                let place = |end: u16| (cell(end) * families + usize::from(pair.family)) as i64;
                self.from.push(place(pair.from));
                self.to.push(place(pair.to));
                self.pair_owners.push(action);
            }
        }
        self.starts.push(self.kinds.len());
    }

    /// Number of positions.
    pub fn positions(&self) -> usize {
        self.starts.len() - 1
    }

    /// Number of actions of all positions.
    pub fn actions(&self) -> usize {
        self.kinds.len()
    }

    /// Numbers of a position's actions.
    pub fn of(&self, position: usize) -> std::ops::Range<usize> {
        self.starts[position]..self.starts[position + 1]
    }

    /// The most actions of a position.
    pub fn widest(&self) -> usize {
        self.starts.windows(2).map(|ends| ends[1] - ends[0]).max().unwrap_or(0)
    }

    /// A table with a row of [`Choices::widest`] for each position: numbers of its actions, then [`Choices::actions`] as filling.
    pub fn rows(&self) -> Vec<i64> {
        let (width, filling) = (self.widest(), self.actions() as i64);
        let row = |position| {
            let actions = self.of(position);
            let empty = width - actions.len();
            actions.map(|action| action as i64).chain(std::iter::repeat_n(filling, empty))
        };
        (0..self.positions()).flat_map(row).collect()
    }

    /// One number for each action, laid out as [`Choices::rows`], 0 as filling.
    pub fn spread(&self, values: &[f32]) -> Vec<f32> {
        self.rows().into_iter().map(|action| values.get(action as usize).copied().unwrap_or(0.0)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn actions_lie_one_behind_the_other() {
        let mut choices = Choices::new(PolicyShape { kinds: 3, roles: 2, families: 4 }, 10);
        choices.push([Sketch::of(2), Sketch::of(0).spot(1, 7)]);
        choices.push([Sketch::of(1).spot(0, 3).pair(3, 3, 9)]);
        assert_eq!((choices.positions(), choices.actions(), choices.widest()), (2, 3, 2));
        assert_eq!((choices.of(0), choices.of(1)), (0..2, 2..3));
        assert_eq!(choices.kinds, [2, 0, 3 + 1]);
        assert_eq!((choices.spots.as_slice(), choices.spot_owners.as_slice()), (&[7 * 2 + 1, 13 * 2][..], &[1, 2][..]));
        assert_eq!((choices.from.as_slice(), choices.to.as_slice()), (&[13 * 4 + 3][..], &[19 * 4 + 3][..]));
        assert_eq!(choices.pair_owners, [2]);
        assert_eq!(choices.rows(), [0, 1, 2, 3]);
        assert_eq!(choices.spread(&[0.25, 0.75, 1.0]), [0.25, 0.75, 1.0, 0.0]);
        choices.clear();
        assert_eq!(choices, Choices::new(PolicyShape { kinds: 3, roles: 2, families: 4 }, 10));
    }
}
