//! Moves.

use super::cell::Cell;

/// A straight row of cells that is not its own name: an axis and a length, packed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Extent(u8);

impl Extent {
    /// Lengths below this fit.
    pub(super) const LENGTHS: usize = 64;

    pub(super) fn new(axis: usize, length: usize) -> Extent {
        debug_assert!(axis < 4 && length < Extent::LENGTHS);
        Extent((axis << 6 | length) as u8)
    }

    /// Number of the axis, in the order in which ties are broken.
    pub fn axis(self) -> usize {
        usize::from(self.0 >> 6)
    }

    /// Number of cells.
    pub fn length(self) -> usize {
        usize::from(self.0) % Extent::LENGTHS
    }
}

/// Which walls enclose a region.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Border {
    /// Collapsed cells, and the markers of the seat that sits so far after the mover.
    Markers(u8),
    /// Collapsed cells alone.
    Collapsed,
}

/// A move. Its text in the rules' notation stands in brackets.
///
/// A region is named by its border and its first cell; which cells it has follows from the position.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Move {
    /// Put rings on a cell (`P`).
    Place {
        /// Where.
        cell: Cell,
        /// How many, 1 to 3.
        rings: u8,
    },
    /// Place nothing (`SP`).
    SkipPlacement,
    /// Nothing can be placed (`NP`).
    NoPlacement,
    /// Swap sides (`SW`).
    Swap,
    /// Move a stack (`M`).
    Step {
        /// From here.
        from: Cell,
        /// To here.
        to: Cell,
    },
    /// Capture (`C`).
    Capture {
        /// The stack that captures.
        from: Cell,
        /// The stack that loses its top ring.
        over: Cell,
        /// Where the capturing stack lands.
        to: Cell,
    },
    /// Capture once more (`K`).
    Chain {
        /// The stack that captures.
        from: Cell,
        /// The stack that loses its top ring.
        over: Cell,
        /// Where the capturing stack lands.
        to: Cell,
    },
    /// Capture nothing (`SC`).
    SkipCapture,
    /// Nothing can move (`NM`).
    NoMove,
    /// Do not recover (`SR`).
    SkipRecovery,
    /// Recover: a marker slides (`RF`).
    Slide {
        /// The marker.
        from: Cell,
        /// Where it goes.
        to: Cell,
        /// The stack that gives up a buried ring.
        extract: Cell,
    },
    /// Recover: a marker strikes the stack beside it (`RS`).
    Strike {
        /// The marker.
        from: Cell,
        /// The stack that loses its top ring.
        target: Cell,
        /// The stack that gives up a buried ring.
        extract: Cell,
    },
    /// Recover: a marker slides and makes a line, all of which collapses (`RL1`).
    SlideLine {
        /// The marker.
        from: Cell,
        /// Where it goes.
        to: Cell,
        /// The stack that gives up a buried ring.
        extract: Cell,
    },
    /// Recover: a marker slides and makes a line, of which a part collapses for free (`RL2`).
    SlidePart {
        /// The marker.
        from: Cell,
        /// Where it goes.
        to: Cell,
        /// First cell of the part.
        start: Cell,
        /// The part.
        part: Extent,
    },
    /// Collapse a line of exactly the needed length (`L`).
    Line {
        /// First cell of the line.
        start: Cell,
        /// The line.
        line: Extent,
    },
    /// Collapse a longer line, or a part of it (`O`).
    LongLine {
        /// First cell of the line.
        start: Cell,
        /// The line.
        line: Extent,
        /// First cell of the part.
        part_start: Cell,
        /// The part; the whole line costs a ring.
        part: Extent,
    },
    /// There is no line (`NL`).
    NoLine,
    /// Collapse a region (`T`).
    Region {
        /// Its walls.
        border: Border,
        /// Its first cell.
        anchor: Cell,
    },
    /// Collapse no further region (`ST`).
    StopTerritory,
    /// There is no region (`NT`).
    NoTerritory,
    /// Pay with rings of a stack (`E`).
    Eliminate {
        /// The stack.
        cell: Cell,
    },
    /// Give up a cap because nothing else could be done (`F`).
    Forced {
        /// The stack.
        cell: Cell,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moves_are_small() {
        assert!(size_of::<Move>() <= 10, "{}", size_of::<Move>());
        let extent = Extent::new(3, 25);
        assert_eq!((extent.axis(), extent.length()), (3, 25));
    }
}
