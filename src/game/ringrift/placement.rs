//! The phase `place`: rings, the pie rule, and what to do without either.

use super::bits::Bits;
use super::cell::Cell;
use super::moves::Move;
use super::rules::Rules;
use super::state::State;
use crate::game::Seat;

/// The most rings placed at once.
const RINGS_MAX: usize = 3;

impl<const W: usize> Rules<W> {
    pub(super) fn placements(&self, state: &State<W>, into: &mut Vec<Move>) {
        let player = state.turn.player;
        let most = self.supply(state, player);
        if most > 0 {
            let blocked = state.blocked();
            for cell in self.placement_cells(state).iter() {
                let legal = self.placement_counts(state, cell, player, most, &blocked);
                (1..=RINGS_MAX as u8)
                    .filter(|rings| legal >> rings & 1 != 0)
                    .for_each(|rings| into.push(Move::Place { cell, rings }));
            }
            if self.may_skip_placement(state, player) {
                into.push(Move::SkipPlacement);
            }
        }
        if self.may_swap(state) {
            into.push(Move::Swap);
        }
        if into.is_empty() {
            into.push(Move::NoPlacement);
        }
    }

    /// Can `seat` place a single ring somewhere?
    pub(super) fn can_place_one(&self, state: &State<W>, seat: Seat) -> bool {
        let blocked = state.blocked();
        self.supply(state, seat) > 0
            && self.placement_cells(state).iter().any(|cell| self.placement_counts(state, cell, seat, 1, &blocked) != 0)
    }

    /// Rings that `seat` may place at once.
    fn supply(&self, state: &State<W>, seat: Seat) -> usize {
        let room = self.config.board.rings().saturating_sub(state.rings_on_board(seat));
        usize::from(state.hand(seat).min(room)).min(RINGS_MAX)
    }

    /// Cells that are neither collapsed nor hold a marker.
    fn placement_cells(&self, state: &State<W>) -> Bits<W> {
        self.geometry.all.without(state.dead()).without(&state.all_markers())
    }

    /// The numbers of rings (as bits) that `seat` may put on `cell`: those after which the stack could move or capture.
    #[inline]
    fn placement_counts(&self, state: &State<W>, cell: Cell, seat: Seat, most: usize, blocked: &Bits<W>) -> u8 {
        let stack = state.stack(cell);
        if !stack.is_none() {
            let placed = stack.with_top(seat);
            return u8::from(self.could_act(state, cell, placed.height(), placed.cap(), blocked)) << 1;
        }
        let wanted = (2u8 << most) - 2;
        let mut legal = 0u8;
        for direction in self.geometry.all_directions() {
            let look = self.look(state, cell, direction, blocked);
            // With f free cells ahead up to f rings can move.
            legal |= (2u8 << look.free.min(RINGS_MAX)) - 2;
            if let Some(target) = look.target {
                let cap = state.stack(target).cap();
                let reach = self.capture_reach(cell, direction, look.free, blocked).min(RINGS_MAX);
                (cap..=reach).for_each(|rings| legal |= 1 << rings);
            }
            if legal & wanted == wanted {
                break;
            }
        }
        legal & wanted
    }

    fn may_skip_placement(&self, state: &State<W>, seat: Seat) -> bool {
        if state.controlled(seat).is_empty() { self.may_recover(state, seat) } else { self.can_act(state, seat) }
    }

    pub(super) fn may_swap(&self, state: &State<W>) -> bool {
        let second = Seat::FIRST.next(2);
        let first_moved_only = state.moved == 1 << Seat::FIRST.index();
        self.config.swap && self.config.seats == 2 && state.turn.player == second && first_moved_only && !state.swapped
    }

    /// Puts rings on a cell.
    pub(super) fn place(&self, state: &mut State<W>, cell: Cell, rings: usize) {
        let player = state.turn.player;
        state.hand[player.index()] -= rings as u16;
        state.add_rings(cell, player, rings);
    }
}
