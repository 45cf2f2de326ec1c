//! Payments and forced elimination.

use super::cell::Cell;
use super::moves::Move;
use super::rules::Rules;
use super::state::State;

impl<const W: usize> Rules<W> {
    /// The phase `forced`.
    pub(super) fn forced_choices(&self, state: &State<W>, into: &mut Vec<Move>) {
        into.extend(state.controlled(state.turn.player).iter().map(|cell| Move::Forced { cell }));
    }

    /// Pays for the line that was collapsed last.
    pub(super) fn pay_line(&self, state: &mut State<W>, cell: Cell) {
        state.eliminate_top(cell, 1, state.turn.player);
        state.turn.line_owed = false;
    }

    /// Gives up a whole cap.
    pub(super) fn give_up_cap(&self, state: &mut State<W>, cell: Cell) {
        state.eliminate_top(cell, state.stack(cell).cap(), state.turn.player);
    }
}
