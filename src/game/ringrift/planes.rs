//! How a net sees RingRift. Seats are rotated, so that the mover is seat 0; the board lies in its bounding square, row x, column y.
//!
//! ```text
//! for each seat, from the mover on
//!   5  the ring of this seat at depth 0 (the top) to 4 of a stack
//!   1  rings of this seat in a stack, of the greatest height
//!   1  markers
//!   1  collapsed cells
//!   3  if it were this seat's turn: stacks of others that it could capture, its stacks that could do so, cells where one could land
//!   1  regions that it could take then: how near it would be to a win
//!   3  hand, eliminated rings and territory, as shares of the rings and of what wins
//!   4  last player standing: begins the rounds; has begun a turn this round; could act then; rounds as the only one, of three
//! for all
//!   1  cells of the board
//!   1  height of a stack, of the greatest height
//!   1  the cap of a stack, of the greatest height
//!   4  stacks with a cap of 1, of 2, of 3, of more
//!   1  the stack that has to act
//!   7  phase
//!   5  owed for a line; owed for a region; has acted; has recovered; may swap sides
//! ```
//!
//! Numbers of the whole position fill all cells of the board. Depths beyond 4 are seen only as numbers of rings.

use super::board::LPS_ROUNDS;
use super::cell::Cell;
use super::game::RingRift;
use super::moves::{Extent, Move};
use super::sketch;
use super::state::{Phase, State};
use crate::game::{ActionId, Game, PlaneShape, Planes, PolicyShape, Seat, Sketch};

/// Rings of a stack that are seen one by one.
const DEPTHS: usize = 5;
/// Planes of each seat.
const SEAT_PLANES: usize = DEPTHS + 3 + 4 + 3 + 4;
/// Caps that are told apart; the last stands for all that are higher too.
const CAPS: usize = 4;
/// Phases in which somebody moves.
const PHASES: usize = Phase::ALL.len() - 1;
/// Planes that belong to no seat.
const COMMON_PLANES: usize = 4 + CAPS + PHASES + 5;

/// Writes planes one after the other.
struct Canvas<'a, const W: usize> {
    game: &'a RingRift<W>,
    planes: &'a mut [f32],
    next: usize,
}

impl<const W: usize> Canvas<'_, W> {
    /// The next plane, still empty.
    fn plane(&mut self) -> &mut [f32] {
        let side = self.game.config.board.side();
        let start = self.next * side * side;
        self.next += 1;
        &mut self.planes[start..start + side * side]
    }

    fn cells(&mut self, cells: impl Iterator<Item = (Cell, f32)>) {
        let geometry = self.game.rules().geometry;
        let plane = self.plane();
        cells.for_each(|(cell, value)| plane[geometry.grid_index(cell)] = value);
    }

    /// One number everywhere on the board.
    fn number(&mut self, value: f32) {
        let all = self.game.rules().geometry.all;
        if value == 0.0 {
            self.next += 1;
        } else {
            self.cells(all.iter().map(|cell| (cell, value)));
        }
    }

    fn flag(&mut self, flag: bool) {
        self.number(f32::from(flag));
    }
}

impl<const W: usize> RingRift<W> {
    fn encode_seat(&self, state: &State<W>, seat: Seat, canvas: &mut Canvas<'_, W>) {
        let greatest = self.rules().geometry.greatest_height() as f32;
        let stacks = || state.stacked().iter().map(|cell| (cell, state.stack(cell)));
        for depth in 0..DEPTHS {
            let here = stacks().filter(|(_, stack)| stack.rings().rev().nth(depth) == Some(seat));
            canvas.cells(here.map(|(cell, _)| (cell, 1.0)));
        }
        canvas.cells(stacks().map(|(cell, stack)| (cell, stack.count(seat) as f32 / greatest)));
        canvas.cells(state.markers(seat).iter().map(|cell| (cell, 1.0)));
        canvas.cells(state.collapsed(seat).iter().map(|cell| (cell, 1.0)));
        self.encode_sight(state, seat, canvas);
        let share = |number: u16, of: u16| f32::from(number) / f32::from(of);
        canvas.number(share(state.hand(seat), self.config.board.rings()));
        canvas.number(share(state.eliminated(seat), self.config.elimination_win()));
        canvas.number(share(state.territory(seat), self.config.territory_min()));
        let (lps, bit) = (state.lps(), 1 << seat.index());
        canvas.flag(lps.first == Some(seat));
        canvas.flag(lps.seen & bit != 0);
        canvas.flag(lps.able & bit != 0);
        let rounds = if lps.exclusive == Some(seat) { lps.rounds.min(LPS_ROUNDS) } else { 0 };
        canvas.number(share(rounds, LPS_ROUNDS));
    }

    /// What the seat could do with its stacks, and with regions.
    fn encode_sight(&self, state: &State<W>, seat: Seat, canvas: &mut Canvas<'_, W>) {
        let sight = self.sight(state, seat);
        for seen in [&sight.prey, &sight.hunters, &sight.landings] {
            canvas.cells(seen.iter().map(|cell| (cell, 1.0)));
        }
        let geometry = self.rules().geometry;
        let plane = canvas.plane();
        self.claims(state, seat, |region, near| {
            region.iter().for_each(|cell| {
                let at = &mut plane[geometry.grid_index(cell)];
                *at = at.max(near.min(1.0));
            });
        });
    }

