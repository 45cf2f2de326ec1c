//! The action table: a number for every move that is ever legal on a board, whatever the number of players.
//!
//! A move's number follows from its kind and its cells. Kinds lie one behind the other ([`Block::ALL`]); within a kind the numbers
//! count as each function here says. The table is part of the records' format: a change needs a new version of the rules.

use super::board::Board;
use super::cell::Cell;
use super::geometry::{Axis, Geometry};
use super::moves::{Border, Extent, Move};

/// Moves without cells.
pub(super) const PLAIN_MOVES: usize = PLAIN.len();
/// They, in order of their numbers.
const PLAIN: [Move; 9] = [
    Move::SkipPlacement,
    Move::NoPlacement,
    Move::Swap,
    Move::SkipCapture,
    Move::NoMove,
    Move::SkipRecovery,
    Move::NoLine,
    Move::StopTerritory,
    Move::NoTerritory,
];
/// Rings that are placed at once.
pub(super) const RINGS: usize = 3;
/// Borders of regions: the markers of up to four seats from the mover on, and collapsed cells alone.
pub(super) const BORDERS: usize = 5;

/// A kind of move with numbers of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Block {
    /// Moves without cells.
    Plain,
    /// `P`: cell × number of rings.
    Place,
    /// `M`: every two cells on a straight way.
    Step,
    /// `C`: every three cells on a straight way, from the near to the far.
    Capture,
    /// `K`: as `C`.
    Chain,
    /// `RF`: every two neighbours × the stack that gives up a ring.
    Slide,
    /// `RS`: as `RF`.
    Strike,
    /// `RL1`: as `RF`.
    SlideLine,
    /// `RL2`: every two neighbours × the parts through the second.
    SlidePart,
    /// `L`: first cell × axis × length.
    Line,
    /// `O`: every longer line × itself or a part of it.
    LongLine,
    /// `T`: border × first cell.
    Region,
    /// `E`: cell.
    Eliminate,
    /// `F`: cell.
    Forced,
}

impl Block {
    /// All kinds, in order of their numbers.
    pub const ALL: [Block; 14] = [
        Block::Plain,
        Block::Place,
        Block::Step,
        Block::Capture,
        Block::Chain,
        Block::Slide,
        Block::Strike,
        Block::SlideLine,
        Block::SlidePart,
        Block::Line,
        Block::LongLine,
        Block::Region,
        Block::Eliminate,
        Block::Forced,
    ];
}

/// The numbers of the moves of one board.
#[derive(Debug, Default)]
pub(super) struct Actions {
    /// Where each kind begins, and the end of the last.
    starts: [usize; Block::ALL.len() + 1],
    /// For each ray: where its triples begin. One more than there are rays.
    triples: Vec<usize>,
    /// For each ray: how many rays before it have a first cell. One more than there are rays.
    near: Vec<usize>,
    /// For each first cell and axis: where the long lines begin. One more than there are.
    long_lines: Vec<usize>,
    /// Lengths that a line needs on this board, with any number of players.
    needed: &'static [usize],
}

impl Actions {
    pub(super) fn new<const W: usize>(geometry: &Geometry<W>) -> Actions {
        let (cells, axes) = (geometry.board.cells(), geometry.directions / 2);
        let needed: &[usize] = match geometry.board {
            Board::Square8 | Board::Hex8 => &[3, 4],
            Board::Square19 | Board::Hexagonal => &[4],
        };
        let every_ray = || geometry.all.iter().flat_map(|cell| geometry.all_directions().map(move |way| (cell, way)));
        let lengths: Vec<usize> = every_ray().map(|(cell, way)| geometry.ray(cell, way).len()).collect();
        let triples = sums(lengths.iter().map(|&length| length * length.saturating_sub(1) / 2));
        let near = sums(lengths.iter().map(|&length| usize::from(length > 0)));
        let rows = geometry.all.iter().flat_map(|cell| geometry.axes().map(move |axis| (cell, axis)));
        let long_lines = sums(rows.map(|(cell, axis)| {
            let longest = geometry.ray(cell, axis.forward()).len() + 1;
            (needed[0] + 1..=longest).map(|length| choices(needed, length)).sum()
        }));
        let last = |sums: &[usize]| sums.last().copied().unwrap_or(0);
        let counts = Block::ALL.map(|block| match block {
            Block::Plain => PLAIN.len(),
            Block::Place => cells * RINGS,
            Block::Step => lengths.iter().sum(),
            Block::Capture | Block::Chain => last(&triples),
            Block::Slide | Block::Strike | Block::SlideLine => last(&near) * cells,
            Block::SlidePart => last(&near) * axes * needed.iter().sum::<usize>(),
            Block::Line => cells * axes * needed.len(),
            Block::LongLine => last(&long_lines),
            Block::Region => BORDERS * cells,
            Block::Eliminate | Block::Forced => cells,
        });
        let mut starts = [0; Block::ALL.len() + 1];
        for (index, count) in counts.into_iter().enumerate() {
            starts[index + 1] = starts[index] + count;
        }
        Actions { starts, triples, near, long_lines, needed }
    }

