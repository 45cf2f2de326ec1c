//! A table: rows in order of key, a digest that follows every change, and the set of rows changed since they were saved.
//!
//! The digest does not depend on the order in which rows were written. Each row counts as
//! `BLAKE3(length of key ‖ key ‖ value)`, read as four little-endian `u64` lanes; the table's sum is the lane-wise sum
//! of its rows modulo 2^64, so that a change costs at most one hash and no walk. The digest is `BLAKE3(number of rows ‖ sum)`.
//! A changed row is hashed only when the digest is asked for or `UNHASHED_MAX` rows wait, so that a row that every
//! record touches costs a hash now and then, not one a record.
//! It finds accidents and bugs; it is no defence against somebody who crafts rows.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::error::ProjectionError;
use super::key::Key;
use super::row::Row;
use crate::event::Hash;

type Lanes = [u64; 4];

/// Changed rows that wait to be hashed. At the bound all of them are.
const UNHASHED_MAX: usize = 64;

/// Rows by key.
#[derive(Clone, Debug)]
pub struct Table<K, V> {
    rows: BTreeMap<K, Entry<V>>,
    /// The sum over all rows that are hashed.
    sum: Lanes,
    /// The keys of the others (and of rows that are gone); at most [`UNHASHED_MAX`].
    unhashed: Vec<K>,
    /// Keys changed since [`AnyTable::take_dirty`]; at most the keys ever touched since.
    dirty: BTreeSet<K>,
}

#[derive(Clone, Debug)]
struct Entry<V> {
    value: V,
    /// None while the row's key is among the unhashed.
    lanes: Option<Lanes>,
}

impl<K, V> Default for Table<K, V> {
    fn default() -> Self {
        Table { rows: BTreeMap::new(), sum: [0; 4], unhashed: vec![], dirty: BTreeSet::new() }
    }
}

impl<K: Key, V: Row> Table<K, V> {
    /// The row with this key.
    pub fn get(&self, key: &K) -> Option<&V> {
        self.rows.get(key).map(|entry| &entry.value)
    }

    /// Whether there is a row with this key.
    pub fn contains(&self, key: &K) -> bool {
        self.rows.contains_key(key)
    }

    /// All rows in order of key.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = (&K, &V)> {
        self.rows.iter().map(|(key, entry)| (key, &entry.value))
    }

    /// All rows' values in order of key.
    pub fn values(&self) -> impl DoubleEndedIterator<Item = &V> {
        self.rows.values().map(|entry| &entry.value)
    }

    /// The values of the rows whose keys lie between these, in order of key. The first is not behind the last.
    pub fn range(&self, keys: std::ops::RangeInclusive<K>) -> impl DoubleEndedIterator<Item = &V> {
        self.rows.range(keys).map(|(_, entry)| &entry.value)
    }

    /// The number of rows.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether there are no rows.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Writes a row, new or not.
    pub fn put(&mut self, key: K, value: V) {
        match self.rows.get_mut(&key) {
            Some(entry) => {
                entry.value = value;
                self.changed(&key);
            }
            None => {
                self.rows.insert(key.clone(), Entry { value, lanes: None });
                self.unhashed.push(key.clone());
                self.dirty.insert(key);
                self.settle_when_full();
            }
        }
    }

    /// Takes a row out.
    pub fn remove(&mut self, key: &K) -> Option<V> {
        let old = self.rows.remove(key)?;
        match old.lanes {
            Some(lanes) => subtract(&mut self.sum, lanes),
            None => self.unhashed.retain(|waiting| waiting != key),
        }
        self.dirty.insert(key.clone());
        Some(old.value)
    }

    /// Changes a row in place; it counts as changed whatever `change` does. False when there is none.
    pub fn update(&mut self, key: &K, change: impl FnOnce(&mut V)) -> bool {
        let Some(entry) = self.rows.get_mut(key) else { return false };
        change(&mut entry.value);
        self.changed(key);
        true
    }

    /// Notes that the row of `key`, which is there, has another value.
    fn changed(&mut self, key: &K) {
        let Some(entry) = self.rows.get_mut(key) else { return };
        if let Some(lanes) = entry.lanes.take() {
            subtract(&mut self.sum, lanes);
            self.unhashed.push(key.clone());
        }
        if !self.dirty.contains(key) {
            self.dirty.insert(key.clone());
        }
        self.settle_when_full();
    }

    fn settle_when_full(&mut self) {
        if self.unhashed.len() < UNHASHED_MAX {
            return;
        }
        for key in std::mem::take(&mut self.unhashed) {
            if let Some(entry) = self.rows.get_mut(&key) {
                let lanes = lanes_of(&key.to_bytes(), &entry.value.to_bytes());
                add(&mut self.sum, lanes);
                entry.lanes = Some(lanes);
            }
        }
    }

    /// Drops rows from the front of the order until at most `rows_max` are left.
    pub fn drop_first(&mut self, rows_max: usize) {
        while self.rows.len() > rows_max {
            let Some(first) = self.rows.keys().next().cloned() else { return };
            self.remove(&first);
        }
    }
}

