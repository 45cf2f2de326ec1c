//! What a spatial policy head needs to know of an action: its kind, and its cells in their roles.
//!
//! The head gives each position a bias for every kind, a plane of numbers for every role of a cell, and for every family of pairs two
//! vectors at each cell. The logit of an action is
//!
//! ```text
//! bias[kind] + Σ plane[role][cell] + Σ <query[family][from], key[family][to]>
//! ```
//!
//! over its spots and pairs. So a net's size does not depend on the length of the action table, what it learns of a cell holds for
//! all actions there, and only the actions that are asked for are ever scored.

/// What the policy head has to provide for a game.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PolicyShape {
    /// Kinds of actions.
    pub kinds: usize,
    /// Roles that a cell can have in an action, over all kinds.
    pub roles: usize,
    /// Families of pairs of cells; 0 where no action has two cells that matter together.
    pub families: usize,
}

/// A cell in a role.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Spot {
    /// The role, below [`PolicyShape::roles`].
    pub role: u16,
    /// The cell: its place in a plane of the net's input.
    pub cell: u16,
}

/// Two cells that matter together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pair {
    /// The family, below [`PolicyShape::families`].
    pub family: u16,
    /// The cell whose query counts.
    pub from: u16,
    /// The cell whose key counts.
    pub to: u16,
}

/// The most spots of an action: the longest straight way of a board, and some.
pub const SPOTS_MAX: usize = 32;
/// The most pairs of an action.
pub const PAIRS_MAX: usize = 2;

/// An action as the policy head sees it. Distinct legal actions of a position have distinct sketches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sketch {
    kind: u16,
    spots: [Spot; SPOTS_MAX],
    spot_count: u8,
    pairs: [Pair; PAIRS_MAX],
    pair_count: u8,
}

impl Sketch {
    /// An action of this kind, without cells.
    pub fn of(kind: usize) -> Sketch {
        Sketch {
            kind: kind as u16,
            spots: [Spot::default(); SPOTS_MAX],
            spot_count: 0,
            pairs: [Pair::default(); PAIRS_MAX],
            pair_count: 0,
        }
    }

    /// The same with one more cell.
    ///
    /// # Panics
    /// When there are already [`SPOTS_MAX`].
    pub fn spot(mut self, role: usize, cell: usize) -> Sketch {
        self.spots[usize::from(self.spot_count)] = Spot { role: role as u16, cell: cell as u16 };
        self.spot_count += 1;
        self
    }

    /// The same with one more pair.
    ///
    /// # Panics
    /// When there are already [`PAIRS_MAX`].
    pub fn pair(mut self, family: usize, from: usize, to: usize) -> Sketch {
        self.pairs[usize::from(self.pair_count)] = Pair { family: family as u16, from: from as u16, to: to as u16 };
        self.pair_count += 1;
        self
    }

    /// The kind.
    pub fn kind(&self) -> usize {
        usize::from(self.kind)
    }

    /// The cells in their roles.
    pub fn spots(&self) -> &[Spot] {
        &self.spots[..usize::from(self.spot_count)]
    }

    /// The pairs.
    pub fn pairs(&self) -> &[Pair] {
        &self.pairs[..usize::from(self.pair_count)]
    }

    /// Whether a head of `shape` over planes of `cells` cells can score it.
    pub fn fits(&self, shape: PolicyShape, cells: usize) -> bool {
        let inside = |cell: u16| usize::from(cell) < cells;
        self.kind() < shape.kinds
            && self.spots().iter().all(|spot| usize::from(spot.role) < shape.roles && inside(spot.cell))
            && self
                .pairs()
                .iter()
                .all(|pair| usize::from(pair.family) < shape.families && inside(pair.from) && inside(pair.to))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sketch_holds_what_it_was_given_and_knows_what_fits() {
        let sketch = Sketch::of(1).spot(2, 5).spot(0, 6).pair(1, 5, 6);
        assert_eq!(sketch.kind(), 1);
        assert_eq!(sketch.spots(), [Spot { role: 2, cell: 5 }, Spot { role: 0, cell: 6 }]);
        assert_eq!(sketch.pairs(), [Pair { family: 1, from: 5, to: 6 }]);
        let shape = PolicyShape { kinds: 2, roles: 3, families: 2 };
        assert!(sketch.fits(shape, 7));
        assert!(!sketch.fits(shape, 6));
        assert!(!sketch.fits(PolicyShape { kinds: 1, ..shape }, 7));
        assert!(!sketch.fits(PolicyShape { roles: 2, ..shape }, 7));
        assert!(!sketch.fits(PolicyShape { families: 1, ..shape }, 7));
    }
}
