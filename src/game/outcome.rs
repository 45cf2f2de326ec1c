//! How a game ended.

use super::seat::{SEATS_MAX, Seat};

/// Who won. A game may be shared (a draw); the winners' shares are equal and sum to 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Outcome {
    winners: u8,
}

impl Outcome {
    /// A win for one seat.
    pub fn won_by(seat: Seat) -> Outcome {
        Outcome { winners: 1 << seat.index() }
    }

    /// A draw between all `seats` players.
    pub fn shared_by_all(seats: usize) -> Outcome {
        Outcome { winners: Seat::all(seats).fold(0, |mask, seat| mask | 1 << seat.index()) }
    }

    /// The outcome shared by the seats whose bits are set (bit 0 is the first seat), as records hold it. `None` when no
    /// seat, or one beyond `seats`, is set.
    pub fn from_winners(mask: u8, seats: usize) -> Option<Outcome> {
        let all = Outcome::shared_by_all(seats).winners;
        (mask != 0 && mask & !all == 0).then_some(Outcome { winners: mask })
    }

    /// The winners as bits; the inverse of [`Outcome::from_winners`].
    pub fn winners(self) -> u8 {
        self.winners
    }

    /// The seat that won alone, or `None` for a draw.
    pub fn winner(self) -> Option<Seat> {
        (self.winners.count_ones() == 1).then(|| Seat::new(self.winners.trailing_zeros() as usize)).flatten()
    }

    /// What `seat` gets: 1 for a win, `1/k` for a draw between `k`, 0 for a loss.
    pub fn share(self, seat: Seat) -> f32 {
        if self.winners & (1 << seat.index()) == 0 { 0.0 } else { 1.0 / self.winners.count_ones() as f32 }
    }

    /// The shares of all seats; unused seats hold 0.
    pub fn shares(self) -> [f32; SEATS_MAX] {
        let mut shares = [0.0; SEATS_MAX];
        for seat in Seat::all(SEATS_MAX) {
            shares[seat.index()] = self.share(seat);
        }
        shares
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_sum_to_one() {
        let seat = Seat::new(2).expect("a seat");
        assert_eq!(Outcome::won_by(seat).shares(), [0.0, 0.0, 1.0, 0.0]);
        assert_eq!(Outcome::won_by(seat).winner(), Some(seat));
        assert_eq!(Outcome::shared_by_all(2).shares(), [0.5, 0.5, 0.0, 0.0]);
        assert_eq!(Outcome::shared_by_all(2).winner(), None);
        assert_eq!(Outcome::from_winners(0b101, 3).map(Outcome::shares), Some([0.5, 0.0, 0.5, 0.0]));
        assert_eq!(Outcome::from_winners(0, 2), None);
        assert_eq!(Outcome::from_winners(0b100, 2), None);
    }
}
