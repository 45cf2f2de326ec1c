//! Cells by number.

/// A cell of a board: its place in the canonical order (by x, then by y), from 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Cell(pub(super) u16);

impl Cell {
    /// The place in the canonical order.
    pub fn index(self) -> usize {
        usize::from(self.0)
    }
}
