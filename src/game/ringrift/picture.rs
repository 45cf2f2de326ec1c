//! Positions as SVG: cells, collapsed cells in their owner's colour, markers as small rings, stacks ring by ring.

use std::fmt::{self, Write};

use super::cell::Cell;
use super::game::RingRift;
use super::state::State;
use crate::game::Seat;

/// Half the width of a cell.
const HALF: f64 = 20.0;
/// Around the board; below it there is room for the words.
const MARGIN: f64 = 36.0;
/// Height of a line of words.
const LINE: f64 = 20.0;
/// A colour for each seat: apart from each other for colour-blind readers too (Okabe and Ito).
const COLOURS: [&str; 4] = ["#0072b2", "#d55e00", "#009e73", "#cc79a7"];

fn colour(seat: Seat) -> &'static str {
    COLOURS[seat.index()]
}

impl<const W: usize> RingRift<W> {
    /// The position as a complete SVG document.
    pub(super) fn picture(&self, state: &State<W>) -> String {
        let mut text = String::new();
        // Writing to a string cannot fail.
        let _ = self.write_picture(state, &mut text);
        text
    }

    /// The centre of a cell. Squares: x to the right, y downwards; hexagons: each y half a cell further to the right.
    fn centre(&self, cell: Cell) -> (f64, f64) {
        let (board, (x, y)) = (self.config.board, self.rules().geometry.xy(cell));
        let (column, row) = (f64::from(x - board.low()), f64::from(y - board.low()));
        if !board.is_hex() {
            return (MARGIN + HALF + 2.0 * HALF * column, MARGIN + HALF + 2.0 * HALF * row);
        }
        // The widest row is the middle one; its first cell has column 0 and lies at the left edge.
        let middle = f64::from(-board.low());
        (MARGIN + HALF + 2.0 * HALF * column + HALF * (row - middle), MARGIN + HALF + 3f64.sqrt() * HALF * row)
    }

