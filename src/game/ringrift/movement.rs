//! Moving and capturing.

use super::bits::Bits;
use super::cell::Cell;
use super::geometry::Direction;
use super::moves::Move;
use super::rules::Rules;
use super::state::{Phase, State};
use crate::game::Seat;

/// What a stack sees in one direction.
#[derive(Clone, Copy, Debug)]
pub(super) struct Look {
    /// Cells before the first stack, collapsed cell or edge.
    pub(super) free: usize,
    /// The stack behind them.
    pub(super) target: Option<Cell>,
}

impl<const W: usize> Rules<W> {
    /// What is to be seen from `cell`.
    #[inline]
    pub(super) fn look(&self, state: &State<W>, cell: Cell, direction: Direction, blocked: &Bits<W>) -> Look {
        let ray = self.geometry.ray(cell, direction);
        let free = ray.iter().position(|&cell| blocked.has(cell)).unwrap_or(ray.len());
        Look { free, target: ray.get(free).copied().filter(|&cell| state.stacked().has(cell)) }
    }

    /// The greatest distance at which a capture over the stack behind `free` cells can land; 0 when it cannot land at all.
    #[inline]
    pub(super) fn capture_reach(&self, from: Cell, direction: Direction, free: usize, blocked: &Bits<W>) -> usize {
        let behind = &self.geometry.ray(from, direction)[free + 1..];
        match behind.iter().position(|&cell| blocked.has(cell)).unwrap_or(behind.len()) {
            0 => 0,
            landings => free + 1 + landings,
        }
    }

    /// Could a stack of this height and cap on `cell` move or capture?
    #[inline]
    pub(super) fn could_act(&self, state: &State<W>, cell: Cell, height: usize, cap: usize, blocked: &Bits<W>) -> bool {
        self.geometry.all_directions().any(|direction| {
            let look = self.look(state, cell, direction, blocked);
            look.free >= height || self.could_capture_there(state, cell, direction, look, height, cap, blocked)
        })
    }

    #[inline]
    #[expect(clippy::too_many_arguments, reason = "one step of a scan; nothing of it is worth a type")]
    fn could_capture_there(
        &self,
        state: &State<W>,
        cell: Cell,
        direction: Direction,
        look: Look,
        height: usize,
        cap: usize,
        blocked: &Bits<W>,
    ) -> bool {
        look.target.is_some_and(|target| {
            state.stack(target).cap() <= cap && self.capture_reach(cell, direction, look.free, blocked) >= height
        })
    }

    /// Could the stack on `cell` capture?
    pub(super) fn could_capture(&self, state: &State<W>, cell: Cell) -> bool {
        let (stack, blocked) = (state.stack(cell), state.blocked());
        self.geometry.all_directions().any(|direction| {
            let look = self.look(state, cell, direction, &blocked);
            self.could_capture_there(state, cell, direction, look, stack.height(), stack.cap(), &blocked)
        })
    }

    /// Can a stack of `seat` move or capture?
    pub(super) fn can_act(&self, state: &State<W>, seat: Seat) -> bool {
        let blocked = state.blocked();
        state.controlled(seat).iter().any(|cell| {
            let stack = state.stack(cell);
            self.could_act(state, cell, stack.height(), stack.cap(), &blocked)
        })
    }

    /// The phase `move`.
    pub(super) fn movements(&self, state: &State<W>, into: &mut Vec<Move>) {
        let player = state.turn.player;
        let actors = state.turn.focus.map_or(*state.controlled(player), Bits::one);
        let blocked = state.blocked();
        for from in actors.iter() {
            self.steps(state, from, &blocked, into);
            self.captures(state, from, &blocked, into, |from, over, to| Move::Capture { from, over, to });
        }
        if self.may_recover(state, player) {
            self.recoveries(state, into);
        }
        if into.is_empty() {
            into.push(Move::NoMove);
        }
    }

    /// The phases `capture` and `chain`.
    pub(super) fn further_captures(&self, state: &State<W>, into: &mut Vec<Move>) {
        let from = state.turn.focus.expect("both phases have the stack that acts");
        let blocked = state.blocked();
        if state.turn.phase == Phase::Chain {
            self.captures(state, from, &blocked, into, |from, over, to| Move::Chain { from, over, to });
        } else {
            self.captures(state, from, &blocked, into, |from, over, to| Move::Capture { from, over, to });
            into.push(Move::SkipCapture);
        }
    }

    fn steps(&self, state: &State<W>, from: Cell, blocked: &Bits<W>, into: &mut Vec<Move>) {
        let height = state.stack(from).height();
        for direction in self.geometry.all_directions() {
            let ray = self.geometry.ray(from, direction);
            let free = ray.iter().take_while(|&&cell| !blocked.has(cell));
            into.extend(free.skip(height - 1).map(|&to| Move::Step { from, to }));
        }
    }

    fn captures(
        &self,
        state: &State<W>,
        from: Cell,
        blocked: &Bits<W>,
        into: &mut Vec<Move>,
        make: impl Fn(Cell, Cell, Cell) -> Move,
    ) {
        let stack = state.stack(from);
        let (height, cap) = (stack.height(), stack.cap());
        for direction in self.geometry.all_directions() {
            let look = self.look(state, from, direction, blocked);
            let Some(over) = look.target.filter(|&target| state.stack(target).cap() <= cap) else { continue };
            let behind = &self.geometry.ray(from, direction)[look.free + 1..];
            let landings = behind.iter().take_while(|&&cell| !blocked.has(cell));
            // The first landing lies at distance free + 2.
            into.extend(landings.skip(height.saturating_sub(look.free + 2)).map(|&to| make(from, over, to)));
        }
    }

    /// Moves a stack straight on.
    pub(super) fn step(&self, state: &mut State<W>, from: Cell, to: Cell) {
        let player = state.turn.player;
        self.pass(state, from, to, None);
        state.shift_stack(from, to);
        state.add_marker(from, player);
        self.land(state, to);
    }

    /// Captures the top ring of `over`.
    pub(super) fn capture(&self, state: &mut State<W>, from: Cell, over: Cell, to: Cell) {
        let player = state.turn.player;
        self.pass(state, from, to, Some(over));
        state.take_top(over, from);
        state.shift_stack(from, to);
        state.add_marker(from, player);
        self.land(state, to);
    }

    /// What passing does to the markers strictly between two cells.
    fn pass(&self, state: &mut State<W>, from: Cell, to: Cell, over: Option<Cell>) {
        let player = state.turn.player;
        let markers = state.all_markers();
        if markers.is_empty() {
            return;
        }
        let (direction, distance) = self.geometry.straight(from, to).expect("stacks move along straight ways");
        for &cell in &self.geometry.ray(from, direction)[..distance - 1] {
            if !markers.has(cell) || Some(cell) == over {
                continue;
            }
            if state.markers(player).has(cell) {
                state.collapse(&Bits::one(cell), player);
            } else {
                state.remove_marker(cell);
                state.add_marker(cell, player);
            }
        }
    }

    /// A stack that lands on a marker destroys it and loses its top ring.
    fn land(&self, state: &mut State<W>, to: Cell) {
        if state.remove_marker(to) {
            state.eliminate_top(to, 1, state.turn.player);
        }
    }
}
