//! Rows in sled, with the position that they are at. The only I/O of this room.
//!
//! One tree holds everything: `table name ‖ 0 ‖ key` → value, and `0` → checkpoint. Each save is one batch, so rows and
//! checkpoint change together or not at all. Nothing here is the only copy of a fact: whoever gets an error removes the
//! directory ([`Store::destroy`]) and folds the log again. sled may panic on damaged files; that is caught and reported.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::error::ProjectionError;
use super::guard;
use super::snapshot::ROWS_VERSION;
use super::state::State;
use super::table::{AnyTable, load_row};
use crate::event::{Hash, Millis, Seq, Term};

/// Soft limit of sled's page cache; its default of 1 GiB is more than a node should spend on this.
const CACHE_BYTES: u64 = 64 << 20;
/// sled writes its buffers this often. A crash in between costs a few rows, which are folded again.
const FLUSH_EVERY_MS: u64 = 500;
/// Rows in one batch when all of them are written.
const BATCH_ROWS_MAX: usize = 4_096;
/// The key of the checkpoint. No table's name begins with a zero byte.
const CHECKPOINT: &[u8] = &[0];
/// The key of the note that the caller keeps beside the checkpoint.
const NOTE: &[u8] = &[0, 0];

/// Where a simulation keeps checkpoints of a state, in place of a [`Store`].
pub trait Checkpoints: Send {
    /// Keeps the state as it is now, with a `note` of the caller's: both or neither.
    ///
    /// # Errors
    /// After an error it must not be used any more. What was kept before may be there or not.
    fn save(&mut self, state: &mut State, note: &[u8]) -> Result<(), ProjectionError>;

    /// The state that was kept last, if any was.
    ///
    /// # Errors
    /// For anything that is not exactly what was kept.
    fn load(&self) -> Result<Option<State>, ProjectionError>;

    /// The note that was kept with it.
    ///
    /// # Errors
    /// As [`Checkpoints::load`].
    fn note(&self) -> Result<Option<Vec<u8>>, ProjectionError>;
}

/// The rows of a state on disk.
#[derive(Debug)]
pub struct Store {
    path: PathBuf,
    db: sled::Db,
}

/// What is saved beside the rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Checkpoint {
    version: u32,
    seq: Seq,
    term: Term,
    recorded_at: Millis,
    digest: Hash,
}

impl Store {
    /// Opens the store in `dir`, which is created when it is missing.
    ///
    /// # Errors
    /// [`ProjectionError::Store`] when sled cannot open it.
    pub fn open(dir: &Path) -> Result<Store, ProjectionError> {
        Store::open_within(dir, guard::AT_A_START)
    }

    /// The same while others wait: a store that is still held is soon given up.
    ///
    /// # Errors
    /// As [`Store::open`].
    pub fn open_meanwhile(dir: &Path) -> Result<Store, ProjectionError> {
        Store::open_within(dir, guard::MEANWHILE)
    }

    fn open_within(dir: &Path, patience: Duration) -> Result<Store, ProjectionError> {
        let config = sled::Config::new()
            .path(dir)
            .mode(sled::Mode::HighThroughput)
            .cache_capacity(CACHE_BYTES)
            .flush_every_ms(Some(FLUSH_EVERY_MS))
            .use_compression(false);
        let db = guard::open_patiently(&config, patience).map_err(|fault| failure(dir, fault.to_string()))?;
        Ok(Store { path: dir.to_owned(), db })
    }

    /// Where it lies.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Lets go of a store that may have failed, on a thread of its own, and waits so long for its end: after a failed write, or on a damaged file,
    /// that may never come, or be a panic. A store that is still held cannot be opened; then it is made anew.
    pub fn let_go(self, patience: Duration) {
        let (ended, end) = std::sync::mpsc::channel();
        let end_it = move || {
            drop(self);
            ended.send(()).ok();
        };
        match std::thread::Builder::new().name("kifu-rows-end".to_owned()).spawn(end_it) {
            Ok(_) => drop(end.recv_timeout(patience)),
            Err(error) => tracing::debug!(%error, "there is no thread for the end of the row store"),
        }
    }