    /// Length of the table.
    pub(super) fn count(&self) -> usize {
        self.starts[Block::ALL.len()]
    }

    /// Numbers of one kind.
    pub(super) fn block_count(&self, block: Block) -> usize {
        self.starts[block as usize + 1] - self.starts[block as usize]
    }

    /// The number of a move that is legal in some position of the board.
    pub(super) fn encode<const W: usize>(&self, geometry: &Geometry<W>, given: Move) -> usize {
        let cells = geometry.board.cells();
        let near = |from, to| self.near[geometry.way(from, to).0];
        let (block, at) = match given {
            Move::Place { cell, rings } => (Block::Place, cell.index() * RINGS + usize::from(rings) - 1),
            Move::Step { from, to } => (Block::Step, geometry.way_number(from, to)),
            Move::Capture { from, over, to } => (Block::Capture, self.triple(geometry, from, over, to)),
            Move::Chain { from, over, to } => (Block::Chain, self.triple(geometry, from, over, to)),
            Move::Slide { from, to, extract } => (Block::Slide, near(from, to) * cells + extract.index()),
            Move::Strike { from, target, extract } => (Block::Strike, near(from, target) * cells + extract.index()),
            Move::SlideLine { from, to, extract } => (Block::SlideLine, near(from, to) * cells + extract.index()),
            Move::SlidePart { from, to, start, part } => {
                let parts: usize = self.needed.iter().sum();
                let place = if start == to { 0 } else { geometry.way(start, to).1 };
                let slot = part.axis() * parts + self.shorter(part.length()) + place;
                (Block::SlidePart, near(from, to) * geometry.directions / 2 * parts + slot)
            }
            Move::Line { start, line } => {
                let length = self.needed.iter().position(|&needed| needed == line.length()).unwrap_or(0);
                let row = start.index() * geometry.directions / 2 + line.axis();
                (Block::Line, row * self.needed.len() + length)
            }
            Move::LongLine { start, line, part_start, part } => {
                (Block::LongLine, self.long_line(geometry, (start, line), (part_start, part)))
            }
            Move::Region { border, anchor } => {
                let border = match border {
                    Border::Markers(after) => usize::from(after),
                    Border::Collapsed => BORDERS - 1,
                };
                (Block::Region, border * cells + anchor.index())
            }
            Move::Eliminate { cell } => (Block::Eliminate, cell.index()),
            Move::Forced { cell } => (Block::Forced, cell.index()),
            plain => (Block::Plain, PLAIN.iter().position(|&known| known == plain).unwrap_or(0)),
        };
        self.starts[block as usize] + at
    }