/// A row that changed: the bytes of its key and of its value; no value when it was removed.
pub type DirtyRow = (Vec<u8>, Option<Vec<u8>>);

/// A table whose types are not known: what checkpoints, snapshots, digests and JSON need.
pub trait AnyTable {
    /// The number of rows.
    fn rows_len(&self) -> usize;
    /// The digest of all rows.
    fn digest(&self) -> Hash;
    /// How many rows changed since [`Self::take_dirty`].
    fn dirty_len(&self) -> usize;
    /// The rows changed since the last call, in order of key.
    fn take_dirty(&mut self) -> Vec<DirtyRow>;
    /// Calls `visit` with the bytes of each row, in order of key.
    fn visit(&self, visit: &mut dyn FnMut(&[u8], &[u8]));
    /// Takes in a row's bytes as they were saved. It does not count as changed.
    ///
    /// # Errors
    /// What is wrong with the bytes, in words.
    fn load(&mut self, key: &[u8], value: &[u8]) -> Result<(), String>;
    /// All rows as a JSON array, in order of key. Rows name themselves, so keys are not repeated.
    fn json(&self) -> Value;
}

impl<K: Key, V: Row> AnyTable for Table<K, V> {
    fn rows_len(&self) -> usize {
        self.rows.len()
    }

    fn digest(&self) -> Hash {
        let mut bytes = (self.rows.len() as u64).to_le_bytes().to_vec();
        let mut sum = self.sum;
        for (key, value) in self.unhashed.iter().filter_map(|key| Some((key, self.get(key)?))) {
            add(&mut sum, lanes_of(&key.to_bytes(), &value.to_bytes()));
        }
        sum.iter().for_each(|lane| bytes.extend_from_slice(&lane.to_le_bytes()));
        Hash::of(&bytes)
    }

    fn dirty_len(&self) -> usize {
        self.dirty.len()
    }

    fn take_dirty(&mut self) -> Vec<DirtyRow> {
        let dirty = std::mem::take(&mut self.dirty);
        dirty.iter().map(|key| (key.to_bytes(), self.get(key).map(Row::to_bytes))).collect()
    }

    fn visit(&self, visit: &mut dyn FnMut(&[u8], &[u8])) {
        for (key, value) in self.iter() {
            visit(&key.to_bytes(), &value.to_bytes());
        }
    }

    fn load(&mut self, key: &[u8], value: &[u8]) -> Result<(), String> {
        let key_read = K::from_bytes(key).ok_or("the key is malformed")?;
        let row = V::from_bytes(value)?;
        let lanes = lanes_of(key, value);
        if self.rows.insert(key_read, Entry { value: row, lanes: Some(lanes) }).is_some() {
            return Err("the key appears twice".to_owned());
        }
        add(&mut self.sum, lanes);
        Ok(())
    }

    fn json(&self) -> Value {
        let rows = self.values().map(|row| serde_json::to_value(row).expect("rows are plain data with text keys"));
        Value::Array(rows.collect())
    }
}

