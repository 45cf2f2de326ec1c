//! A stack of rings in one word.

use crate::game::Seat;

/// Two bits a ring, the top ring lowest, and a one above the bottom ring. No stack is 0.
///
/// In play no stack is higher than the longest straight way plus one (25 rings): who captures is no higher than the way is long
/// and gains one ring, and a ring is only placed where the stack can then go on. So 31 rings are room enough.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Stack(u64);

/// The lower bit of every ring.
const LOW: u64 = 0x5555_5555_5555_5555;
/// The most rings of a stack.
pub(super) const HEIGHT_MAX: usize = 31;

/// A word full of one colour.
#[inline]
fn repeated(seat: Seat) -> u64 {
    LOW * seat.index() as u64
}

impl Stack {
    /// No stack.
    pub const NONE: Stack = Stack(0);

    /// A stack of `count` rings of one colour.
    #[inline]
    pub(super) fn of(seat: Seat, count: usize) -> Stack {
        debug_assert!((1..=HEIGHT_MAX).contains(&count));
        let end = 1 << (2 * count);
        Stack(end | (repeated(seat) & (end - 1)))
    }

    /// True when there is no ring.
    #[inline]
    pub fn is_none(self) -> bool {
        self.0 == 0
    }

    /// Number of rings.
    #[inline]
    pub fn height(self) -> usize {
        if self.0 == 0 { 0 } else { (63 - self.0.leading_zeros() as usize) / 2 }
    }

    /// The colour of the top ring: who controls the stack. Of no stack: the first seat.
    #[inline]
    pub(super) fn top(self) -> Seat {
        Seat::from_low_bits(self.0)
    }

    /// Who controls the stack.
    pub fn controller(self) -> Option<Seat> {
        (self.0 != 0).then(|| self.top())
    }

    /// Rings of one colour from the top down.
    #[inline]
    pub fn cap(self) -> usize {
        let height = self.height();
        let other = (self.0 ^ LOW.wrapping_mul(self.0 & 3)) & ((1 << (2 * height)) - 1);
        if other == 0 { height } else { other.trailing_zeros() as usize / 2 }
    }

    /// The rings from the bottom to the top.
    pub fn rings(self) -> impl DoubleEndedIterator<Item = Seat> {
        (0..self.height()).rev().map(move |depth| Seat::from_low_bits(self.0 >> (2 * depth)))
    }

    /// The lower bit of every ring of this colour.
    #[inline]
    fn of_colour(self, seat: Seat) -> u64 {
        let equal = !(self.0 ^ repeated(seat));
        equal & equal >> 1 & LOW & ((1 << (2 * self.height())) - 1)
    }

    /// Rings of this colour.
    #[inline]
    pub fn count(self, seat: Seat) -> usize {
        self.of_colour(seat).count_ones() as usize
    }

    /// Is a ring of this colour below the top?
    #[inline]
    pub fn buries(self, seat: Seat) -> bool {
        self.of_colour(seat) > 1
    }

    /// Puts a ring on top.
    #[inline]
    #[must_use]
    pub(super) fn with_top(self, seat: Seat) -> Stack {
        if self.0 == 0 { Stack::of(seat, 1) } else { Stack(self.0 << 2 | seat.index() as u64) }
    }

    /// Puts a ring below all others.
    #[inline]
    #[must_use]
    pub(super) fn with_bottom(self, seat: Seat) -> Stack {
        let end = 1 << (2 * self.height());
        Stack((self.0 ^ end) | (end << 2) | (end * seat.index() as u64))
    }

    /// Takes `count` rings off the top.
    #[inline]
    #[must_use]
    pub(super) fn without_top(self, count: usize) -> Stack {
        let left = self.0 >> (2 * count);
        Stack(if left == 1 { 0 } else { left })
    }

    /// Takes the lowest ring of this colour out; there must be one.
    #[must_use]
    pub(super) fn without_lowest(self, seat: Seat) -> Stack {
        let at = 63 - self.of_colour(seat).leading_zeros();
        let left = self.0 & ((1 << at) - 1) | self.0 >> (at + 2) << at;
        Stack(if left == 1 { 0 } else { left })
    }
}

impl std::fmt::Display for Stack {
    /// The rings from the bottom to the top, such as `2211`.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.rings().try_for_each(|seat| write!(f, "{seat}"))
    }
}

impl std::fmt::Debug for Stack {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{self}")
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn stack(rings: &[usize]) -> Stack {
        rings.iter().fold(Stack::NONE, |stack, &ring| stack.with_top(Seat::new(ring).expect("a seat")))
    }

    proptest! {
        #[test]
        fn a_stack_is_a_list_of_rings(rings in prop::collection::vec(0usize..4, 1..30), colour in 0usize..4, off in 0usize..30) {
            let (made, seat) = (stack(&rings), Seat::new(colour).expect("a seat"));
            let list = |stack: Stack| stack.rings().map(Seat::index).collect::<Vec<_>>();
            prop_assert_eq!(list(made), rings.clone());
            prop_assert_eq!(made.height(), rings.len());
            let top = rings[rings.len() - 1];
            prop_assert_eq!(made.controller(), Seat::new(top));
            prop_assert_eq!(made.cap(), rings.iter().rev().take_while(|&&ring| ring == top).count());
            prop_assert_eq!(made.count(seat), rings.iter().filter(|&&ring| ring == colour).count());
            prop_assert_eq!(made.buries(seat), rings[..rings.len() - 1].contains(&colour));
            let lower: Vec<_> = std::iter::once(colour).chain(rings.iter().copied()).collect();
            prop_assert_eq!(list(made.with_bottom(seat)), lower);
            let off = off.min(rings.len());
            prop_assert_eq!(list(made.without_top(off)), rings[..rings.len() - off].to_vec());
            if let Some(lowest) = rings.iter().position(|&ring| ring == colour) {
                let mut left = rings.clone();
                left.remove(lowest);
                prop_assert_eq!(list(made.without_lowest(seat)), left);
            }
        }
    }

    #[test]
    fn stacks_of_one_colour() {
        for seat in Seat::all(4) {
            for count in 1..=HEIGHT_MAX {
                let made = Stack::of(seat, count);
                assert_eq!((made.height(), made.cap(), made.count(seat)), (count, count, count));
                assert!(made.without_top(count).is_none());
            }
        }
    }
}