    /// Removes a store that is not usable. No fact is lost.
    ///
    /// # Errors
    /// [`ProjectionError::Store`] when the directory cannot be removed.
    pub fn destroy(dir: &Path) -> Result<(), ProjectionError> {
        match std::fs::remove_dir_all(dir) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(failure(dir, error.to_string())),
            _ => Ok(()),
        }
    }

    /// The state that was saved last, with its digest verified. `None` when none was.
    ///
    /// # Errors
    /// [`ProjectionError`] for anything that is not exactly what was saved.
    pub fn load(&self) -> Result<Option<State>, ProjectionError> {
        let Some(checkpoint) = self.checkpoint()? else { return Ok(None) };
        if checkpoint.version != ROWS_VERSION {
            return Err(ProjectionError::Version { found: checkpoint.version, expected: ROWS_VERSION });
        }
        let Checkpoint { seq, term, recorded_at, digest, .. } = checkpoint;
        let mut state = State { seq, term, recorded_at, dirty_since: Some(seq), ..State::default() };
        for (name, table) in state.tables_mut() {
            let prefix = prefix_of(name);
            let mut rows = self.db.scan_prefix(&prefix);
            while let Some((key, value)) = guarded(&self.path, || rows.next().transpose())? {
                load_row(table, name, key.get(prefix.len()..).unwrap_or_default(), &value)?;
            }
        }
        if state.digest() != digest {
            return Err(ProjectionError::Digest { table: "the store" });
        }
        state.reindex();
        Ok(Some(state))
    }

    /// The note that was saved with the checkpoint.
    ///
    /// # Errors
    /// [`ProjectionError::Store`] when sled fails.
    pub fn note(&self) -> Result<Option<Vec<u8>>, ProjectionError> {
        Ok(guarded(&self.path, || self.db.get(NOTE))?.map(|note| note.to_vec()))
    }

    /// Saves what changed since the last save, or everything when the state does not come from this store. `note` is
    /// kept beside the checkpoint and changes with it, or not at all.
    ///
    /// # Errors
    /// [`ProjectionError::Store`] when sled fails. The store must not be used afterwards.
    pub fn save(&self, state: &mut State, note: &[u8]) -> Result<(), ProjectionError> {
        let saved = self.position()?;
        self.write(Save::of(state, note, saved))
    }

    /// The position of the last checkpoint; 0 before the first.
    ///
    /// # Errors
    /// [`ProjectionError::Store`] when sled fails.
    pub fn position(&self) -> Result<Seq, ProjectionError> {
        Ok(self.checkpoint()?.map_or(Seq(0), |checkpoint| checkpoint.seq))
    }

    /// Writes what was gathered. When all rows are written anew, the checkpoint goes first and comes back last, so a crash
    /// in between leaves none.
    ///
    /// # Errors
    /// [`ProjectionError::Store`] when sled fails. The store must not be used afterwards.
    pub fn write(&self, save: Save) -> Result<(), ProjectionError> {
        if save.anew {
            guarded(&self.path, || self.db.clear())?;
        }
        for batch in save.batches {
            guarded(&self.path, || self.db.apply_batch(batch))?;
        }
        Ok(())
    }

    /// Waits until what was saved is with the operating system. For an orderly stop.
    ///
    /// # Errors
    /// [`ProjectionError::Store`] when sled fails.
    pub fn flush(&self) -> Result<(), ProjectionError> {
        guarded(&self.path, || self.db.flush()).map(drop)
    }

    fn checkpoint(&self) -> Result<Option<Checkpoint>, ProjectionError> {
        let Some(bytes) = guarded(&self.path, || self.db.get(CHECKPOINT))? else { return Ok(None) };
        read_checkpoint(&bytes).map(Some).ok_or_else(|| failure(&self.path, "malformed checkpoint".to_owned()))
    }
}

/// A checkpoint that was gathered from a state and is not written yet. Gathering is quick; writing may take its time, while
/// the state goes on.
pub struct Save {
    /// Whether the store is emptied first.
    anew: bool,
    /// In order; the checkpoint's position is in the last one.
    batches: Vec<sled::Batch>,
}

impl Save {
    /// What changed in `state` since the save at `saved`, or everything when the state does not know that. The state counts
    /// as saved from now on: if this is not written, the next save must not be told that it was.
    pub fn of(state: &mut State, note: &[u8], saved: Seq) -> Save {
        let anew = state.dirty_since != Some(saved);
        let mut batches = vec![sled::Batch::default()];
        for (name, table) in state.tables_mut() {
            let dirty = table.take_dirty();
            if anew {
                all_rows(name, table, &mut batches);
                continue;
            }
            let Some(batch) = batches.last_mut() else { continue };
            for (key, value) in dirty {
                let key = [prefix_of(name), key].concat();
                match value {
                    Some(value) => batch.insert(key, value),
                    None => batch.remove(key),
                }
            }
        }
        if anew {
            batches.push(sled::Batch::default());
        }
        if let Some(last) = batches.last_mut() {
            last.insert(CHECKPOINT, checkpoint_of(state));
            last.insert(NOTE, note);
        }
        state.dirty_since = Some(state.seq);
        Save { anew, batches }
    }
}

/// Adds every row of a table, at most [`BATCH_ROWS_MAX`] to a batch.
fn all_rows(name: &str, table: &dyn AnyTable, batches: &mut Vec<sled::Batch>) {
    let mut rows = 0;
    table.visit(&mut |key, value| {
        rows += 1;
        if rows % BATCH_ROWS_MAX == 0 {
            batches.push(sled::Batch::default());
        }
        if let Some(batch) = batches.last_mut() {
            batch.insert([&prefix_of(name), key].concat(), value);
        }
    });
}

fn prefix_of(table: &str) -> Vec<u8> {
    [table.as_bytes(), &[0]].concat()
}

