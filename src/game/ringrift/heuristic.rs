//! A simple judgement of a position: features of each seat, weighted, and turned into shares of a win.
//!
//! Whoever eliminates a ring comes nearer to the end, even with an own ring; and a single region can decide the game. So the features are
//! how near a seat is to what wins, how near it would be after the best region that it could take, and what it has left to act with.

use super::bits::Bits;
use super::cell::Cell;
use super::game::RingRift;
use super::state::State;
use crate::game::{SEATS_MAX, Seat};

/// What a feature is worth, in units of the logarithm of a share.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Weights {
    /// Eliminated rings, as a share of those that win.
    eliminated: f32,
    /// Territory, as a share of what wins.
    territory: f32,
    /// The square of the greater of both shares: being near counts more than being on the way.
    nearness: f32,
    /// How much nearer the best region would bring the seat that it could take now.
    claim: f32,
    /// That region would win.
    claim_wins: f32,
    /// How much nearer a region would bring the seat once it has captured one of somebody's last stacks.
    ambush: f32,
    /// Stacks that the seat controls, each as a share of the rings that it began with.
    stacks: f32,
    /// The root of the number of stacks, in units of eight: the first few count most.
    breadth: f32,
    /// Stacks of others that the seat could capture now, as a share of the rings that it began with.
    prey: f32,
    /// Rings in hand, as a share of the rings that it began with.
    hand: f32,
    /// Own rings that are in no cap of an own stack, as a share of the rings that it began with.
    buried: f32,
    /// Markers, as a share of the cells of the board.
    markers: f32,
    /// The seat has neither a stack nor a ring in hand.
    idle: f32,
}

/// Chosen by play against random players.
const WEIGHTS: Weights = Weights {
    eliminated: 10.5,
    territory: 10.0,
    nearness: 5.0,
    claim: 12.8,
    claim_wins: 6.0,
    ambush: 8.0,
    stacks: 8.5,
    breadth: 4.0,
    prey: 2.0,
    hand: 6.0,
    buried: -1.0,
    markers: 16.9,
    idle: -7.0,
};
/// Stacks up to which losing one may open a region.
const LAST_STACKS: usize = 3;

impl<const W: usize> RingRift<W> {
    /// Shares of a win: what a simple judgement expects for each seat. They sum to 1; unused seats get 0.
    pub(super) fn judge(&self, state: &State<W>) -> [f32; SEATS_MAX] {
        let mut shares = [0.0; SEATS_MAX];
        if let Some(end) = state.end() {
            shares[end.winner.index()] = 1.0;
            return shares;
        }
        self.all_seats().for_each(|seat| shares[seat.index()] = self.worth(state, seat));
        let used = &mut shares[..self.config.seats];
        let greatest = used.iter().copied().fold(f32::MIN, f32::max);
        used.iter_mut().for_each(|share| *share = (*share - greatest).exp());
        let sum: f32 = used.iter().sum();
        used.iter_mut().for_each(|share| *share /= sum);
        shares
    }

    /// Eliminated rings and territory, each as a share of what wins.
    pub(super) fn shares_of_win(&self, state: &State<W>, seat: Seat) -> [f32; 2] {
        let eliminated = f32::from(state.eliminated(seat)) / f32::from(self.config.elimination_win());
        let territory = f32::from(state.territory(seat)) / f32::from(self.config.territory_min());
        [eliminated, territory]
    }

    fn worth(&self, state: &State<W>, seat: Seat) -> f32 {
        let rings = f32::from(self.config.board.rings());
        let [eliminated, territory] = self.shares_of_win(state, seat);
        let nearest = eliminated.max(territory);
        let stacks = state.controlled(seat).count() as f32;
        let caps: usize = state.controlled(seat).iter().map(|cell| state.stack(cell).cap()).sum();
        let buried = f32::from(state.rings_on_board(seat)) - caps as f32;
        let idle = stacks == 0.0 && state.hand(seat) == 0;
        let prey = self.prey(state, seat);
        let claim = self.after_claim(state, seat);
        let ambush = self.after_ambush(state, seat, &prey);
        WEIGHTS.eliminated * eliminated
            + WEIGHTS.territory * territory
            + WEIGHTS.nearness * nearest * nearest
            + WEIGHTS.claim * (claim - nearest).clamp(0.0, 1.0)
            + WEIGHTS.claim_wins * f32::from(claim >= 1.0)
            + WEIGHTS.ambush * (ambush - nearest).clamp(0.0, 1.0)
            + WEIGHTS.stacks * stacks / rings
            + WEIGHTS.breadth * (stacks / 8.0).sqrt()
            + WEIGHTS.prey * prey.count() as f32 / rings
            + WEIGHTS.hand * f32::from(state.hand(seat)) / rings
            + WEIGHTS.buried * buried / rings
            + WEIGHTS.markers * state.markers(seat).count() as f32 / self.config.board.cells() as f32
            + WEIGHTS.idle * f32::from(idle)
    }

    /// How near `seat` would be to a win after the best region that it could take, were it to take one now; 0 without any.
    fn after_claim(&self, state: &State<W>, seat: Seat) -> f32 {
        let mut best = 0.0f32;
        self.claims(state, seat, |_, near| best = best.max(near));
        best
    }

    /// The same after `seat` has captured one of the last stacks of another seat.
    fn after_ambush(&self, state: &State<W>, seat: Seat, prey: &Bits<W>) -> f32 {
        let opens = |&cell: &Cell| {
            let stack = state.stack(cell);
            stack.cap() == 1 && state.controlled(stack.top()).count() <= LAST_STACKS
        };
        let claims = prey.iter().filter(opens).map(|cell| {
            let mut after = *state;
            after.eliminate_top(cell, 1, seat);
            self.after_claim(&after, seat)
        });
        claims.fold(0.0, f32::max)
    }
}