    fn encode_common(&self, state: &State<W>, canvas: &mut Canvas<'_, W>) {
        let greatest = self.rules().geometry.greatest_height() as f32;
        let (turn, stacks) = (state.turn(), || state.stacked().iter().map(|cell| (cell, state.stack(cell))));
        canvas.number(1.0);
        canvas.cells(stacks().map(|(cell, stack)| (cell, stack.height() as f32 / greatest)));
        canvas.cells(stacks().map(|(cell, stack)| (cell, stack.cap() as f32 / greatest)));
        for cap in 1..=CAPS {
            canvas.cells(stacks().filter(|(_, stack)| stack.cap().min(CAPS) == cap).map(|(cell, _)| (cell, 1.0)));
        }
        canvas.cells(turn.focus.into_iter().map(|cell| (cell, 1.0)));
        for phase in &Phase::ALL[..PHASES] {
            canvas.flag(turn.phase == *phase);
        }
        canvas.flag(turn.line_owed);
        canvas.flag(turn.region_owed);
        canvas.flag(turn.acted);
        canvas.flag(turn.recovered);
        canvas.flag(turn.phase == Phase::Place && self.rules().may_swap(state));
    }

    /// The move after half a turn of the board. Regions are named by their first cell, and which cell is first after the turn depends on
    /// the position: `None`.
    pub(super) fn half_turn(&self, given: Move) -> Option<Move> {
        let geometry = self.rules().geometry;
        let turned = |cell: Cell| geometry.half_turn(cell);
        // A row runs the same way after the turn, from the image of its last cell.
        let row = |start: Cell, extent: Extent| turned(geometry.row_end(start, extent));
        Some(match given {
            Move::Place { cell, rings } => Move::Place { cell: turned(cell), rings },
            Move::Step { from, to } => Move::Step { from: turned(from), to: turned(to) },
            Move::Capture { from, over, to } => {
                Move::Capture { from: turned(from), over: turned(over), to: turned(to) }
            }
            Move::Chain { from, over, to } => Move::Chain { from: turned(from), over: turned(over), to: turned(to) },
            Move::Slide { from, to, extract } => {
                Move::Slide { from: turned(from), to: turned(to), extract: turned(extract) }
            }
            Move::Strike { from, target, extract } => {
                Move::Strike { from: turned(from), target: turned(target), extract: turned(extract) }
            }
            Move::SlideLine { from, to, extract } => {
                Move::SlideLine { from: turned(from), to: turned(to), extract: turned(extract) }
            }
            Move::SlidePart { from, to, start, part } => {
                Move::SlidePart { from: turned(from), to: turned(to), start: row(start, part), part }
            }
            Move::Line { start, line } => Move::Line { start: row(start, line), line },
            Move::LongLine { start, line, part_start, part } => {
                Move::LongLine { start: row(start, line), line, part_start: row(part_start, part), part }
            }
            Move::Region { .. } => return None,
            Move::Eliminate { cell } => Move::Eliminate { cell: turned(cell) },
            Move::Forced { cell } => Move::Forced { cell: turned(cell) },
            plain => plain,
        })
    }
}

impl<const W: usize> Planes for RingRift<W> {
    fn plane_shape(&self) -> PlaneShape {
        let side = self.config.board.side();
        PlaneShape { channels: self.config.seats * SEAT_PLANES + COMMON_PLANES, height: side, width: side }
    }

    fn encoder_version(&self) -> u32 {
        4
    }

    fn encode(&self, state: &State<W>, into: &mut [f32]) {
        into.fill(0.0);
        let mut canvas = Canvas { game: self, planes: into, next: 0 };
        let mut seat = state.turn().player;
        for _ in 0..self.config.seats {
            self.encode_seat(state, seat, &mut canvas);
            seat = seat.next(self.config.seats);
        }
        self.encode_common(state, &mut canvas);
    }

    fn policy_shape(&self) -> PolicyShape {
        sketch::SHAPE
    }

    fn sketch(&self, action: &Move) -> Sketch {
        sketch::sketch(self.rules().geometry, *action)
    }

    fn named(&self, id: ActionId) -> Option<Move> {
        let geometry = self.rules().geometry;
        geometry.actions.decode(geometry, id.0 as usize)
    }

    /// The identity and half a turn. All other symmetries of the boards change the order in which the axes break ties between runs that
    /// a recovering marker makes, and most change how borders grow on the small hexagon.
    fn symmetries(&self) -> usize {
        2
    }

    fn transform_planes(&self, index: usize, planes: &[f32], into: &mut [f32]) {
        into.copy_from_slice(planes);
        if index == 1 {
            let side = self.config.board.side();
            into.chunks_exact_mut(side * side).for_each(<[f32]>::reverse);
        }
    }

    fn transform_action(&self, index: usize, id: ActionId) -> Option<ActionId> {
        if index == 0 {
            return Some(id);
        }
        self.half_turn(self.named(id)?).map(|turned| self.action_id(&turned))
    }
}