    /// The move with this number. `None` beyond the table, and for the few numbers whose cells would lie beyond the board.
    pub(super) fn decode<const W: usize>(&self, geometry: &Geometry<W>, id: usize) -> Option<Move> {
        let block = *Block::ALL.get(self.starts.partition_point(|&start| start <= id).checked_sub(1)?)?;
        let at = id - self.starts[block as usize];
        let cells = geometry.board.cells();
        let cell = |index: usize| Cell(index as u16);
        match block {
            Block::Plain => PLAIN.get(at).copied(),
            Block::Place => Some(Move::Place { cell: cell(at / RINGS), rings: (at % RINGS) as u8 + 1 }),
            Block::Step => {
                let (from, to) = geometry.way_ends(at);
                Some(Move::Step { from, to })
            }
            Block::Capture | Block::Chain => {
                let (from, over, to) = self.triple_cells(geometry, at);
                let chain = block == Block::Chain;
                Some(if chain { Move::Chain { from, over, to } } else { Move::Capture { from, over, to } })
            }
            Block::Slide | Block::Strike | Block::SlideLine => {
                let ((from, to), extract) = (self.near_cells(geometry, at / cells), cell(at % cells));
                Some(match block {
                    Block::Slide => Move::Slide { from, to, extract },
                    Block::Strike => Move::Strike { from, target: to, extract },
                    _ => Move::SlideLine { from, to, extract },
                })
            }
            Block::SlidePart => self.slide_part(geometry, at),
            Block::Line => {
                let (row, length) = (at / self.needed.len(), self.needed[at % self.needed.len()]);
                let (start, axis) = row_of(geometry, row);
                let fits = geometry.ray(start, axis.forward()).len() + 1 >= length;
                fits.then(|| Move::Line { start, line: Extent::new(axis.0, length) })
            }
            Block::LongLine => Some(self.long_line_cells(geometry, at)),
            Block::Region => {
                let border = match at / cells {
                    after if after < BORDERS - 1 => Border::Markers(after as u8),
                    _ => Border::Collapsed,
                };
                Some(Move::Region { border, anchor: cell(at % cells) })
            }
            Block::Eliminate => Some(Move::Eliminate { cell: cell(at) }),
            Block::Forced => Some(Move::Forced { cell: cell(at) }),
        }
    }

    /// Triples of a ray count by the far cell, then by the near one.
    fn triple<const W: usize>(&self, geometry: &Geometry<W>, from: Cell, over: Cell, to: Cell) -> usize {
        let ((ray, far), (_, near)) = (geometry.way(from, to), geometry.way(from, over));
        self.triples[ray] + (far - 1) * (far - 2) / 2 + near - 1
    }

    fn triple_cells<const W: usize>(&self, geometry: &Geometry<W>, at: usize) -> (Cell, Cell, Cell) {
        let index = self.triples.partition_point(|&start| start <= at) - 1;
        let (from, cells) = geometry.ray_number(index);
        let (mut far, mut near) = (2, at - self.triples[index]);
        while near >= far - 1 {
            near -= far - 1;
            far += 1;
        }
        (from, cells[near], cells[far - 1])
    }

    fn near_cells<const W: usize>(&self, geometry: &Geometry<W>, at: usize) -> (Cell, Cell) {
        let (from, cells) = geometry.ray_number(self.near.partition_point(|&start| start <= at) - 1);
        (from, cells[0])
    }

    /// Parts of all lengths below `length` through a cell.
    fn shorter(&self, length: usize) -> usize {
        self.needed.iter().filter(|&&needed| needed < length).sum()
    }

    fn slide_part<const W: usize>(&self, geometry: &Geometry<W>, at: usize) -> Option<Move> {
        let parts: usize = self.needed.iter().sum();
        let slots = geometry.directions / 2 * parts;
        let ((from, to), slot) = (self.near_cells(geometry, at / slots), at % slots);
        let (axis, mut place) = (Axis(slot / parts), slot % parts);
        let length = *self.needed.iter().find(|&&needed| {
            let here = place < needed;
            place -= if here { 0 } else { needed };
            here
        })?;
        let start = match place {
            0 => to,
            _ => *geometry.ray(to, axis.forward().opposite()).get(place - 1)?,
        };
        let fits = geometry.ray(start, axis.forward()).len() + 1 >= length;
        fits.then(|| Move::SlidePart { from, to, start, part: Extent::new(axis.0, length) })
    }

    /// Long lines of a first cell and an axis count by length; those of a length begin with the whole line, then come the parts of
    /// each length that a line needs.
    fn long_line<const W: usize>(
        &self,
        geometry: &Geometry<W>,
        (start, line): (Cell, Extent),
        (part_start, part): (Cell, Extent),
    ) -> usize {
        let length = line.length();
        let row = start.index() * geometry.directions / 2 + line.axis();
        let before: usize = (self.needed[0] + 1..length).map(|length| choices(self.needed, length)).sum();
        let choice = if part == line {
            0
        } else {
            let shorter = self.needed.iter().filter(|&&needed| needed < part.length());
            let place = if part_start == start { 0 } else { geometry.way(start, part_start).1 };
            1 + shorter.map(|needed| length - needed + 1).sum::<usize>() + place
        };
        self.long_lines[row] + before + choice
    }

