//! How often each kind of event happened.

use super::row::row;
use super::table::Table;
use crate::event::{Kind, Millis, Record, Seq};

row! {
    /// A kind and its number of records.
    pub struct CountRow {
        /// The kind's name.
        pub kind: String,
        /// Records of it.
        pub records: u64,
        /// The last of them.
        pub last_seq: Seq,
        /// When it was recorded.
        pub last_at: Millis,
    }
}

/// Counts by kind; at most as many rows as the registry has kinds.
#[derive(Clone, Debug, Default)]
pub struct Counts {
    /// One row for each kind that happened.
    pub table: Table<u16, CountRow>,
}

impl Counts {
    /// Records of this kind.
    pub fn of(&self, kind: Kind) -> u64 {
        self.table.get(&kind.number()).map_or(0, |row| row.records)
    }

    /// Folds a record.
    pub fn apply(&mut self, record: &Record) {
        let kind = record.draft.event.kind();
        let (last_seq, last_at) = (record.seq, record.draft.recorded_at);
        let known = self.table.update(&kind.number(), |row| {
            row.records += 1;
            (row.last_seq, row.last_at) = (last_seq, last_at);
        });
        if !known {
            let row = CountRow { kind: kind.name().to_owned(), records: 1, last_seq, last_at };
            self.table.put(kind.number(), row);
        }
    }
}
