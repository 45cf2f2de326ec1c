//! Bitboards. Column `c`, row `r` (from the bottom) is bit `7 c + r`; bit `7 c + 6` stays empty, so that shifted
//! stones never wrap from one column into the next.
//!
//! ```text
//!  row 5 |  5 12 19 26 33 40 47
//!  row 4 |  4 11 18 25 32 39 46
//!  row 3 |  3 10 17 24 31 38 45
//!  row 2 |  2  9 16 23 30 37 44
//!  row 1 |  1  8 15 22 29 36 43
//!  row 0 |  0  7 14 21 28 35 42
//! ```

use crate::game::Seat;

/// Columns.
pub(super) const WIDTH: usize = 7;
/// Rows.
pub(super) const HEIGHT: usize = 6;
/// Cells, and so the most plies.
pub(super) const CELLS: usize = WIDTH * HEIGHT;
/// Bits from one column to the next.
pub(super) const STRIDE: usize = HEIGHT + 1;
/// The cells of column 0.
pub(super) const COLUMN: u64 = (1 << HEIGHT) - 1;

/// A position: the stones of both seats. Who moves follows from their number.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Board {
    stones: [u64; 2],
}

impl Board {
    /// Stones on the board.
    pub fn plies(self) -> usize {
        self.occupied().count_ones() as usize
    }

    /// The seat that moves next, were the game not over.
    pub fn mover(self) -> Seat {
        if self.plies().is_multiple_of(2) { Seat::FIRST } else { Seat::FIRST.next(2) }
    }

    /// The seat whose stone lies in `column`, `row` (from the bottom).
    pub fn at(self, column: usize, row: usize) -> Option<Seat> {
        let bit = cell(column, row);
        Seat::all(2).find(|seat| self.stones[seat.index()] & bit != 0)
    }

    /// The stones of one seat as bits.
    pub(super) fn stones(self, seat: Seat) -> u64 {
        self.stones[seat.index()]
    }

    /// True when a stone fits into `column`.
    pub(super) fn has_room(self, column: usize) -> bool {
        self.occupied() & cell(column, HEIGHT - 1) == 0
    }

    /// Drops the mover's stone into a column that has room.
    pub(super) fn drop_stone(&mut self, column: usize) {
        let mover = self.mover();
        self.stones[mover.index()] |= self.landing(column);
    }

    /// The bit where a stone comes to lie in a column that has room.
    fn landing(self, column: usize) -> u64 {
        (self.occupied() + cell(column, 0)) & (COLUMN << (column * STRIDE))
    }

    /// The seat with four in a row. Only the seat that moved last can have them.
    pub(super) fn winner(self) -> Option<Seat> {
        let last = self.mover().next(2);
        four_in_a_row(self.stones(last)).then_some(last)
    }

    /// True when a stone of `seat` in `column`, which has room, would make four in a row.
    pub(super) fn completes_four(self, seat: Seat, column: usize) -> bool {
        four_in_a_row(self.stones(seat) | self.landing(column))
    }

    /// A number that only boards with the same stones have, and their mirror images.
    pub(super) fn key(self) -> (u64, u64) {
        let [first, second] = self.stones;
        (first, second).min((mirrored(first), mirrored(second)))
    }

    /// True when no stone fits anywhere.
    pub(super) fn is_full(self) -> bool {
        self.plies() == CELLS
    }

    fn occupied(self) -> u64 {
        self.stones[0] | self.stones[1]
    }
}

/// The bit of a cell.
pub(super) fn cell(column: usize, row: usize) -> u64 {
    1 << (column * STRIDE + row)
}

/// The columns from right to left.
pub(super) fn mirrored(bits: u64) -> u64 {
    (0..WIDTH).fold(0, |sum, column| sum | ((bits >> (column * STRIDE)) & COLUMN) << ((WIDTH - 1 - column) * STRIDE))
}

/// True when four of `stones` lie in a row: upright, level, or along either diagonal.
fn four_in_a_row(stones: u64) -> bool {
    [1, STRIDE, STRIDE - 1, STRIDE + 1].into_iter().any(|step| {
        let pairs = stones & (stones >> step);
        pairs & (pairs >> (2 * step)) != 0
    })
}
