//! What the search found before: bounds of positions, in a table of fixed size.

/// Bits of an entry below the position's key.
const BOUND_BITS: u32 = 2;

/// What is known about a position that is not decided at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Bound {
    /// It is lost.
    Lost,
    /// It is not won.
    NotWon,
    /// It is not lost.
    NotLost,
    /// It is won.
    Won,
}

/// Entries by key. A newer entry replaces an older one in its place, so memory never grows.
pub(super) struct Table {
    entries: Vec<u64>,
}

impl Table {
    /// A table of `size` entries of 8 bytes. An odd size spreads the keys best.
    pub(super) fn new(size: usize) -> Table {
        Table { entries: vec![0; size.max(1)] }
    }

    pub(super) fn get(&self, key: u64) -> Option<Bound> {
        let entry = self.entries[self.place(key)];
        // One more than the key, so that the empty entry is nobody's.
        (entry >> BOUND_BITS == key + 1).then_some(match entry & 3 {
            0 => Bound::Lost,
            1 => Bound::NotWon,
            2 => Bound::NotLost,
            _ => Bound::Won,
        })
    }

    pub(super) fn put(&mut self, key: u64, bound: Bound) {
        let place = self.place(key);
        self.entries[place] = (key + 1) << BOUND_BITS | bound as u64;
    }

    fn place(&self, key: u64) -> usize {
        (key % self.entries.len() as u64) as usize
    }
}