fn checkpoint_of(state: &State) -> Vec<u8> {
    let mut bytes = ROWS_VERSION.to_le_bytes().to_vec();
    for value in [state.seq.0, state.term.0, state.recorded_at.0] {
        bytes.extend_from_slice(&value.to_le_bytes());
    }
    bytes.extend_from_slice(&state.digest().0);
    bytes
}

fn read_checkpoint(bytes: &[u8]) -> Option<Checkpoint> {
    let (version, rest) = bytes.split_first_chunk::<4>()?;
    let (seq, rest) = rest.split_first_chunk::<8>()?;
    let (term, rest) = rest.split_first_chunk::<8>()?;
    let (recorded_at, digest) = rest.split_first_chunk::<8>()?;
    Some(Checkpoint {
        version: u32::from_le_bytes(*version),
        seq: Seq(u64::from_le_bytes(*seq)),
        term: Term(u64::from_le_bytes(*term)),
        recorded_at: Millis(u64::from_le_bytes(*recorded_at)),
        digest: Hash(digest.try_into().ok()?),
    })
}

/// Runs a call into sled; an error or a panic becomes a [`ProjectionError`].
fn guarded<T>(path: &Path, call: impl FnOnce() -> sled::Result<T>) -> Result<T, ProjectionError> {
    guard::guarded(call).map_err(|fault| failure(path, fault.to_string()))
}

fn failure(path: &Path, reason: String) -> ProjectionError {
    ProjectionError::Store { path: path.to_owned(), reason }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::NodeId;
    use crate::event::cluster::LeaderElected;
    use crate::projection::testing::given;

    fn elected(term: u64) -> LeaderElected {
        LeaderElected { leader: NodeId(term), term: Term(term), previous: None }
    }

    #[test]
    fn a_store_gives_back_the_state_at_its_last_save() {
        let dir = tempfile::tempdir().unwrap();
        let mut state = given([elected(1).into(), elected(2).into()]);
        {
            let store = Store::open(dir.path()).unwrap();
            assert!(store.load().unwrap().is_none());
            store.save(&mut state, &[]).unwrap();
            state = state.and(elected(3));
            store.save(&mut state, &[]).unwrap();
            store.flush().unwrap();
        }
        let store = Store::open(dir.path()).unwrap();
        let mut loaded = store.load().unwrap().expect("a saved state");
        assert_eq!((loaded.seq, loaded.digest()), (Seq(3), state.digest()));
        loaded = loaded.and(elected(4));
        store.save(&mut loaded, &[]).unwrap();
        assert_eq!(store.load().unwrap().expect("a saved state").digest(), loaded.digest());
    }

    #[test]
    fn a_state_from_elsewhere_replaces_all_rows() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(dir.path()).unwrap();
        store.save(&mut given([elected(1).into(), elected(2).into()]), &[]).unwrap();
        let mut other = State::restore(&given([elected(9).into()]).snapshot()).unwrap();
        store.save(&mut other, &[]).unwrap();
        assert_eq!(store.load().unwrap().expect("a saved state").digest(), other.digest());
    }

    #[test]
    fn wrong_rows_and_wrong_versions_are_refused() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(dir.path()).unwrap();
        store.save(&mut given([elected(1).into()]), &[]).unwrap();
        let (key, _) = store.db.scan_prefix(prefix_of("leadership")).next().unwrap().unwrap();
        let value = store.db.remove(&key).unwrap().unwrap();
        assert_eq!(store.load().unwrap_err(), ProjectionError::Digest { table: "the store" });
        store.db.insert(&key, &value[1..]).unwrap();
        assert!(matches!(store.load().unwrap_err(), ProjectionError::Row { table: "leadership", .. }));
        store.db.insert(&key, value).unwrap();
        assert!(store.load().unwrap().is_some());
        let mut checkpoint = store.db.get(CHECKPOINT).unwrap().unwrap().to_vec();
        checkpoint[0] = 77;
        store.db.insert(CHECKPOINT, checkpoint).unwrap();
        assert_eq!(store.load().unwrap_err(), ProjectionError::Version { found: 77, expected: ROWS_VERSION });
    }

    #[test]
    fn damaged_files_are_an_error_or_the_saved_state_never_another_one() {
        let dir = tempfile::tempdir().unwrap();
        let mut state = given((1..40).map(|term| elected(term).into()));
        {
            let store = Store::open(dir.path()).unwrap();
            store.save(&mut state, &[]).unwrap();
            store.flush().unwrap();
        }
        let file = dir.path().join("db");
        let good = std::fs::read(&file).unwrap();
        for at in (0..good.len().min(8_192)).step_by(1_024) {
            let mut bad = good.clone();
            bad[at] ^= 0x40;
            std::fs::write(&file, &bad).unwrap();
            if let Ok(store) = Store::open(dir.path())
                && let Ok(Some(loaded)) = store.load()
            {
                assert_eq!(loaded.digest(), state.digest(), "flipped byte {at}");
            }
        }
        Store::destroy(dir.path()).unwrap();
        Store::destroy(dir.path()).unwrap();
    }
}