    fn long_line_cells<const W: usize>(&self, geometry: &Geometry<W>, at: usize) -> Move {
        let row = self.long_lines.partition_point(|&start| start <= at) - 1;
        let (start, axis) = row_of(geometry, row);
        let (mut length, mut choice) = (self.needed[0] + 1, at - self.long_lines[row]);
        while choice >= choices(self.needed, length) {
            choice -= choices(self.needed, length);
            length += 1;
        }
        let line = Extent::new(axis.0, length);
        if choice == 0 {
            return Move::LongLine { start, line, part_start: start, part: line };
        }
        let mut place = choice - 1;
        let mut part_length = self.needed[0];
        for &needed in self.needed {
            part_length = needed;
            let places = length - needed + 1;
            if place < places {
                break;
            }
            place -= places;
        }
        let part_start = if place == 0 { start } else { geometry.ray(start, axis.forward())[place - 1] };
        Move::LongLine { start, line, part_start, part: Extent::new(axis.0, part_length) }
    }
}

/// What a line of this length may collapse: itself, or a part of each length that a line needs and that is shorter.
fn choices(needed: &[usize], length: usize) -> usize {
    1 + needed.iter().filter(|&&needed| needed < length).map(|needed| length - needed + 1).sum::<usize>()
}

/// First cell and axis of a numbered row.
fn row_of<const W: usize>(geometry: &Geometry<W>, row: usize) -> (Cell, Axis) {
    let axes = geometry.directions / 2;
    (Cell((row / axes) as u16), Axis(row % axes))
}

/// Partial sums, from 0 on.
fn sums(counts: impl Iterator<Item = usize>) -> Vec<usize> {
    let mut sums = vec![0];
    sums.extend(counts.scan(0, |sum, count| {
        *sum += count;
        Some(*sum)
    }));
    sums
}

#[cfg(test)]
mod tests {
    use super::super::geometry::{HEX8, HEXAGONAL, SQUARE8, SQUARE19};
    use super::*;

    /// Every number but those beyond the board decodes, and encodes to itself.
    fn check<const W: usize>(geometry: &Geometry<W>, step: usize) -> usize {
        let actions = &geometry.actions;
        let mut holes = 0;
        for id in (0..actions.count()).step_by(step) {
            match actions.decode(geometry, id) {
                Some(found) => assert_eq!(actions.encode(geometry, found), id, "{found:?}"),
                None => holes += 1,
            }
        }
        assert_eq!(actions.decode(geometry, actions.count()), None);
        assert_eq!(actions.decode(geometry, usize::MAX), None);
        holes
    }

    #[test]
    fn every_number_is_its_moves_number() {
        assert_eq!([check(&SQUARE8, 1), check(&HEX8, 1)], [4670, 2325]);
        check(&SQUARE19, 97);
        check(&HEXAGONAL, 97);
    }

    #[test]
    fn the_tables_have_the_documented_lengths() {
        let counts = |of: &dyn Fn(Block) -> usize| Block::ALL.map(of);
        let square = [9, 192, 1456, 2576, 2576, 26880, 26880, 26880, 11760, 512, 2110, 320, 64, 64];
        assert_eq!(counts(&|block| SQUARE8.actions.block_count(block)), square);
        let hex = [9, 183, 1104, 1956, 1956, 19032, 19032, 19032, 6552, 366, 1596, 305, 61, 61];
        assert_eq!(counts(&|block| HEX8.actions.block_count(block)), hex);
        let square = [9, 1083, 21432, 108528, 108528, 961704, 961704, 961704, 42624, 1444, 50800, 1805, 361, 361];
        assert_eq!(counts(&|block| SQUARE19.actions.block_count(block)), square);
        let hexagon = [9, 1407, 25968, 157020, 157020, 1249416, 1249416, 1249416, 31968, 1407, 74889, 2345, 469, 469];
        assert_eq!(counts(&|block| HEXAGONAL.actions.block_count(block)), hexagon);
    }
}