    fn write_picture(&self, state: &State<W>, into: &mut String) -> fmt::Result {
        let side = self.config.board.side() as f64;
        let width = (2.0 * (MARGIN + HALF * side)).max(420.0);
        let lines = self.config.seats as f64 + 1.0;
        let pitch = if self.config.board.is_hex() { 3f64.sqrt() * HALF } else { 2.0 * HALF };
        let board_height = 2.0 * MARGIN + 2.0 * HALF + pitch * (side - 1.0);
        let height = board_height + LINE * lines;
        writeln!(
            into,
            r#"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0} {height:.0}" width="{width:.0}" height="{height:.0}" font-family="sans-serif">"#
        )?;
        writeln!(into, r##"<rect width="100%" height="100%" fill="#ffffff"/>"##)?;
        for cell in self.rules().geometry.all.iter() {
            self.write_ground(state, cell, into)?;
        }
        self.write_coordinates(into)?;
        for cell in self.rules().geometry.all.iter() {
            self.write_pieces(state, cell, into)?;
        }
        self.write_words(state, board_height, into)?;
        into.write_str("</svg>\n")
    }

    /// The cell itself.
    fn write_ground(&self, state: &State<W>, cell: Cell, into: &mut String) -> fmt::Result {
        let (x, y) = self.centre(cell);
        let fill = state.owner(cell).map_or("#f4efe6", colour);
        let opacity = if state.owner(cell).is_some() { 0.45 } else { 1.0 };
        let paint = format!(r##"fill="{fill}" fill-opacity="{opacity}" stroke="#8a8172""##);
        if !self.config.board.is_hex() {
            let (left, top, side) = (x - HALF, y - HALF, 2.0 * HALF);
            return writeln!(into, r#"<rect x="{left:.1}" y="{top:.1}" width="{side}" height="{side}" {paint}/>"#);
        }
        let corners = (0..6).map(|corner| {
            let angle = f64::from(corner).mul_add(60.0, 30.0).to_radians();
            let radius = 2.0 * HALF / 3f64.sqrt();
            format!("{:.1},{:.1}", radius.mul_add(angle.cos(), x), radius.mul_add(angle.sin(), y))
        });
        let corners = corners.collect::<Vec<_>>().join(" ");
        writeln!(into, r#"<polygon points="{corners}" {paint}/>"#)
    }

    /// The coordinates of the cells at the edge, beside them.
    fn write_coordinates(&self, into: &mut String) -> fmt::Result {
        let (board, geometry) = (self.config.board, self.rules().geometry);
        let high = board.low() + board.side() as i32;
        let label = |into: &mut String, x: f64, y: f64, text: i32| {
            writeln!(
                into,
                r##"<text x="{x:.1}" y="{y:.1}" font-size="12" text-anchor="middle" fill="#555">{text}</text>"##
            )
        };
        for at in board.low()..high {
            let first_x = (board.low()..high).find_map(|x| geometry.at(x, at));
            if let Some((x, y)) = first_x.map(|cell| self.centre(cell)) {
                label(into, x - HALF - 12.0, y + 4.0, at)?;
            }
            let first_y = (board.low()..high).find_map(|y| geometry.at(at, y));
            if let Some((x, y)) = first_y.map(|cell| self.centre(cell)) {
                let shift = if board.is_hex() { HALF / 2.0 } else { 0.0 };
                label(into, x - shift, y - HALF - 8.0, at)?;
            }
        }
        Ok(())
    }

    /// The marker or the stack on a cell.
    fn write_pieces(&self, state: &State<W>, cell: Cell, into: &mut String) -> fmt::Result {
        let (x, y) = self.centre(cell);
        if let Some(seat) = state.marker(cell) {
            let stroke = colour(seat);
            return writeln!(
                into,
                r#"<circle cx="{x:.1}" cy="{y:.1}" r="6" fill="none" stroke="{stroke}" stroke-width="4"/>"#
            );
        }
        let stack = state.stack(cell);
        let height = stack.height();
        if height == 0 {
            return Ok(());
        }
        // Rings lie one above the other; high stacks are pressed together.
        let step = (24.0 / height as f64).min(7.0);
        let bottom = y + step * (height as f64 - 1.0) / 2.0;
        for (index, seat) in stack.rings().enumerate() {
            let (fill, ring_y) = (colour(seat), step.mul_add(-(index as f64), bottom));
            writeln!(
                into,
                r##"<ellipse cx="{x:.1}" cy="{ring_y:.1}" rx="14" ry="5.5" fill="{fill}" stroke="#222" stroke-width="0.8"/>"##
            )?;
        }
        let label_y = y + HALF - 3.0;
        writeln!(
            into,
            r##"<text x="{x:.1}" y="{label_y:.1}" font-size="9" text-anchor="middle" fill="#111">{height}</text>"##
        )?;
        if state.turn().focus == Some(cell) {
            writeln!(
                into,
                r##"<circle cx="{x:.1}" cy="{y:.1}" r="18" fill="none" stroke="#111" stroke-dasharray="4 3"/>"##
            )?;
        }
        Ok(())
    }

    /// What the players own, and whose turn it is.
    fn write_words(&self, state: &State<W>, top: f64, into: &mut String) -> fmt::Result {
        let line = |into: &mut String, at: f64, fill: &str, text: &str| {
            let y = LINE.mul_add(at, top);
            writeln!(into, r#"<text x="{MARGIN}" y="{y:.1}" font-size="13" fill="{fill}">{text}</text>"#)
        };
        let config = self.config;
        for seat in self.all_seats() {
            let words = format!(
                "player {seat}: {} in hand, {}/{} eliminated, {}/{} cells",
                state.hand(seat),
                state.eliminated(seat),
                config.elimination_win(),
                state.territory(seat),
                config.territory_min()
            );
            line(into, seat.index() as f64, colour(seat), &words)?;
        }
        let words = match state.end() {
            Some(end) => format!("player {} won: {}", end.winner, end.reason.name()),
            None => format!("player {} to move, phase {}", state.turn().player, state.turn().phase.name()),
        };
        line(into, config.seats as f64, "#111", &words)
    }
}
