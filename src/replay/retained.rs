//! Retained snapshots: `DIR/<seq>.snap`, the bytes of [`State::snapshot`], one every so many records.
//!
//! A file is written under a `.tmp` name, synced and renamed, and its digests are verified whenever it is read. One that is
//! damaged, of another version of the rows, or of another log is ignored with a warning, and the records are folded again.
//!
//! Their number is bounded: when there are too many or they are too large together, the distance between those that stay
//! doubles, until they fit. At each distance the first one in each stretch of that length but the first stays, and always the
//! latest.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

use super::error::ReplayError;
use crate::event::Seq;
use crate::projection::State;
use crate::projection::snapshot::{ROWS_VERSION, rows_version};

/// Snapshots are this many records apart. Folding so many takes a fraction of a second.
const RECORDS_APART: u64 = 100_000;
/// Snapshots that are kept; beyond it the distance between them doubles.
const COUNT_MAX: usize = 64;
/// Their bytes together; beyond it the distance doubles too.
const BYTES_MAX: u64 = 2 << 30;
/// Ends the names of snapshots.
const SUFFIX: &str = "snap";
/// Bytes from which the version of a snapshot can be told.
const HEAD_BYTES: u64 = 12;

/// How many snapshots are kept, and how far apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RetainedLimits {
    /// Records between two, as long as the other limits allow it.
    pub records_apart: u64,
    /// How many are kept at most; at least two.
    pub count_max: usize,
    /// Bytes that they may take together; the latest stays in any case.
    pub bytes_max: u64,
}

impl Default for RetainedLimits {
    fn default() -> Self {
        RetainedLimits { records_apart: RECORDS_APART, count_max: COUNT_MAX, bytes_max: BYTES_MAX }
    }
}

/// A folder of retained snapshots.
#[derive(Clone, Debug)]
pub struct Retained {
    folder: PathBuf,
    limits: RetainedLimits,
    /// Whether files may be written and removed.
    owned: bool,
}

impl Retained {
    /// The snapshots of somebody else: nothing is written or removed. The folder need not exist.
    pub fn read_only(folder: impl Into<PathBuf>) -> Retained {
        Retained { folder: folder.into(), limits: RetainedLimits::default(), owned: false }
    }

    /// This process's own snapshots. Makes the folder, and removes what unfinished writes left and what was made by a
    /// build with other rows.
    ///
    /// # Errors
    /// When the folder cannot be made or read.
    pub fn owned(folder: impl Into<PathBuf>, limits: RetainedLimits) -> Result<Retained, ReplayError> {
        let retained = Retained { folder: folder.into(), limits, owned: true };
        let folder = retained.folder.as_path();
        fs::create_dir_all(folder).map_err(ReplayError::io("create", folder))?;
        for entry in fs::read_dir(folder).map_err(ReplayError::io("read", folder))? {
            let path = entry.map_err(ReplayError::io("read", folder))?.path();
            let unfinished = path.extension().is_some_and(|extension| extension == "tmp");
            let outdated = seq_of(&path).is_some() && version_of(&path) != Some(ROWS_VERSION);
            if unfinished || outdated {
                tracing::info!(path = %path.display(), "removing a snapshot that cannot be used");
                fs::remove_file(&path).map_err(ReplayError::io("remove", &path))?;
            }
        }
        Ok(retained)
    }

    /// The folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The positions of all snapshots, with their sizes, in order. Empty when the folder cannot be read.
    pub fn list(&self) -> BTreeMap<Seq, u64> {
        let entries = fs::read_dir(&self.folder).into_iter().flatten().filter_map(Result::ok);
        entries.filter_map(|entry| Some((seq_of(&entry.path())?, entry.metadata().ok()?.len()))).collect()
    }

    /// The next position after `seq` at which a snapshot may be wanted.
    pub fn due_after(&self, seq: Seq) -> Seq {
        let apart = self.limits.records_apart.max(1);
        Seq((seq.0 / apart + 1).saturating_mul(apart))
    }

    /// Whether a state at `seq` is the first of its stretch, so that it should be kept.
    pub fn wants(&self, seq: Seq) -> bool {
        let snapshots = self.list();
        let apart = self.distance(&snapshots);
        let stretch = seq.0 / apart;
        self.owned && stretch > 0 && snapshots.range(Seq(stretch * apart)..=seq).next().is_none()
    }

