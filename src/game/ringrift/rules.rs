//! The rules of one configuration: its numbers and its board's tables. Each other file of this room adds one concept to them.

use super::board::Config;
use super::geometry::Geometry;
use super::state::State;

/// The rules of a configuration on a board with at most `64 W` cells.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rules<const W: usize> {
    pub(super) config: Config,
    pub(super) geometry: &'static Geometry<W>,
}

impl<const W: usize> Rules<W> {
    /// The position before the first move.
    pub(super) fn start(&self) -> State<W> {
        let mut state = State::empty();
        self.seats().for_each(|seat| state.hand[seat.index()] = self.config.board.rings());
        state
    }
}
