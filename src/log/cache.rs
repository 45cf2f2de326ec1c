//! Recent entries in memory.

use std::collections::VecDeque;

use super::entry::Entry;
use crate::event::Seq;

/// The newest entries, without gaps, bounded by bytes. Entries that are not written yet stay in any case.
pub(super) struct Cache {
    entries: VecDeque<Entry>,
    bytes: usize,
    bytes_max: usize,
}

impl Cache {
    pub(super) fn new(bytes_max: usize) -> Cache {
        Cache { entries: VecDeque::new(), bytes: 0, bytes_max }
    }

    pub(super) fn push(&mut self, entry: Entry) {
        self.bytes += entry.weight();
        self.entries.push_back(entry);
    }

    /// Forgets the oldest entries below `written` until the bound holds.
    pub(super) fn shrink(&mut self, written: u64) {
        while self.bytes > self.bytes_max && self.entries.front().is_some_and(|entry| entry.index < written) {
            if let Some(entry) = self.entries.pop_front() {
                self.bytes -= entry.weight();
            }
        }
    }

    /// Forgets the entries from `next_index` on. Forgets all when there is then a gap before `next_index`.
    pub(super) fn rewind(&mut self, next_index: u64) {
        while self.entries.back().is_some_and(|entry| entry.index >= next_index) {
            if let Some(entry) = self.entries.pop_back() {
                self.bytes -= entry.weight();
            }
        }
        if self.entries.back().is_some_and(|entry| entry.index + 1 != next_index) {
            self.entries.clear();
            self.bytes = 0;
        }
    }

    /// The first index held.
    pub(super) fn first(&self) -> Option<u64> {
        self.entries.front().map(|entry| entry.index)
    }

    pub(super) fn get(&self, index: u64) -> Option<&Entry> {
        self.entries.get(usize::try_from(index.checked_sub(self.first()?)?).ok()?)
    }

    /// The entry that holds the record at `seq`.
    pub(super) fn entry_of_seq(&self, seq: Seq) -> Option<&Entry> {
        let place = self.entries.partition_point(|entry| entry.next_seq() <= seq);
        self.entries.get(place).filter(|entry| entry.first_seq <= seq)
    }
}
