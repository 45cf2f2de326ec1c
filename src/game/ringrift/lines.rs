//! Lines of markers.

use super::bits::Bits;
use super::cell::Cell;
use super::geometry::Axis;
use super::moves::{Extent, Move};
use super::rules::Rules;
use super::state::State;

impl<const W: usize> Rules<W> {
    /// The phase `line`.
    pub(super) fn line_choices(&self, state: &State<W>, into: &mut Vec<Move>) {
        let player = state.turn.player;
        if state.turn.line_owed {
            into.extend(state.controlled(player).iter().map(|cell| Move::Eliminate { cell }));
            return;
        }
        let needed = self.config.line_length();
        self.find_line(state, |start, axis, length| {
            let line = Extent::new(axis.0, length);
            if length == needed {
                into.push(Move::Line { start, line });
                return false;
            }
            into.push(Move::LongLine { start, line, part_start: start, part: line });
            let part = Extent::new(axis.0, needed);
            let starts = self.row(start, axis).take(length - needed + 1);
            into.extend(starts.map(|part_start| Move::LongLine { start, line, part_start, part }));
            false
        });
        if into.is_empty() {
            into.push(Move::NoLine);
        }
    }

    /// Has the player on turn an eligible line?
    pub(super) fn has_line(&self, state: &State<W>) -> bool {
        self.find_line(state, |_, _, _| true)
    }

    /// Shows `found` the eligible lines of the player on turn (first cell, axis, length) until it says true.
    fn find_line(&self, state: &State<W>, mut found: impl FnMut(Cell, Axis, usize) -> bool) -> bool {
        let markers = state.markers(state.turn.player);
        let needed = self.config.line_length();
        if markers.count() < needed {
            return false;
        }
        for start in markers.iter() {
            for axis in self.geometry.axes() {
                let before = self.geometry.step(start, axis.forward().opposite());
                if before.is_some_and(|cell| markers.has(cell)) {
                    continue;
                }
                let length = self.row(start, axis).take_while(|&cell| markers.has(cell)).count();
                if length >= needed && found(start, axis, length) {
                    return true;
                }
            }
        }
        false
    }

    /// The cells from `start` on along an axis.
    #[inline]
    pub(super) fn row(&self, start: Cell, axis: Axis) -> impl Iterator<Item = Cell> + '_ {
        std::iter::once(start).chain(self.geometry.ray(start, axis.forward()).iter().copied())
    }

    /// The cells of a straight row.
    pub(super) fn row_cells(&self, start: Cell, extent: Extent) -> Bits<W> {
        let cells = self.row(start, Axis(extent.axis())).take(extent.length());
        cells.fold(Bits::EMPTY, |bits, cell| bits | Bits::one(cell))
    }

    /// Collapses a row of markers for the player on turn. A ring is owed for it when `costs` and there is a stack to pay with.
    pub(super) fn collapse_row(&self, state: &mut State<W>, start: Cell, extent: Extent, costs: bool) {
        let player = state.turn.player;
        state.collapse(&self.row_cells(start, extent), player);
        state.turn.line_owed = costs && !state.controlled(player).is_empty();
    }
}
