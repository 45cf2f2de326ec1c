//! How a net sees RingRift's moves: kinds, roles of cells, and the pairs of cells that matter together.
//!
//! Both ends of a row have the same role: which one is the first follows from how the board lies, not from the move.

use super::actions::{BORDERS, Block, PLAIN_MOVES, RINGS};
use super::cell::Cell;
use super::geometry::Geometry;
use super::moves::{Border, Extent, Move};
use crate::game::{PolicyShape, Sketch};

/// Kinds of moves that a net tells apart within a block of the action table.
const fn kinds(block: Block) -> usize {
    match block {
        Block::Plain => PLAIN_MOVES,
        Block::Place => RINGS,
        Block::Region => BORDERS,
        // The whole row, and a part of it.
        Block::LongLine => 2,
        _ => 1,
    }
}

/// The first kind of each block, and at the end their number.
const FIRST_KIND: [usize; Block::ALL.len() + 1] = {
    let (mut first, mut at) = ([0; Block::ALL.len() + 1], 0);
    while at < Block::ALL.len() {
        first[at + 1] = first[at] + kinds(Block::ALL[at]);
        at += 1;
    }
    first
};

/// A move of the block's only kind, or of the first.
fn of(block: Block) -> Sketch {
    of_kind(block, 0)
}

fn of_kind(block: Block, within: usize) -> Sketch {
    Sketch::of(FIRST_KIND[block as usize] + within)
}

/// Roles of cells.
#[derive(Clone, Copy)]
enum Role {
    Place = 0,
    Region = RINGS as isize,
    StepFrom = (RINGS + BORDERS) as isize,
    StepTo,
    CaptureFrom,
    CaptureOver,
    CaptureTo,
    ChainFrom,
    ChainOver,
    ChainTo,
    RecoverFrom,
    SlideTo,
    StrikeAt,
    Extract,
    LineEnd,
    PartEnd,
    Eliminate,
    Forced,
    /// Passed by a step.
    StepPast,
    /// Passed by a capture, before or behind the stack that it captures.
    TakePast,
}

/// Families of pairs.
#[derive(Clone, Copy)]
enum Family {
    /// A stack's way.
    Step,
    /// Who captures whom.
    Take,
    /// Where a capture lands.
    Land,
    /// A marker's way.
    Recover,
    /// Where a recovery ends, and which stack pays.
    Extract,
    /// The ends of a row.
    Row,
}

/// What a net needs for RingRift's moves.
pub(super) const SHAPE: PolicyShape = PolicyShape {
    kinds: FIRST_KIND[Block::ALL.len()],
    roles: Role::TakePast as usize + 1,
    families: Family::Row as usize + 1,
};

/// Draws moves of one board.
struct Pencil<'a, const W: usize>(&'a Geometry<W>);

impl<const W: usize> Pencil<'_, W> {
    fn cell(&self, cell: Cell) -> usize {
        self.0.grid_index(cell)
    }

    fn spot(&self, sketch: Sketch, role: Role, cell: Cell) -> Sketch {
        sketch.spot(role as usize, self.cell(cell))
    }

    fn pair(&self, sketch: Sketch, family: Family, from: Cell, to: Cell) -> Sketch {
        sketch.pair(family as usize, self.cell(from), self.cell(to))
    }

    /// The cells that a stack passes on its straight way: markers there are flipped or collapse.
    fn between(&self, mut sketch: Sketch, role: Role, from: Cell, to: Cell) -> Sketch {
        if let Some((direction, distance)) = self.0.straight(from, to) {
            for cell in &self.0.ray(from, direction)[..distance - 1] {
                sketch = self.spot(sketch, role, *cell);
            }
        }
        sketch
    }

    /// A capture's three cells, in these roles.
    fn capture(&self, block: Block, roles: [Role; 3], [from, over, to]: [Cell; 3]) -> Sketch {
        let spots = self.spot(of(block), roles[0], from);
        let spots = self.spot(self.spot(spots, roles[1], over), roles[2], to);
        let spots = self.between(self.between(spots, Role::TakePast, from, over), Role::TakePast, over, to);
        self.pair(self.pair(spots, Family::Take, from, over), Family::Land, from, to)
    }

    /// A marker's recovery that costs a ring of the stack `extract`.
    fn recovery(&self, block: Block, [from, to, extract]: [Cell; 3]) -> Sketch {
        let target = if matches!(block, Block::Strike) { Role::StrikeAt } else { Role::SlideTo };
        let spots = self.spot(of(block), Role::RecoverFrom, from);
        let spots = self.spot(self.spot(spots, target, to), Role::Extract, extract);
        self.pair(self.pair(spots, Family::Recover, from, to), Family::Extract, to, extract)
    }

    /// Both ends of a row, and the row itself.
    fn row(&self, sketch: Sketch, role: Role, start: Cell, extent: Extent) -> Sketch {
        let end = self.0.row_end(start, extent);
        self.pair(self.spot(self.spot(sketch, role, start), role, end), Family::Row, start, end)
    }
}

/// The move as the policy head sees it.
pub(super) fn sketch<const W: usize>(geometry: &Geometry<W>, given: Move) -> Sketch {
    let pencil = Pencil(geometry);
    let on_cell = |block: Block, role: Role, cell| pencil.spot(of(block), role, cell);
    match given {
        Move::Place { cell, rings } => {
            let index = usize::from(rings) - 1;
            of_kind(Block::Place, index).spot(Role::Place as usize + index, pencil.cell(cell))
        }
        Move::Step { from, to } => {
            let spots = pencil.spot(on_cell(Block::Step, Role::StepFrom, from), Role::StepTo, to);
            let spots = pencil.between(spots, Role::StepPast, from, to);
            pencil.pair(spots, Family::Step, from, to)
        }
        Move::Capture { from, over, to } => {
            let roles = [Role::CaptureFrom, Role::CaptureOver, Role::CaptureTo];
            pencil.capture(Block::Capture, roles, [from, over, to])
        }
        Move::Chain { from, over, to } => {
            pencil.capture(Block::Chain, [Role::ChainFrom, Role::ChainOver, Role::ChainTo], [from, over, to])
        }
        Move::Slide { from, to, extract } => pencil.recovery(Block::Slide, [from, to, extract]),
        Move::Strike { from, target, extract } => pencil.recovery(Block::Strike, [from, target, extract]),
        Move::SlideLine { from, to, extract } => pencil.recovery(Block::SlideLine, [from, to, extract]),
        Move::SlidePart { from, to, start, part } => {
            let spots = pencil.spot(on_cell(Block::SlidePart, Role::RecoverFrom, from), Role::SlideTo, to);
            pencil.row(pencil.pair(spots, Family::Recover, from, to), Role::PartEnd, start, part)
        }
        Move::Line { start, line } => pencil.row(of(Block::Line), Role::LineEnd, start, line),
        Move::LongLine { start, line, part_start, part } => {
            let whole = pencil.row(of_kind(Block::LongLine, usize::from(part != line)), Role::LineEnd, start, line);
            pencil.row(whole, Role::PartEnd, part_start, part)
        }
        Move::Region { border, anchor } => {
            let index = match border {
                Border::Markers(after) => usize::from(after),
                Border::Collapsed => BORDERS - 1,
            };
            of_kind(Block::Region, index).spot(Role::Region as usize + index, pencil.cell(anchor))
        }
        Move::Eliminate { cell } => on_cell(Block::Eliminate, Role::Eliminate, cell),
        Move::Forced { cell } => on_cell(Block::Forced, Role::Forced, cell),
        plain => Sketch::of(geometry.actions.encode(geometry, plain)),
    }
}
