//! Sets of cells, one bit a cell.

use std::ops::{BitAnd, BitAndAssign, BitOr, BitOrAssign, Not};

use super::cell::Cell;

/// Bits of a word.
pub(super) const WORD: usize = 64;

/// A set of cells of a board with at most `64 W` cells.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Bits<const W: usize>(pub(super) [u64; W]);

/// The word that holds a cell's bit, and the bit's place in it.
#[inline]
pub(super) fn place<const W: usize>(cell: Cell) -> (usize, usize) {
    // A board of one word has no cell in another: lets the compiler drop the bounds check.
    let word = if W == 1 { 0 } else { cell.index() / WORD };
    (word, cell.index() % WORD)
}

impl<const W: usize> Bits<W> {
    /// No cell.
    pub const EMPTY: Bits<W> = Bits([0; W]);

    /// Only `cell`.
    #[inline]
    pub fn one(cell: Cell) -> Bits<W> {
        let mut bits = Bits::EMPTY;
        bits.insert(cell);
        bits
    }

    /// The first `count` cells.
    pub(super) fn first_cells(count: usize) -> Bits<W> {
        let mut bits = Bits::EMPTY;
        (0..count).for_each(|index| bits.insert(Cell(index as u16)));
        bits
    }

    /// Is `cell` in the set?
    #[inline]
    pub fn has(&self, cell: Cell) -> bool {
        let (word, bit) = place::<W>(cell);
        self.0[word] >> bit & 1 != 0
    }

    /// Adds `cell`.
    #[inline]
    pub fn insert(&mut self, cell: Cell) {
        let (word, bit) = place::<W>(cell);
        self.0[word] |= 1 << bit;
    }

    /// Takes `cell` out.
    #[inline]
    pub fn remove(&mut self, cell: Cell) {
        let (word, bit) = place::<W>(cell);
        self.0[word] &= !(1 << bit);
    }

    /// True without any cell.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.0.iter().all(|&word| word == 0)
    }

    /// Number of cells.
    #[inline]
    pub fn count(&self) -> usize {
        self.0.iter().map(|word| word.count_ones() as usize).sum()
    }

    /// Have both sets a cell in common?
    #[inline]
    pub fn meets(&self, other: &Bits<W>) -> bool {
        self.0.iter().zip(&other.0).any(|(a, b)| a & b != 0)
    }

    /// The cells that are not in `other`.
    #[inline]
    #[must_use]
    pub fn without(mut self, other: &Bits<W>) -> Bits<W> {
        self.0.iter_mut().zip(&other.0).for_each(|(a, b)| *a &= !b);
        self
    }

    /// The first cell in canonical order.
    #[inline]
    pub fn first(&self) -> Option<Cell> {
        let word = self.0.iter().position(|&word| word != 0)?;
        Some(Cell((word * WORD) as u16 + self.0[word].trailing_zeros() as u16))
    }

    /// The cells in canonical order.
    #[inline]
    pub fn iter(self) -> Cells<W> {
        Cells { left: self, word: 0 }
    }
}

/// The cells of a set, in canonical order.
#[derive(Clone, Debug)]
pub struct Cells<const W: usize> {
    left: Bits<W>,
    word: usize,
}

impl<const W: usize> Iterator for Cells<W> {
    type Item = Cell;

    #[inline]
    fn next(&mut self) -> Option<Cell> {
        while self.word < W {
            let word = &mut self.left.0[self.word];
            if *word != 0 {
                let bit = word.trailing_zeros() as u16;
                *word &= *word - 1;
                return Some(Cell((self.word * WORD) as u16 + bit));
            }
            self.word += 1;
        }
        None
    }
}

impl<const W: usize> BitOr for Bits<W> {
    type Output = Bits<W>;

    #[inline]
    fn bitor(mut self, other: Bits<W>) -> Bits<W> {
        self |= other;
        self
    }
}

impl<const W: usize> BitOrAssign for Bits<W> {
    #[inline]
    fn bitor_assign(&mut self, other: Bits<W>) {
        self.0.iter_mut().zip(&other.0).for_each(|(a, b)| *a |= b);
    }
}

impl<const W: usize> BitAnd for Bits<W> {
    type Output = Bits<W>;

    #[inline]
    fn bitand(mut self, other: Bits<W>) -> Bits<W> {
        self &= other;
        self
    }
}

impl<const W: usize> BitAndAssign for Bits<W> {
    #[inline]
    fn bitand_assign(&mut self, other: Bits<W>) {
        self.0.iter_mut().zip(&other.0).for_each(|(a, b)| *a &= b);
    }
}

impl<const W: usize> Not for Bits<W> {
    type Output = Bits<W>;

    #[inline]
    fn not(self) -> Bits<W> {
        Bits(self.0.map(|word| !word))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sets_behave_like_sets() {
        let mut bits: Bits<6> = Bits::EMPTY;
        assert!(bits.is_empty() && bits.first().is_none());
        for index in [300, 0, 63, 64, 360] {
            bits.insert(Cell(index));
        }
        assert_eq!(bits.iter().map(|cell| cell.0).collect::<Vec<_>>(), [0, 63, 64, 300, 360]);
        assert_eq!((bits.count(), bits.first()), (5, Some(Cell(0))));
        bits.remove(Cell(0));
        assert!(!bits.has(Cell(0)) && bits.has(Cell(64)));
        assert!(bits.meets(&Bits::one(Cell(360))) && !bits.meets(&Bits::one(Cell(1))));
        assert_eq!(bits.without(&Bits::first_cells(100)).count(), 2);
        assert_eq!((bits & Bits::first_cells(100)).count(), 2);
        assert_eq!((!bits & bits).count(), 0);
    }
}
