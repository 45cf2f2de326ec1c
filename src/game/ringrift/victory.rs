//! The ends that are looked for after every move.

use super::rules::Rules;
use super::state::{End, Phase, Reason, State, Turn};
use crate::game::{SEATS_MAX, Seat};

impl<const W: usize> Rules<W> {
    /// Ends the game if the position decides it.
    pub(super) fn check_victory(&self, state: &mut State<W>) {
        let end = self
            .threshold_reached(state)
            .or_else(|| self.only_one_left(state))
            .or_else(|| if state.stacked().is_empty() { self.bare_board(state) } else { None });
        if let Some(end) = end {
            finish(state, end);
        }
    }

    /// Enough eliminated rings, or enough territory.
    fn threshold_reached(&self, state: &State<W>) -> Option<End> {
        let by = |winner, reason| End { winner, reason, ladder: false };
        let rings = self.config.elimination_win();
        if let Some(winner) = self.seats().find(|&seat| state.eliminated(seat) >= rings) {
            return Some(by(winner, Reason::RingElimination));
        }
        let cells = self.config.territory_min();
        let all: u16 = self.seats().map(|seat| state.territory(seat)).sum();
        let owns_most = |&seat: &Seat| state.territory(seat) >= cells && 2 * state.territory(seat) > all;
        self.seats().find(owns_most).map(|winner| by(winner, Reason::TerritoryControl))
    }

    /// One player controls every stack, and nobody else has a ring.
    fn only_one_left(&self, state: &State<W>) -> Option<End> {
        let mut with_rings = self.seats().filter(|&seat| state.has_rings(seat));
        let (winner, nobody_else) = (with_rings.next()?, with_rings.next().is_none());
        // When only one colour is left, its owner controls whatever stacks there are.
        (nobody_else && !state.stacked().is_empty()).then_some(End {
            winner,
            reason: Reason::LastPlayerStanding,
            ladder: false,
        })
    }

    /// Without any stack: the game goes on if somebody can still place a ring; else counting decides.
    fn bare_board(&self, state: &State<W>) -> Option<End> {
        let live = self.geometry.all.without(state.dead());
        let empty = live.without(&state.all_markers());
        let holds_rings = self.seats().any(|seat| state.hand(seat) > 0);
        if holds_rings && empty.iter().any(|cell| self.geometry.neighbours(cell).meets(&live)) {
            return None;
        }
        let counts = |count: &dyn Fn(Seat) -> u16| {
            let mut counts = [0; SEATS_MAX];
            self.seats().for_each(|seat| counts[seat.index()] = count(seat));
            counts
        };
        let ladder = [
            (Reason::TerritoryControl, counts(&|seat| state.territory(seat))),
            // If anybody still holds rings, all held rings count as eliminated; held rings of nobody add nothing.
            (Reason::RingElimination, counts(&|seat| state.eliminated(seat) + state.hand(seat))),
            (Reason::LastPlayerStanding, counts(&|seat| state.markers(seat).count() as u16)),
        ];
        let decided = ladder.into_iter().find_map(|(reason, counts)| Some((single_most(counts)?, reason)));
        let (winner, reason) = decided.unwrap_or((state.last_mover.unwrap_or(Seat::FIRST), Reason::LastPlayerStanding));
        Some(End { winner, reason, ladder: true })
    }
}

/// The only seat with the largest number, if that is not 0.
fn single_most(counts: [u16; SEATS_MAX]) -> Option<Seat> {
    let most = counts.into_iter().max().filter(|&most| most > 0)?;
    let mut holders = Seat::all(SEATS_MAX).filter(|seat| counts[seat.index()] == most);
    let first = holders.next();
    if holders.next().is_some() { None } else { first }
}

/// Ends the game.
pub(super) fn finish<const W: usize>(state: &mut State<W>, end: End) {
    state.turn = Turn { phase: Phase::Over, ..Turn::of(end.winner) };
    state.end = Some(end);
}
