//! Seats: who is who at the board.

use std::fmt;

/// The most players a game may have. Vectors of values have this length; seats that a game does not use hold 0.
pub const SEATS_MAX: usize = 4;

/// A place at the board, counted from 0 in code and from 1 on paper. No bare integer is a player.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Seat(u8);

impl Seat {
    /// The seat that moves first.
    pub const FIRST: Seat = Seat(0);

    /// The seat with this index, or `None` from [`SEATS_MAX`] on.
    pub fn new(index: usize) -> Option<Seat> {
        (index < SEATS_MAX).then_some(Seat(index as u8))
    }

    /// The seat in the two lowest bits of `bits`, as packed positions hold it.
    #[inline]
    pub(crate) const fn from_low_bits(bits: u64) -> Seat {
        Seat((bits & 3) as u8)
    }

    /// All seats of a game for `seats` players, in order.
    ///
    /// # Panics
    /// When `seats` is over [`SEATS_MAX`].
    pub fn all(seats: usize) -> impl DoubleEndedIterator<Item = Seat> + ExactSizeIterator {
        assert!(seats <= SEATS_MAX, "a game has at most {SEATS_MAX} seats");
        (0..seats as u8).map(Seat)
    }

    /// The index, for vectors that hold one value a seat.
    #[inline]
    pub const fn index(self) -> usize {
        self.0 as usize
    }

    /// The seat after this one, in a game for `seats` players.
    #[must_use]
    pub fn next(self, seats: usize) -> Seat {
        Seat(((self.index() + 1) % seats) as u8)
    }

    /// How far this seat sits after `mover` in turn order: 0 for the mover itself. Nets see seats this way.
    pub fn relative_to(self, mover: Seat, seats: usize) -> usize {
        (self.index() + seats - mover.index()) % seats
    }
}

impl fmt::Display for Seat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0 + 1)
    }
}
