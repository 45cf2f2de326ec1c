//! Last player standing by rounds: who has been the only one able to act for three rounds has won.

use super::board::LPS_ROUNDS;
use super::rules::Rules;
use super::state::{End, Reason, State};
use super::victory::finish;
use crate::game::Seat;

impl<const W: usize> Rules<W> {
    /// Can `seat` place one ring, move or capture, were it on turn?
    fn has_real_action(&self, state: &State<W>, seat: Seat) -> bool {
        self.can_act(state, seat) || self.can_place_one(state, seat)
    }

    /// Registers the turn that has just begun, and ends the game if it was won that way.
    pub(super) fn begin_turn(&self, state: &mut State<W>) {
        let player = state.turn.player;
        let able = self.has_real_action(state, player);
        if state.has_rings(player) {
            self.register(state, player);
            state.lps.seen |= bit(player);
            if able {
                state.lps.able |= bit(player);
            }
        }
        let alone = state.lps.rounds >= LPS_ROUNDS && state.lps.exclusive == Some(player) && able;
        if alone && self.seats().all(|seat| seat == player || !self.has_real_action(state, seat)) {
            finish(state, End { winner: player, reason: Reason::LpsRounds, ladder: false });
        }
    }

    /// Begins a round, or completes one.
    fn register(&self, state: &mut State<W>, player: Seat) {
        let is_in = |seat: Option<Seat>| seat.is_some_and(|seat| state.has_rings(seat));
        if !is_in(state.lps.first) {
            let keeps = is_in(state.lps.exclusive);
            state.lps.first = Some(player);
            (state.lps.seen, state.lps.able) = (0, 0);
            if !keeps {
                state.lps.rounds = 0;
                state.lps.exclusive = None;
            }
        } else if state.lps.first == Some(player) && state.lps.seen != 0 {
            let mut able = self.seats().filter(|&seat| state.lps.able & bit(seat) != 0 && state.has_rings(seat));
            let only = able.next().filter(|_| able.next().is_none());
            let rounds = match only {
                None => 0,
                Some(_) if only == state.lps.exclusive => state.lps.rounds.saturating_add(1),
                Some(_) => 1,
            };
            state.lps.exclusive = only;
            state.lps.rounds = rounds;
            (state.lps.seen, state.lps.able) = (0, 0);
        }
    }
}

fn bit(seat: Seat) -> u8 {
    1 << seat.index()
}
