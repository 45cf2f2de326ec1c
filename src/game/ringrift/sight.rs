//! What a seat could do with its stacks and regions if it were its turn now: for judging positions, and for showing them to a net.

use super::bits::Bits;
use super::cell::Cell;
use super::game::RingRift;
use super::state::{State, Turn};
use crate::game::Seat;

/// What a seat's stacks could do now.
pub(super) struct Sight<const W: usize> {
    /// Stacks of others that it could capture.
    pub prey: Bits<W>,
    /// Its stacks that could capture one of another seat.
    pub hunters: Bits<W>,
    /// Cells where a stack of it could land, by a step or by capturing any stack.
    pub landings: Bits<W>,
}

/// What a stack sees in one direction.
struct Glance<'a> {
    from: Cell,
    height: usize,
    /// All cells there, nearest first.
    ray: &'a [Cell],
    /// How many of them come before the first stack, collapsed cell or edge.
    free: usize,
    /// The stack behind them that it could capture, and how far it could land.
    capture: Option<(Cell, usize)>,
}

impl<const W: usize> RingRift<W> {
    /// What the stacks of `seat` could do now.
    pub(super) fn sight(&self, state: &State<W>, seat: Seat) -> Sight<W> {
        let own = state.controlled(seat);
        let mut sight = Sight { prey: Bits::EMPTY, hunters: Bits::EMPTY, landings: Bits::EMPTY };
        self.look_around(state, seat, |Glance { from, height, ray, free, capture }| {
            ray[..free].iter().skip(height - 1).for_each(|cell| sight.landings.insert(*cell));
            let Some((target, reach)) = capture else { return };
            ray[..reach].iter().skip((height - 1).max(free + 1)).for_each(|cell| sight.landings.insert(*cell));
            if !own.has(target) {
                sight.prey.insert(target);
                sight.hunters.insert(from);
            }
        });
        sight
    }

    /// The prey of [`Self::sight`] alone.
    pub(super) fn prey(&self, state: &State<W>, seat: Seat) -> Bits<W> {
        let mut targets = Bits::EMPTY;
        self.look_around(state, seat, |glance| glance.capture.iter().for_each(|(target, _)| targets.insert(*target)));
        targets.without(state.controlled(seat))
    }

    #[inline]
    fn look_around(&self, state: &State<W>, seat: Seat, mut see: impl FnMut(Glance)) {
        let (rules, blocked) = (self.rules(), state.blocked());
        for from in state.controlled(seat).iter() {
            let stack = state.stack(from);
            let (height, cap) = (stack.height(), stack.cap());
            for direction in rules.geometry.all_directions() {
                let look = rules.look(state, from, direction, &blocked);
                let target = look.target.filter(|target| state.stack(*target).cap() <= cap);
                let capture = target.and_then(|target| {
                    let reach = rules.capture_reach(from, direction, look.free, &blocked);
                    (reach >= height).then_some((target, reach))
                });
                see(Glance { from, height, ray: rules.geometry.ray(from, direction), free: look.free, capture });
            }
        }
    }

    /// Shows each region that `seat` could take, were it to take one now, and how near it would be to a win then.
    pub(super) fn claims(&self, state: &State<W>, seat: Seat, mut show: impl FnMut(&Bits<W>, f32)) {
        let mut theirs = *state;
        theirs.turn = Turn::of(seat);
        let (rings_win, cells_win) = (self.config.elimination_win(), self.config.territory_min());
        self.rules().find_region(&theirs, |_, _, region| {
            let rings: usize = (*region & *state.stacked()).iter().map(|cell| state.stack(cell).height()).sum();
            let rings = f32::from(state.eliminated(seat)) + rings as f32;
            let cells = f32::from(state.territory(seat)) + region.count() as f32;
            show(region, (rings / f32::from(rings_win)).max(cells / f32::from(cells_win)));
            false
        });
    }
}
