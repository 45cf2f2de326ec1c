//! How a net sees RingRift's moves: kinds, roles of cells, and the pairs of cells that matter together.
//!
//! Both ends of a row have the same role: which one is the first follows from how the board lies, not from the move.

use super::cell::Cell;
use super::geometry::Geometry;
use super::moves::{Border, Extent, Move};
use crate::game::{PolicyShape, Sketch};

/// Moves without cells, each a kind; their numbers are those of the action table.
const PLAIN_KINDS: usize = 9;
/// Rings that can be placed at once; each number is a kind.
const PLACE_KINDS: usize = 3;
/// Borders of regions, each a kind.
const BORDER_KINDS: usize = 5;

/// Kinds behind those of moves without cells.
#[derive(Clone, Copy)]
enum Kind {
    Place = PLAIN_KINDS as isize,
    Region = (PLAIN_KINDS + PLACE_KINDS) as isize,
    Step = (PLAIN_KINDS + PLACE_KINDS + BORDER_KINDS) as isize,
    Capture,
    Chain,
    Slide,
    Strike,
    SlideLine,
    SlidePart,
    Line,
    WholeLine,
    PartLine,
    Eliminate,
    Forced,
}

/// Roles of cells.
#[derive(Clone, Copy)]
enum Role {
    Place = 0,
    Region = PLACE_KINDS as isize,
    StepFrom = (PLACE_KINDS + BORDER_KINDS) as isize,
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
    kinds: Kind::Forced as usize + 1,
    roles: Role::Forced as usize + 1,
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

    /// A capture's three cells, in these roles.
    fn capture(&self, kind: Kind, roles: [Role; 3], [from, over, to]: [Cell; 3]) -> Sketch {
        let spots = self.spot(Sketch::of(kind as usize), roles[0], from);
        let spots = self.spot(self.spot(spots, roles[1], over), roles[2], to);
        self.pair(self.pair(spots, Family::Take, from, over), Family::Land, from, to)
    }

    /// A marker's recovery that costs a ring of the stack `extract`.
    fn recovery(&self, kind: Kind, [from, to, extract]: [Cell; 3]) -> Sketch {
        let target = if matches!(kind, Kind::Strike) { Role::StrikeAt } else { Role::SlideTo };
        let spots = self.spot(Sketch::of(kind as usize), Role::RecoverFrom, from);
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
    let on_cell = |kind: Kind, role: Role, cell| pencil.spot(Sketch::of(kind as usize), role, cell);
    match given {
        Move::Place { cell, rings } => {
            let index = usize::from(rings) - 1;
            Sketch::of(Kind::Place as usize + index).spot(Role::Place as usize + index, pencil.cell(cell))
        }
        Move::Step { from, to } => {
            let spots = pencil.spot(on_cell(Kind::Step, Role::StepFrom, from), Role::StepTo, to);
            pencil.pair(spots, Family::Step, from, to)
        }
        Move::Capture { from, over, to } => {
            let roles = [Role::CaptureFrom, Role::CaptureOver, Role::CaptureTo];
            pencil.capture(Kind::Capture, roles, [from, over, to])
        }
        Move::Chain { from, over, to } => {
            pencil.capture(Kind::Chain, [Role::ChainFrom, Role::ChainOver, Role::ChainTo], [from, over, to])
        }
        Move::Slide { from, to, extract } => pencil.recovery(Kind::Slide, [from, to, extract]),
        Move::Strike { from, target, extract } => pencil.recovery(Kind::Strike, [from, target, extract]),
        Move::SlideLine { from, to, extract } => pencil.recovery(Kind::SlideLine, [from, to, extract]),
        Move::SlidePart { from, to, start, part } => {
            let spots = pencil.spot(on_cell(Kind::SlidePart, Role::RecoverFrom, from), Role::SlideTo, to);
            pencil.row(pencil.pair(spots, Family::Recover, from, to), Role::PartEnd, start, part)
        }
        Move::Line { start, line } => pencil.row(Sketch::of(Kind::Line as usize), Role::LineEnd, start, line),
        Move::LongLine { start, line, part_start, part } => {
            let kind = if part == line { Kind::WholeLine } else { Kind::PartLine };
            let whole = pencil.row(Sketch::of(kind as usize), Role::LineEnd, start, line);
            pencil.row(whole, Role::PartEnd, part_start, part)
        }
        Move::Region { border, anchor } => {
            let index = match border {
                Border::Markers(after) => usize::from(after),
                Border::Collapsed => BORDER_KINDS - 1,
            };
            Sketch::of(Kind::Region as usize + index).spot(Role::Region as usize + index, pencil.cell(anchor))
        }
        Move::Eliminate { cell } => on_cell(Kind::Eliminate, Role::Eliminate, cell),
        Move::Forced { cell } => on_cell(Kind::Forced, Role::Forced, cell),
        plain => Sketch::of(geometry.actions.encode(geometry, plain)),
    }
}
