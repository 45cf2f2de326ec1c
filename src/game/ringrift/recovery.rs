//! Recovery: what a player does who controls no stack but has a marker and a buried ring.

use super::bits::Bits;
use super::cell::Cell;
use super::geometry::Axis;
use super::moves::{Extent, Move};
use super::rules::Rules;
use super::state::State;
use crate::game::Seat;

/// A row of markers through the cell that a marker slides to.
#[derive(Clone, Copy, Debug)]
struct Run {
    axis: Axis,
    start: Cell,
    length: usize,
    /// How many of its cells lie before the cell.
    before: usize,
}

impl<const W: usize> Rules<W> {
    /// May `seat` recover?
    pub(super) fn may_recover(&self, state: &State<W>, seat: Seat) -> bool {
        // Who controls no stack has all rings on the board buried.
        state.controlled(seat).is_empty() && state.rings_on_board(seat) > 0 && !state.markers(seat).is_empty()
    }

    /// All recoveries of the player on turn, and the choice not to recover.
    pub(super) fn recoveries(&self, state: &State<W>, into: &mut Vec<Move>) {
        let player = state.turn.player;
        let extracts = self.burying(state, player);
        let before = into.len();
        self.line_slides(state, &extracts, into);
        if into.len() == before {
            self.free_slides(state, &extracts, into);
        }
        into.push(Move::SkipRecovery);
    }

    fn line_slides(&self, state: &State<W>, extracts: &Bits<W>, into: &mut Vec<Move>) {
        let needed = self.config.line_length();
        for (from, to) in self.slides(state) {
            let run = self.run_after(state, from, to);
            if run.length < needed {
                continue;
            }
            into.extend(extracts.iter().map(|extract| Move::SlideLine { from, to, extract }));
            if run.length > needed {
                let part = Extent::new(run.axis.0, needed);
                let first = (run.before + 1).saturating_sub(needed);
                let last = run.before.min(run.length - needed);
                let starts = self.row(run.start, run.axis).enumerate().skip(first).take(last + 1 - first);
                into.extend(starts.map(|(_, start)| Move::SlidePart { from, to, start, part }));
            }
        }
    }

    fn free_slides(&self, state: &State<W>, extracts: &Bits<W>, into: &mut Vec<Move>) {
        for (from, to) in self.slides(state) {
            into.extend(extracts.iter().map(|extract| Move::Slide { from, to, extract }));
        }
        for from in state.markers(state.turn.player).iter() {
            for target in (*self.geometry.neighbours(from) & *state.stacked()).iter() {
                into.extend(extracts.iter().map(|extract| Move::Strike { from, target, extract }));
            }
        }
    }

    /// Every step of an own marker to an empty cell beside it.
    fn slides(&self, state: &State<W>) -> impl Iterator<Item = (Cell, Cell)> + use<'_, W> {
        let empty = self.geometry.all.without(&state.blocked()).without(&state.all_markers());
        let markers = *state.markers(state.turn.player);
        markers.iter().flat_map(move |from| (*self.geometry.neighbours(from) & empty).iter().map(move |to| (from, to)))
    }

    /// The longest row of own markers through `to` once the marker on `from` lies there; the first axis on ties.
    fn run_after(&self, state: &State<W>, from: Cell, to: Cell) -> Run {
        let mut own = *state.markers(state.turn.player);
        own.remove(from);
        let reach = |direction| {
            let ray = self.geometry.ray(to, direction);
            ray.iter().take_while(|&&cell| own.has(cell)).count()
        };
        let mut longest = Run { axis: Axis(0), start: to, length: 0, before: 0 };
        for axis in self.geometry.axes() {
            let (before, after) = (reach(axis.forward().opposite()), reach(axis.forward()));
            if before + 1 + after > longest.length {
                let back = self.geometry.ray(to, axis.forward().opposite());
                let start = if before == 0 { to } else { back[before - 1] };
                longest = Run { axis, start, length: before + 1 + after, before };
            }
        }
        longest
    }

    /// Slides a marker and extracts a buried ring.
    pub(super) fn slide(&self, state: &mut State<W>, from: Cell, to: Cell, extract: Cell) {
        let player = state.turn.player;
        state.remove_marker(from);
        state.add_marker(to, player);
        state.extract(extract, player);
    }

    /// Gives up a marker for the top ring of the stack beside it, and extracts a buried ring.
    pub(super) fn strike(&self, state: &mut State<W>, from: Cell, target: Cell, extract: Cell) {
        let player = state.turn.player;
        state.remove_marker(from);
        state.eliminate_top(target, 1, player);
        state.extract(extract, player);
    }

    /// Slides a marker, collapses the row that it makes, and extracts a buried ring.
    pub(super) fn slide_line(&self, state: &mut State<W>, from: Cell, to: Cell, extract: Cell) {
        let run = self.run_after(state, from, to);
        self.slide(state, from, to, extract);
        let cells = self.row_cells(run.start, Extent::new(run.axis.0, run.length));
        state.collapse(&cells, state.turn.player);
    }

    /// Slides a marker and collapses a part of the row that it makes.
    pub(super) fn slide_part(&self, state: &mut State<W>, from: Cell, to: Cell, start: Cell, part: Extent) {
        let player = state.turn.player;
        state.remove_marker(from);
        state.add_marker(to, player);
        state.collapse(&self.row_cells(start, part), player);
    }
}
