//! The four boards, and what follows from a board and a number of players.

use std::fmt;

/// A board.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Board {
    /// 8 × 8 squares.
    Square8,
    /// 19 × 19 squares.
    Square19,
    /// A hexagon of radius 4.
    Hex8,
    /// A hexagon of radius 12.
    Hexagonal,
}

impl Board {
    /// All boards, in the order in which lists show them.
    pub const ALL: [Board; 4] = [Board::Square8, Board::Square19, Board::Hex8, Board::Hexagonal];

    /// The name on paper.
    pub const fn name(self) -> &'static str {
        match self {
            Board::Square8 => "square8",
            Board::Square19 => "square19",
            Board::Hex8 => "hex8",
            Board::Hexagonal => "hexagonal",
        }
    }

    /// The board with this name.
    pub fn named(name: &str) -> Option<Board> {
        Board::ALL.into_iter().find(|board| board.name() == name)
    }

    /// Is it made of hexagons?
    pub const fn is_hex(self) -> bool {
        matches!(self, Board::Hex8 | Board::Hexagonal)
    }

    /// Squares along a side, or the longest row of hexagons.
    pub const fn side(self) -> usize {
        match self {
            Board::Square8 => 8,
            Board::Square19 => 19,
            Board::Hex8 => 9,
            Board::Hexagonal => 25,
        }
    }

    /// The least coordinate.
    pub const fn low(self) -> i32 {
        if self.is_hex() { -(self.side() as i32 / 2) } else { 0 }
    }

    /// Is there a cell at (x, y)?
    pub const fn contains(self, x: i32, y: i32) -> bool {
        let (low, high) = (self.low(), self.low() + self.side() as i32 - 1);
        let inside = low <= x && x <= high && low <= y && y <= high;
        inside && (!self.is_hex() || (low <= x + y && x + y <= high))
    }

    /// Number of cells.
    pub const fn cells(self) -> usize {
        match self {
            Board::Square8 => 64,
            Board::Square19 => 361,
            Board::Hex8 => 61,
            Board::Hexagonal => 469,
        }
    }

    /// Rings that each player starts with.
    pub const fn rings(self) -> u16 {
        match self {
            Board::Square8 | Board::Hex8 => 18,
            Board::Square19 => 72,
            Board::Hexagonal => 96,
        }
    }

    /// Markers in a row that make a line.
    pub const fn line_length(self, seats: usize) -> usize {
        match self {
            Board::Square8 | Board::Hex8 if seats > 2 => 3,
            _ => 4,
        }
    }
}

impl fmt::Display for Board {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Exclusive rounds after which the last player standing has won.
pub const LPS_ROUNDS: u16 = 3;

/// One configuration of the game, and the thresholds that follow from it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Config {
    /// The board.
    pub board: Board,
    /// Number of players, 2 to 4.
    pub seats: usize,
    /// May the second player swap sides after the first move (two players only)?
    pub swap: bool,
}

impl Config {
    /// Eliminated rings that win.
    pub const fn elimination_win(self) -> u16 {
        // Every board's number of rings is a multiple of 3.
        self.board.rings() * (self.seats as u16 + 1) / 3
    }

    /// Collapsed cells that win, when they are also more than all others have together.
    pub const fn territory_min(self) -> u16 {
        (self.board.cells() / self.seats) as u16 + 1
    }

    /// Markers in a row that make a line.
    pub const fn line_length(self) -> usize {
        self.board.line_length(self.seats)
    }

    /// An upper bound of the plies of a game.
    ///
    /// Markers, collapsed cells and eliminated rings together grow with every turn in which somebody acts, and every round in which
    /// nobody can act ends the game. So there are at most `seats` turns for each cell and each ring. A turn has at most six plies
    /// (place, move, decline, no line, no region, forced elimination) beside those that make the sum grow (segments of a chain,
    /// payments) and those that collapse (lines, regions).
    pub const fn plies_max(self) -> usize {
        let growth = self.board.cells() + self.seats * self.board.rings() as usize;
        6 * self.seats * growth + growth + self.board.cells() + 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thresholds_are_those_of_the_rules() {
        let of = |board, thresholds: fn(Config) -> u16| {
            [2, 3, 4].map(|seats| thresholds(Config { board, seats, swap: false }))
        };
        assert_eq!(of(Board::Square8, Config::elimination_win), [18, 24, 30]);
        assert_eq!(of(Board::Square19, Config::elimination_win), [72, 96, 120]);
        assert_eq!(of(Board::Hexagonal, Config::elimination_win), [96, 128, 160]);
        assert_eq!(of(Board::Square8, Config::territory_min), [33, 22, 17]);
        assert_eq!(of(Board::Hex8, Config::territory_min), [31, 21, 16]);
        assert_eq!(of(Board::Square19, Config::territory_min), [181, 121, 91]);
        assert_eq!(of(Board::Hexagonal, Config::territory_min), [235, 157, 118]);
    }

    #[test]
    fn boards_have_as_many_cells_as_they_say() {
        for board in Board::ALL {
            let count = (-30..30).flat_map(|x| (-30..30).map(move |y| (x, y))).filter(|&(x, y)| board.contains(x, y));
            assert_eq!(count.count(), board.cells(), "{board}");
            assert_eq!(Board::named(board.name()), Some(board));
        }
    }
}
