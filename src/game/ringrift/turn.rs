//! The flow of a turn: what each move does, and which phase comes next.

use super::cell::Cell;
use super::moves::Move;
use super::rules::Rules;
use super::state::{Phase, State, Turn};
use crate::game::Seat;

impl<const W: usize> Rules<W> {
    /// Replaces `into` by the legal moves in canonical order: by phase as each file of this room lists them.
    pub(super) fn legal(&self, state: &State<W>, into: &mut Vec<Move>) {
        into.clear();
        match state.turn.phase {
            Phase::Place => self.placements(state, into),
            Phase::Move => self.movements(state, into),
            Phase::Capture | Phase::Chain => self.further_captures(state, into),
            Phase::Line => self.line_choices(state, into),
            Phase::Territory => self.territory_choices(state, into),
            Phase::Forced => self.forced_choices(state, into),
            Phase::Over => {}
        }
    }

    /// Plays a legal move.
    pub(super) fn apply(&self, state: &mut State<W>, played: Move) {
        let mover = state.turn.player;
        let before = state.turn.phase;
        self.effect(state, played);
        state.last_mover = Some(mover);
        state.moved |= 1 << mover.index();
        debug_assert!(state.is_consistent(), "what is kept beside the board must agree with it after {played:?}");
        self.check_victory(state);
        if state.turn.phase == Phase::Place && before != Phase::Place {
            self.begin_turn(state);
        }
    }

    fn effect(&self, state: &mut State<W>, played: Move) {
        let passive = matches!(
            played,
            Move::SkipPlacement
                | Move::NoPlacement
                | Move::SkipCapture
                | Move::NoMove
                | Move::SkipRecovery
                | Move::NoLine
                | Move::StopTerritory
                | Move::NoTerritory
        );
        state.turn.acted |= !passive;
        match played {
            Move::Place { .. } | Move::SkipPlacement | Move::NoPlacement | Move::Swap => self.play_place(state, played),
            Move::Step { from, to } => {
                self.step(state, from, to);
                self.go_on(state, to, Phase::Capture);
            }
            Move::Capture { from, over, to } | Move::Chain { from, over, to } => {
                self.capture(state, from, over, to);
                self.go_on(state, to, Phase::Chain);
            }
            Move::SkipCapture | Move::NoMove | Move::SkipRecovery => enter(state, Phase::Line),
            Move::Slide { .. } | Move::Strike { .. } | Move::SlideLine { .. } | Move::SlidePart { .. } => {
                self.play_recovery(state, played);
            }
            Move::Line { .. } | Move::LongLine { .. } | Move::NoLine => self.play_line(state, played),
            Move::Region { border, anchor } => self.process_region(state, border, anchor),
            Move::StopTerritory | Move::NoTerritory => self.end_turn(state),
            Move::Eliminate { cell } if state.turn.line_owed => self.pay_line(state, cell),
            Move::Eliminate { cell } => {
                self.pay_region(state, cell);
                if !self.has_region(state) {
                    self.end_turn(state);
                }
            }
            Move::Forced { cell } => {
                self.give_up_cap(state, cell);
                self.rotate(state);
            }
        }
    }

    fn play_place(&self, state: &mut State<W>, played: Move) {
        match played {
            Move::Place { cell, rings } => {
                self.place(state, cell, usize::from(rings));
                state.turn.phase = Phase::Move;
                state.turn.focus = Some(cell);
            }
            Move::Swap => state.swapped = true,
            _ => state.turn.phase = Phase::Move,
        }
    }

    fn play_recovery(&self, state: &mut State<W>, played: Move) {
        match played {
            Move::Slide { from, to, extract } => self.slide(state, from, to, extract),
            Move::Strike { from, target, extract } => self.strike(state, from, target, extract),
            Move::SlideLine { from, to, extract } => self.slide_line(state, from, to, extract),
            Move::SlidePart { from, to, start, part } => self.slide_part(state, from, to, start, part),
            _ => {}
        }
        state.turn.recovered = true;
        enter(state, Phase::Line);
    }

    fn play_line(&self, state: &mut State<W>, played: Move) {
        match played {
            Move::Line { start, line } => self.collapse_row(state, start, line, true),
            Move::LongLine { start, line, part_start, part } => {
                self.collapse_row(state, part_start, part, part == line && part_start == start);
            }
            _ => return self.end_lines(state),
        }
        if !state.turn.line_owed && !self.has_line(state) {
            enter(state, Phase::Territory);
        }
    }

    /// After `NL`. Who has done nothing and can process nothing gives up a cap at once.
    fn end_lines(&self, state: &mut State<W>) {
        let idle = !state.turn.acted && !state.controlled(state.turn.player).is_empty();
        enter(state, if idle && !self.has_region(state) { Phase::Forced } else { Phase::Territory });
    }

    /// The stack on `to` goes on capturing, if it can.
    fn go_on(&self, state: &mut State<W>, to: Cell, phase: Phase) {
        if state.controlled(state.turn.player).has(to) && self.could_capture(state, to) {
            state.turn.phase = phase;
            state.turn.focus = Some(to);
        } else {
            enter(state, Phase::Line);
        }
    }

    fn end_turn(&self, state: &mut State<W>) {
        if !state.turn.acted && !state.controlled(state.turn.player).is_empty() {
            enter(state, Phase::Forced);
        } else {
            self.rotate(state);
        }
    }

    /// The next seat with a ring anywhere is on turn. When nobody has one the game ends with this move.
    fn rotate(&self, state: &mut State<W>) {
        let seats = self.config.seats;
        let mut next = state.turn.player.next(seats);
        while !state.has_rings(next) && next != state.turn.player {
            next = next.next(seats);
        }
        state.turn = Turn::of(next);
    }

    /// The seats of the game.
    pub(super) fn seats(&self) -> impl DoubleEndedIterator<Item = Seat> + ExactSizeIterator {
        Seat::all(self.config.seats)
    }
}

/// Enters a phase in which no single stack acts.
fn enter<const W: usize>(state: &mut State<W>, phase: Phase) {
    state.turn.phase = phase;
    state.turn.focus = None;
}
