//! Keeps the rows of the fold on disk. Losing them loses no fact, so nothing that goes wrong here stops the node: the
//! store is given up and opened again later, when a full disk has space again for instance.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use crate::event::Seq;
use crate::log::Space;
use crate::projection::{Checkpoints, ProjectionError, Save, State, Store};

/// A checkpoint is written when so many rows have changed (gathering them holds up the fold) …
const CHECKPOINT_ROWS: usize = 2_000;
/// … or after this many records (a start folds them again, in a fraction of a second) …
const CHECKPOINT_RECORDS: u64 = 100_000;
/// … or after this long, when anything has changed.
const CHECKPOINT_EVERY: Duration = Duration::from_secs(2);
/// After a failure the store is left alone for so long.
const RETRY_AFTER: Duration = Duration::from_secs(5);

/// Where rows go.
enum Rows {
    /// To sled, from a thread of their own. None after a failure, until it can be opened again.
    Store { path: PathBuf, store: Option<Store> },
    /// To a simulation's memory, at once: it has one thread.
    Here(Box<dyn Checkpoints>),
}

/// The rows on disk, and how far they have come.
pub(super) struct Keeper {
    rows: Rows,
    saved: Seq,
    saved_at: Instant,
}

impl Keeper {
    /// Keeps rows in `store`, which holds the state at `saved`.
    pub(super) fn new(store: Store, saved: Seq) -> Keeper {
        let path = store.path().to_owned();
        Keeper { rows: Rows::Store { path, store: Some(store) }, saved, saved_at: Instant::now() }
    }

    /// Keeps rows in memory, which holds the state at `saved`.
    pub(super) fn here(checkpoints: Box<dyn Checkpoints>, saved: Seq) -> Keeper {
        Keeper { rows: Rows::Here(checkpoints), saved, saved_at: Instant::now() }
    }

    /// The position of the rows that are kept, when the state at `seq`, of which so many rows have changed, is to be written now.
    pub(super) fn due(&mut self, seq: Seq, dirty_rows: usize, force: bool) -> Option<Seq> {
        let elapsed = self.saved_at.elapsed() >= CHECKPOINT_EVERY;
        let many = seq.0 >= self.saved.0 + CHECKPOINT_RECORDS || dirty_rows >= CHECKPOINT_ROWS;
        let due = force || elapsed || many;
        if seq == self.saved || !due || !self.has_room() {
            return None;
        }
        self.open_again(force);
        let position = match &self.rows {
            Rows::Here(_) => return Some(self.saved),
            Rows::Store { store, .. } => store.as_ref()?.position(),
        };
        position.map_err(|error| self.give_up(&error)).ok()
    }

    /// Whether rows are saved at once, with [`Keeper::save`], instead of from another thread, with [`Keeper::write`].
    pub(super) fn is_here(&self) -> bool {
        matches!(self.rows, Rows::Here(_))
    }

    /// Saves the state at once.
    pub(super) fn save(&mut self, state: &mut State, note: &[u8]) -> Result<(), ProjectionError> {
        if let Rows::Here(checkpoints) = &mut self.rows {
            checkpoints.save(state, note)?;
            (self.saved, self.saved_at) = (state.seq, Instant::now());
        }
        Ok(())
    }

    /// Writes the state at `seq`.
    pub(super) fn write(&mut self, save: Save, seq: Seq) {
        let Rows::Store { store: Some(store), .. } = &self.rows else { return };
        match store.write(save) {
            Ok(()) => (self.saved, self.saved_at) = (seq, Instant::now()),
            Err(error) => self.give_up(&error),
        }
    }

    /// The position of the state that was written last.
    pub(super) fn saved(&self) -> Seq {
        self.saved
    }

    /// The state that was written last; none while the store cannot be used.
    pub(super) fn load(&self) -> Result<Option<State>, ProjectionError> {
        match &self.rows {
            Rows::Store { store, .. } => store.as_ref().map_or(Ok(None), Store::load),
            Rows::Here(checkpoints) => checkpoints.load(),
        }
    }

    /// The note that was written with it.
    pub(super) fn note(&self) -> Result<Option<Vec<u8>>, ProjectionError> {
        match &self.rows {
            Rows::Store { store, .. } => store.as_ref().map_or(Ok(None), Store::note),
            Rows::Here(checkpoints) => checkpoints.note(),
        }
    }

    /// Whether rows are written again when it is time, as far as can be seen: there is a store, and space.
    pub(super) fn goes_on(&self) -> bool {
        let usable = !matches!(&self.rows, Rows::Store { store: None, .. });
        usable && self.has_room()
    }

    /// Whether the disk has space for rows. While it has none they stay as they are: the next start folds a longer tail. What the system does
    /// not say is seen when they are written.
    fn has_room(&self) -> bool {
        match &self.rows {
            Rows::Here(_) => true,
            Rows::Store { path, .. } => Space::of(path).map_or(true, |space| space.has_room_for(0)),
        }
    }

    /// Lets go of a store that failed.
    pub(super) fn give_up(&mut self, error: &ProjectionError) {
        tracing::warn!(%error, "no checkpoint was written; the next start folds a longer tail");
        if let Rows::Store { store, .. } = &mut self.rows
            && let Some(store) = store.take()
        {
            store.let_go(Duration::ZERO);
        }
        self.saved_at = Instant::now();
    }

    /// Opens a store that was given up, when it was left alone long enough.
    fn open_again(&mut self, force: bool) {
        let Rows::Store { path, store: store @ None } = &mut self.rows else { return };
        if !force && self.saved_at.elapsed() < RETRY_AFTER {
            return;
        }
        self.saved_at = Instant::now();
        match Store::open_meanwhile(path) {
            Ok(opened) => *store = Some(opened),
            Err(error) => {
                tracing::debug!(%error, "the row store cannot be opened; it is made anew");
                if let Err(error) = Store::destroy(path) {
                    tracing::debug!(%error, "nor removed");
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Kind;
    use crate::event::samples::sample;
    use crate::projection::testing::record;

    #[test]
    fn a_store_that_fails_is_opened_again_and_holds_the_state_in_the_end() {
        let dir = tempfile::tempdir().expect("a folder");
        let path = dir.path().join("state");
        let mut keeper = Keeper::new(Store::open(&path).expect("a store"), Seq(0));
        let mut state = State::new();
        state.apply(&record(1, sample(Kind::NodeJoined)));
        keeper.give_up(&ProjectionError::Digest { table: "a failure" });
        assert_eq!(keeper.due(Seq(1), 1, false), None, "it is left alone for a while");
        let position = loop {
            // Made anew, where the old one is not gone yet.
            if let Some(position) = keeper.due(Seq(1), 1, true) {
                break position;
            }
        };
        keeper.write(Save::of(&mut state, b"note", position), Seq(1));
        assert_eq!(keeper.due(Seq(1), 1, true), None, "it is written");
        drop(keeper);
        let loaded = Store::open(&path).expect("a store").load().expect("rows").expect("a checkpoint");
        assert_eq!(loaded.digest(), state.digest());
    }
}
