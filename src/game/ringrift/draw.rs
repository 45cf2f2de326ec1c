//! Positions for the terminal.

use std::fmt::{self, Write};

use super::cell::Cell;
use super::game::RingRift;
use super::state::{Phase, State};

impl<const W: usize> RingRift<W> {
    /// The board, a token a cell, then what stacks are made of and what the players own.
    pub(super) fn drawing(&self, state: &State<W>) -> String {
        let mut text = String::new();
        // Writing to a string cannot fail.
        let _ = self.draw_board(state, &mut text).and_then(|()| self.draw_lists(state, &mut text));
        text
    }

    fn draw_board(&self, state: &State<W>, into: &mut String) -> fmt::Result {
        let (board, geometry) = (self.config.board, self.rules().geometry);
        let lines = board.low()..board.low() + board.side() as i32;
        for y in lines.clone() {
            write!(into, "{y:>4} ")?;
            if board.is_hex() {
                // Half a cell further for each line, so that neighbours touch. Lines above the middle begin further right.
                let indent = 2 * (y - board.low());
                write!(into, "{:indent$}", "", indent = indent as usize)?;
            }
            for x in lines.clone() {
                let token = geometry.at(x, y).map_or(String::new(), |cell| self.token(state, cell));
                write!(into, "{token:>4}")?;
            }
            into.truncate(into.trim_end().len());
            into.write_char('\n')?;
        }
        write!(into, "{:>5}", "y/x")?;
        if board.is_hex() {
            write!(into, "{:indent$}", "", indent = 2 * board.side())?;
        }
        lines.clone().try_for_each(|x| write!(into, "{x:>4}"))?;
        into.write_char('\n')
    }

    /// `1^3` is a stack of player 1 with three rings, `o1` a marker, `#1` a collapsed cell.
    fn token(&self, state: &State<W>, cell: Cell) -> String {
        let stack = state.stack(cell);
        if let Some(seat) = stack.controller() {
            return format!("{seat}^{}", stack.height());
        }
        let marker = state.marker(cell).map(|seat| format!("o{seat}"));
        marker.or_else(|| state.owner(cell).map(|seat| format!("#{seat}"))).unwrap_or_else(|| ".".to_owned())
    }

    fn draw_lists(&self, state: &State<W>, into: &mut String) -> fmt::Result {
        let rules = self.rules();
        let mixed = state.stacked().iter().filter(|&cell| state.stack(cell).cap() < state.stack(cell).height());
        let mut name = "mixed stacks (bottom to top):";
        for cell in mixed {
            into.write_str(std::mem::take(&mut name))?;
            into.write_char(' ')?;
            rules.write_cell(cell, into)?;
            write!(into, "={}", state.stack(cell))?;
        }
        if name.is_empty() {
            into.write_char('\n')?;
        }
        let (rings, win, cells) =
            (self.config.board.rings(), self.config.elimination_win(), self.config.territory_min());
        for seat in self.all_seats() {
            let (hand, eliminated, territory) = (state.hand(seat), state.eliminated(seat), state.territory(seat));
            writeln!(
                into,
                "player {seat}: {hand}/{rings} rings in hand, {eliminated}/{win} eliminated, {territory}/{cells} cells"
            )?;
        }
        let turn = state.turn();
        match state.end() {
            Some(end) => writeln!(into, "player {} won: {}", end.winner, end.reason.name()),
            None => {
                debug_assert!(turn.phase != Phase::Over);
                write!(into, "player {} to move, phase {}", turn.player, turn.phase.name())?;
                if let Some(cell) = turn.focus {
                    into.write_str(", stack ")?;
                    rules.write_cell(cell, into)?;
                }
                let owed = if turn.line_owed || turn.region_owed { ", a payment is due" } else { "" };
                writeln!(into, "{owed}")
            }
        }
    }
}
