//! The log against a vector: any sequence of appends, truncations, restarts and crashes.

use kifu::log::{Crash, Entry, NewEntry, SimDisk};
use proptest::prelude::*;

use crate::support::*;

#[derive(Clone, Debug)]
enum Operation {
    Append {
        count: u64,
        records: usize,
        text_bytes: usize,
        new_term: bool,
    },
    /// Keep this share of the entries, in percent.
    Truncate(u64),
    Reopen,
    Crash,
}

fn operation() -> impl Strategy<Value = Operation> {
    prop_oneof![
        6 => (1..6u64, 0..4usize, 0..900usize, any::<bool>()).prop_map(|(count, records, text_bytes, new_term)| {
            Operation::Append { count, records, text_bytes, new_term }
        }),
        2 => (0..=100u64).prop_map(Operation::Truncate),
        1 => Just(Operation::Reopen),
        1 => Just(Operation::Crash),
    ]
}

fn same(new: &NewEntry, entry: &Entry) -> bool {
    (new.index, new.term, new.leader, &new.payload) == (entry.index, entry.term, entry.leader, &entry.payload)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_log_is_a_vector(operations in prop::collection::vec(operation(), 1..30)) {
        let mut disk = SimDisk::new();
        let (mut log, _) = open(&disk);
        let mut model: Vec<NewEntry> = vec![];
        let mut term = 1;
        for operation in operations {
            match operation {
                Operation::Append { count, records, text_bytes, new_term } => {
                    term += u64::from(new_term);
                    let first = model.len() as u64;
                    let new: Vec<_> = (first..first + count).map(|index| entry(index, term, records, text_bytes)).collect();
                    model.extend(new.iter().cloned());
                    append(&log, new).expect("durable");
                }
                Operation::Truncate(percent) => {
                    let keep = model.len() * percent as usize / 100;
                    model.truncate(keep);
                    let after = (keep as u64).checked_sub(1);
                    log.truncate_after(after).expect("open").wait().expect("durable");
                    term += 1;
                }
                Operation::Reopen => {
                    drop(log);
                    log = open(&disk).0;
                }
                Operation::Crash => {
                    drop(log);
                    disk = disk.crashed(Crash::LoseAll);
                    log = open(&disk).0;
                }
            }
            let found = all(&log);
            prop_assert_eq!(found.len(), model.len());
            prop_assert!(model.iter().zip(&found).all(|(new, entry)| same(new, entry)));
            prop_assert_eq!(&read_disk(disk.reader()).expect("sound"), &found);
            prop_assert_eq!(log.last(), found.last().map(Entry::position));
            let middle = found.len() as u64 / 2;
            prop_assert_eq!(&log.read(middle, u64::MAX, usize::MAX).expect("readable")[..], &found[middle as usize..]);
        }
    }
}