    /// Keeps a snapshot of the state, and thins out the older ones. A state in which a projection has stopped is not kept.
    ///
    /// # Errors
    /// When the file cannot be written. Nothing is lost then.
    pub fn keep(&self, state: &State) -> Result<(), ReplayError> {
        if !self.owned || !state.halted().is_empty() {
            return Ok(());
        }
        let path = self.path(state.seq);
        let temporary = path.with_extension("tmp");
        let write = || -> std::io::Result<()> {
            let mut file = File::create(&temporary)?;
            file.write_all(&state.snapshot())?;
            file.sync_all()?;
            fs::rename(&temporary, &path)?;
            File::open(&self.folder)?.sync_all()
        };
        write().map_err(|error| {
            fs::remove_file(&temporary).ok();
            ReplayError::io("write", &path)(error)
        })?;
        tracing::debug!(seq = state.seq.0, "snapshot retained");
        self.thin();
        Ok(())
    }

    /// The snapshot at exactly `seq`, verified.
    ///
    /// # Errors
    /// When it cannot be read or is not what was written.
    pub fn load(&self, seq: Seq) -> Result<State, ReplayError> {
        let path = self.path(seq);
        let bytes = fs::read(&path).map_err(ReplayError::io("read", &path))?;
        let state = State::restore(&bytes).map_err(|source| ReplayError::Snapshot { path: path.clone(), source })?;
        if state.seq != seq {
            let source = crate::projection::ProjectionError::Snapshot { offset: 12, reason: "it is of another record" };
            return Err(ReplayError::Snapshot { path, source });
        }
        Ok(state)
    }

    /// The latest usable snapshot at or before `at`. Those that are not usable are passed over with a warning.
    pub fn nearest(&self, at: Seq) -> Option<State> {
        for seq in self.list().range(..=at).rev().map(|(seq, _)| *seq) {
            match self.load(seq) {
                Ok(state) => return Some(state),
                Err(error) => self.reject(seq, &error),
            }
        }
        None
    }

    /// Passes over a snapshot that is not usable, and removes it if it is ours.
    pub fn reject(&self, seq: Seq, reason: &dyn std::fmt::Display) {
        tracing::warn!(seq = seq.0, %reason, "a retained snapshot is ignored; its records are folded again");
        if self.owned {
            fs::remove_file(self.path(seq)).ok();
        }
    }

    /// Removes all snapshots.
    ///
    /// # Errors
    /// When one cannot be removed.
    pub fn clear(&self) -> Result<(), ReplayError> {
        for seq in self.list().into_keys().filter(|_| self.owned) {
            let path = self.path(seq);
            fs::remove_file(&path).map_err(ReplayError::io("remove", &path))?;
        }
        Ok(())
    }

    /// Records between snapshots that stay, given those that there are.
    fn distance(&self, snapshots: &BTreeMap<Seq, u64>) -> u64 {
        let mut apart = self.limits.records_apart.max(1);
        while !self.fits(&staying(snapshots, apart)) && apart < u64::MAX / 2 {
            apart *= 2;
        }
        apart
    }

    fn fits(&self, staying: &BTreeMap<Seq, u64>) -> bool {
        let bytes: u64 = staying.values().sum();
        staying.len() <= 1 || (staying.len() <= self.limits.count_max.max(2) && bytes <= self.limits.bytes_max)
    }

    fn thin(&self) {
        let snapshots = self.list();
        let staying = staying(&snapshots, self.distance(&snapshots));
        for seq in snapshots.into_keys().filter(|seq| !staying.contains_key(seq)) {
            if let Err(error) = fs::remove_file(self.path(seq)) {
                tracing::warn!(seq = seq.0, %error, "a retained snapshot was not removed");
            }
        }
    }

    fn path(&self, seq: Seq) -> PathBuf {
        self.folder.join(format!("{:020}.{SUFFIX}", seq.0))
    }
}

/// The first of each stretch of `apart` records, and the latest.
fn staying(snapshots: &BTreeMap<Seq, u64>, apart: u64) -> BTreeMap<Seq, u64> {
    let mut staying = BTreeMap::new();
    let mut last_stretch = None;
    for (seq, bytes) in snapshots {
        let stretch = seq.0 / apart;
        // The first stretch needs none: it is folded from nothing.
        if stretch > 0 && last_stretch.replace(stretch) != Some(stretch) {
            staying.insert(*seq, *bytes);
        }
    }
    staying.extend(snapshots.last_key_value());
    staying
}

/// The position in a snapshot's name; none for another file.
fn seq_of(path: &Path) -> Option<Seq> {
    let is_snapshot = path.extension().is_some_and(|extension| extension == SUFFIX);
    let digits = path.file_stem()?.to_str().filter(|stem| is_snapshot && stem.len() == 20)?;
    digits.parse().ok().map(Seq)
}