/// Loads a row and says of which table it was when it is malformed.
pub(super) fn load_row(
    table: &mut dyn AnyTable,
    name: &'static str,
    key: &[u8],
    value: &[u8],
) -> Result<(), ProjectionError> {
    table.load(key, value).map_err(|reason| ProjectionError::Row { table: name, reason })
}

fn lanes_of(key: &[u8], value: &[u8]) -> Lanes {
    let mut hasher = blake3::Hasher::new();
    hasher.update(&(key.len() as u32).to_le_bytes());
    hasher.update(key);
    hasher.update(value);
    let hash = hasher.finalize();
    let mut lanes = [0; 4];
    for (lane, eight) in lanes.iter_mut().zip(hash.as_bytes().chunks_exact(8)) {
        let mut bytes = [0; 8];
        bytes.copy_from_slice(eight);
        *lane = u64::from_le_bytes(bytes);
    }
    lanes
}

fn add(sum: &mut Lanes, lanes: Lanes) {
    sum.iter_mut().zip(lanes).for_each(|(sum, lane)| *sum = sum.wrapping_add(lane));
}

fn subtract(sum: &mut Lanes, lanes: Lanes) {
    sum.iter_mut().zip(lanes).for_each(|(sum, lane)| *sum = sum.wrapping_sub(lane));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Seq;
    use crate::projection::row::row;

    row! {
        /// A row for these tests.
        pub struct Note {
            /// Some text.
            pub text: String,
        }
    }

    fn note(text: &str) -> Note {
        Note { text: text.to_owned() }
    }

    #[test]
    fn the_digest_depends_on_the_rows_only() {
        let mut one = Table::<Seq, Note>::default();
        let empty = one.digest();
        one.put(Seq(1), note("a"));
        one.put(Seq(2), note("b"));
        let mut two = Table::<Seq, Note>::default();
        two.put(Seq(2), note("x"));
        two.put(Seq(3), note("gone"));
        two.put(Seq(1), note("a"));
        two.update(&Seq(2), |row| row.text = "b".into());
        assert_ne!(one.digest(), two.digest());
        two.remove(&Seq(3));
        assert_eq!(one.digest(), two.digest());
        one.drop_first(0);
        assert_eq!(one.digest(), empty);
    }

    #[test]
    fn the_digest_is_the_same_whenever_rows_are_hashed() {
        let rows = 3 * UNHASHED_MAX as u64;
        let (mut often, mut once) = (Table::<Seq, Note>::default(), Table::<Seq, Note>::default());
        for round in 0..4 {
            for seq in 0..rows {
                often.put(Seq(seq), note(&format!("{round} {seq}")));
                often.remove(&Seq(seq / 2));
                often.put(Seq(seq / 2), note("back"));
            }
        }
        let last: Vec<(Seq, Note)> = often.iter().map(|(key, row)| (*key, row.clone())).collect();
        last.into_iter().rev().for_each(|(key, row)| once.put(key, row));
        assert_eq!(often.digest(), once.digest());
        let mut loaded = Table::<Seq, Note>::default();
        often.visit(&mut |key, value| loaded.load(key, value).unwrap());
        assert_eq!(often.digest(), loaded.digest());
    }

    #[test]
    fn dirty_rows_are_what_changed_since_they_were_taken() {
        let mut table = Table::<Seq, Note>::default();
        table.put(Seq(1), note("a"));
        table.put(Seq(2), note("b"));
        table.remove(&Seq(2));
        let dirty = table.take_dirty();
        assert_eq!(dirty, vec![(Seq(1).to_bytes(), Some(note("a").to_bytes())), (Seq(2).to_bytes(), None)]);
        assert!(!table.update(&Seq(9), |_| {}));
        assert!(table.take_dirty().is_empty());
        let mut loaded = Table::<Seq, Note>::default();
        loaded.load(&dirty[0].0, dirty[0].1.as_ref().unwrap()).unwrap();
        assert!(loaded.take_dirty().is_empty());
        assert_eq!(loaded.digest(), table.digest());
        assert!(loaded.load(b"short", &[]).is_err());
    }
}
