//! A position as the mover sees it, in the layout of [`super::super::board`].

use super::super::board::{Board, CELLS, COLUMN, HEIGHT, STRIDE, WIDTH, mirrored};

/// The lowest cell of every column.
const BOTTOM: u64 = {
    let (mut bits, mut column) = (0, 0);
    while column < WIDTH {
        bits |= 1 << (column * STRIDE);
        column += 1;
    }
    bits
};
/// Every cell.
const FULL: u64 = BOTTOM * COLUMN;

/// The stones of the mover and of both.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Position {
    own: u64,
    all: u64,
}

impl Position {
    /// A board that is not over, from its mover's side.
    pub(super) fn of(board: &Board) -> Position {
        let mover = board.mover();
        let own = board.stones(mover);
        Position { own, all: own | board.stones(mover.next(2)) }
    }

    /// True when at most two cells are free.
    pub(super) fn nearly_full(self) -> bool {
        self.all.count_ones() as usize + 2 >= CELLS
    }

    /// One bit for each column with room: where a stone would land.
    pub(super) fn landings(self) -> u64 {
        (self.all + BOTTOM) & FULL
    }

    /// Where the mover would land in `column`; 0 when it is full.
    pub(super) fn landing(self, column: usize) -> u64 {
        self.landings() & (COLUMN << (column * STRIDE))
    }

    /// The position after the mover's stone at `landing`.
    pub(super) fn after(self, landing: u64) -> Position {
        Position { own: self.own ^ self.all, all: self.all | landing }
    }

    /// True when the mover has four in a row with its next stone.
    pub(super) fn wins_now(self) -> bool {
        self.landings() & threats(self.own, self.all) != 0
    }

    /// Landings after which the other cannot win at once. Presumes that the mover cannot win at once.
    pub(super) fn safe_landings(self) -> u64 {
        let threats = threats(self.own ^ self.all, self.all);
        let landings = self.landings();
        let forced = landings & threats;
        let candidates = match forced.count_ones() {
            0 => landings,
            1 => forced,
            _ => return 0,
        };
        // A stone right below a threat lets the other have it.
        candidates & !(threats >> 1)
    }

    /// Cells with which the mover would have four in a row, once it has a stone at `landing`.
    pub(super) fn threats_after(self, landing: u64) -> u32 {
        threats(self.own | landing, self.all | landing).count_ones()
    }

    /// A number that only this position and its mirror image have, below 2^49.
    pub(super) fn key(self) -> u64 {
        let key = |position: Position| position.own + position.all;
        key(self).min(key(self.reflected()))
    }

    fn reflected(self) -> Position {
        Position { own: mirrored(self.own), all: mirrored(self.all) }
    }
}

/// Free cells with which `stones` would have four in a row.
fn threats(stones: u64, all: u64) -> u64 {
    let mut found = (stones << 1) & (stones << 2) & (stones << 3);
    for step in [STRIDE - 1, STRIDE, STRIDE + 1] {
        let up = (stones << step) & (stones << (2 * step));
        let down = (stones >> step) & (stones >> (2 * step));
        found |= up & (stones << (3 * step)) | up & (stones >> step);
        found |= down & (stones >> (3 * step)) | down & (stones << step);
    }
    found & FULL & !all
}

// The layout, checked at compile time.
const _: () = assert!(BOTTOM & 1 == 1 && FULL.count_ones() as usize == CELLS && COLUMN.count_ones() as usize == HEIGHT);

#[cfg(test)]
mod tests {
    use super::super::super::board::cell;
    use super::*;

    #[test]
    fn a_threat_is_a_free_cell_that_completes_four() {
        let row = |columns: &[usize]| columns.iter().fold(0, |bits, column| bits | cell(*column, 0));
        let three = row(&[1, 2, 3]);
        assert_eq!(threats(three, three), cell(0, 0) | cell(4, 0));
        let gap = row(&[0, 1, 3]);
        assert_eq!(threats(gap, gap), cell(2, 0));
        let upright = cell(6, 3) | cell(6, 4) | cell(6, 5);
        assert_eq!(threats(upright, upright | cell(6, 2)), 0, "nothing lies above the board, or in the next column");
    }

    #[test]
    fn mirror_images_share_a_key() {
        let board = |columns: &[usize]| {
            let mut board = Board::default();
            columns.iter().for_each(|column| board.drop_stone(*column));
            Position::of(&board).key()
        };
        assert_eq!(board(&[0, 1, 1, 3]), board(&[6, 5, 5, 3]));
        assert_ne!(board(&[0, 1, 1, 3]), board(&[0, 1, 1, 2]));
    }
}