fn version_of(path: &Path) -> Option<u32> {
    let mut head = vec![];
    File::open(path).ok()?.take(HEAD_BYTES).read_to_end(&mut head).ok()?;
    rows_version(&head)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::NodeId;
    use crate::event::cluster::HostOnline;
    use crate::projection::testing::record;

    fn limits(records_apart: u64, count_max: usize) -> RetainedLimits {
        RetainedLimits { records_apart, count_max, ..RetainedLimits::default() }
    }

    fn state_at(seq: u64) -> State {
        let mut state = State::new();
        let online = |seq| HostOnline { host: NodeId(1), incarnation: seq, slots: 1 };
        (1..=seq).for_each(|seq| state.apply(&record(seq, online(seq))));
        state
    }

    fn positions(retained: &Retained) -> Vec<u64> {
        retained.list().into_keys().map(|seq| seq.0).collect()
    }

    #[test]
    fn snapshots_are_kept_at_a_distance_that_doubles_when_there_are_too_many() {
        let dir = tempfile::tempdir().expect("a folder");
        let retained = Retained::owned(dir.path().join("snapshots"), limits(10, 4)).expect("a folder");
        let mut state = State::new();
        for seq in 1..=100 {
            state.apply(&record(seq, HostOnline { host: NodeId(1), incarnation: seq, slots: 1 }));
            if retained.wants(Seq(seq)) {
                retained.keep(&state).expect("written");
            }
        }
        assert_eq!(positions(&retained), [40, 80, 90, 100], "the first of each forty, and the latest ones");
        let nearest = retained.nearest(Seq(79)).expect("one");
        assert_eq!((nearest.seq, nearest.digest()), (Seq(40), state_at(40).digest()));
        assert!(retained.nearest(Seq(39)).is_none());
    }

    #[test]
    fn the_bytes_of_all_are_bounded_and_the_latest_stays() {
        let dir = tempfile::tempdir().expect("a folder");
        let limits = RetainedLimits { bytes_max: 1, ..limits(1, 100) };
        let retained = Retained::owned(dir.path(), limits).expect("a folder");
        [1, 2, 3].into_iter().for_each(|seq| retained.keep(&state_at(seq)).expect("written"));
        assert_eq!(positions(&retained), [3]);
    }

    #[test]
    fn what_is_damaged_or_of_another_version_is_passed_over_and_removed_by_its_owner() {
        let dir = tempfile::tempdir().expect("a folder");
        let retained = Retained::owned(dir.path(), limits(10, 9)).expect("a folder");
        [10, 20, 30].into_iter().for_each(|seq| retained.keep(&state_at(seq)).expect("written"));
        let path = retained.path(Seq(30));
        let mut bytes = fs::read(&path).expect("a snapshot");
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        fs::write(&path, &bytes).expect("written");
        let reader = Retained::read_only(dir.path());
        assert_eq!(reader.nearest(Seq(99)).map(|state| state.seq), Some(Seq(20)));
        assert_eq!(positions(&reader), [10, 20, 30], "a reader removes nothing");
        assert_eq!(retained.nearest(Seq(99)).map(|state| state.seq), Some(Seq(20)));
        assert_eq!(positions(&retained), [10, 20]);
        let mut bytes = fs::read(retained.path(Seq(20))).expect("a snapshot");
        bytes[8] ^= 0x40;
        fs::write(retained.path(Seq(20)), &bytes).expect("written");
        fs::rename(retained.path(Seq(10)), retained.path(Seq(15))).expect("renamed");
        fs::write(dir.path().join("x.tmp"), b"half").expect("written");
        assert!(reader.nearest(Seq(99)).is_none(), "one is of another version, one of another record");
        let retained = Retained::owned(dir.path(), limits(10, 9)).expect("a folder");
        assert_eq!(positions(&retained), [15], "removed at the start");
        assert!(!dir.path().join("x.tmp").exists());
    }

    #[test]
    fn a_state_with_a_stopped_projection_is_not_kept() {
        let dir = tempfile::tempdir().expect("a folder");
        let retained = Retained::owned(dir.path(), limits(1, 9)).expect("a folder");
        let mut state = State::failing(crate::projection::Projection::Hosts, Seq(1));
        state.apply(&record(1, HostOnline { host: NodeId(1), incarnation: 1, slots: 1 }));
        retained.keep(&state).expect("nothing to do");
        assert_eq!(positions(&retained), [0; 0]);
    }
}
