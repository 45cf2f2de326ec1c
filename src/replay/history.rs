//! The state at any moment of a log.

use std::path::Path;

use super::error::ReplayError;
use super::retained::Retained;
use crate::event::{Record, Seq};
use crate::log::{LogError, LogReader, StoredRecord};
use crate::projection::State;

/// Changed rows are forgotten after so many records: what is folded here goes into no store.
const FORGET_EVERY: u64 = 4_096;

/// A log and its retained snapshots.
#[derive(Clone)]
pub struct History {
    reader: LogReader,
    retained: Retained,
}

/// A state that was made again, and what it took.
#[derive(Clone, Debug)]
pub struct Reconstructed {
    /// The state.
    pub state: State,
    /// The snapshot from which it was folded; 0 for none.
    pub from: Seq,
}

impl History {
    /// The history in the log's folder `log`, with the snapshots in `retained`.
    ///
    /// # Errors
    /// As [`LogReader::open`].
    pub fn open(log: &Path, retained: Retained) -> Result<History, LogError> {
        Ok(History { reader: LogReader::open(log)?, retained })
    }

    /// The history that `reader` reads, with the snapshots in `retained`.
    pub fn new(reader: LogReader, retained: Retained) -> History {
        History { reader, retained }
    }

    /// The log.
    pub fn reader(&self) -> &LogReader {
        &self.reader
    }

    /// The retained snapshots.
    pub fn retained(&self) -> &Retained {
        &self.retained
    }

    /// The state after record `at`. `progress` hears how many records were folded, and how many there are to fold.
    /// Snapshots that are missing on the way are kept, so that the next answer comes sooner.
    ///
    /// # Errors
    /// When the log cannot be read up to there, or begins later.
    pub fn state_at(&self, at: Seq, progress: &mut dyn FnMut(u64, u64)) -> Result<Reconstructed, ReplayError> {
        let _span = tracing::debug_span!("state_at", at = at.0).entered();
        let mut limit = at;
        while let Some(state) = self.retained.nearest(limit) {
            let from = state.seq;
            match self.fold_on(state, at, progress) {
                Ok(Some(state)) => return Ok(Reconstructed { state, from }),
                Ok(None) => self.retained.reject(from, &"it does not fit this log"),
                // The log begins later than this one; its own snapshot may do.
                Err(ReplayError::Log(LogError::BeforeStart { .. })) => break,
                Err(error) => return Err(error),
            }
            match from.0.checked_sub(1) {
                Some(before) => limit = Seq(before),
                None => break,
            }
        }
        if let Some(base) = self.reader.base()? {
            // The log's own snapshot may reach back further than those that are retained.
            if let Some(state) = self.log_snapshot(at)? {
                let from = state.seq;
                if let Some(state) = self.fold_on(state, at, progress)? {
                    return Ok(Reconstructed { state, from });
                }
            }
            return Err(ReplayError::Forgotten { at, base: base.seq });
        }
        let state = self.fold_on(State::new(), at, progress)?.ok_or(ReplayError::Future { at, last: Seq(0) })?;
        Ok(Reconstructed { state, from: Seq(0) })
    }

    /// Folds on to `at`. None when `state` does not follow from this log.
    fn fold_on(
        &self,
        mut state: State,
        at: Seq,
        progress: &mut dyn FnMut(u64, u64),
    ) -> Result<Option<State>, ReplayError> {
        let begin = state.seq;
        // The record of the snapshot is looked at too: it tells whether the snapshot is one of this log.
        let mut records = match self.reader.records(begin) {
            Err(LogError::BeforeStart { .. }) if self.follows_base(&state)? => self.reader.records(begin.next())?,
            other => other?,
        };
        while state.seq < at {
            let Some(record) = records.next().transpose()? else {
                return Err(ReplayError::Future { at, last: state.seq });
            };
            if record.seq <= begin {
                if !is_of(&record, &state) {
                    return Ok(None);
                }
                continue;
            }
            state.apply(&decode(&record)?);
            let done = state.seq.0 - begin.0;
            if done.is_multiple_of(FORGET_EVERY) {
                state.forget_changes();
                progress(done, at.0 - begin.0);
                // Looked at now and then only: one more record apart does not matter.
                if self.retained.wants(state.seq) {
                    // What is asked for does not depend on it: a full disk must not hide the past.
                    if let Err(error) = self.retained.keep(&state) {
                        tracing::warn!(%error, "a snapshot on the way was not kept");
                    }
                }
            }
        }
        if begin == at && begin > Seq(0) && !records.next().transpose()?.is_none_or(|record| is_of(&record, &state)) {
            return Ok(None);
        }
        state.forget_changes();
        progress(at.0 - begin.0, at.0 - begin.0);
        Ok(Some(state))
    }

    /// The state of the log's snapshot, if it is not later than `at` and this build can read it.
    fn log_snapshot(&self, at: Seq) -> Result<Option<State>, ReplayError> {
        let Some(file) = self.reader.snapshot()?.filter(|file| file.header().position.seq <= at) else {
            return Ok(None);
        };
        let (_, bytes) = file.read()?;
        match State::restore(&bytes) {
            Ok(state) => Ok(Some(state)),
            Err(error) => {
                tracing::warn!(%error, "the log's snapshot is ignored");
                Ok(None)
            }
        }
    }

    /// Whether the log begins right after the state's last record.
    fn follows_base(&self, state: &State) -> Result<bool, ReplayError> {
        Ok(self.reader.base()?.is_some_and(|base| base.seq == state.seq && base.term >= state.term))
    }
}

/// Whether `state` ends with this record, as far as can be told.
fn is_of(record: &StoredRecord, state: &State) -> bool {
    record.seq != state.seq || (record.term == state.term && record.raw().recorded_at() == state.recorded_at)
}

/// Decodes a record.
///
/// # Errors
/// [`ReplayError::Record`].
pub fn decode(record: &StoredRecord) -> Result<Record, ReplayError> {
    record.decode().map_err(|source| ReplayError::Record { seq: record.seq, source })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::cluster::HostOnline;
    use crate::event::{Hash, Millis, NodeId, Term};
    use crate::log::{Log, LogOptions, NewEntry, Payload};
    use crate::projection::testing::record;
    use crate::replay::{Moment, RetainedLimits};
    use bytes::Bytes;

    const RECORDS: u64 = 9_000;

    fn online(seq: u64) -> Record {
        record(seq, HostOnline { host: NodeId(seq % 7), incarnation: seq, slots: 1 })
    }

    /// A log of many segments: ten records an entry, with a blank entry after each.
    fn log(folder: &Path) {
        let options = LogOptions { segment_bytes: 64 << 10, ..LogOptions::new(Hash::of(b"x")) };
        let (log, _) = Log::open(folder, options).expect("a new log");
        let mut entries = vec![];
        for batch in 0..RECORDS / 10 {
            let mut bytes = vec![];
            (1..=10).for_each(|place| online(batch * 10 + place).draft.encode_into(&mut bytes));
            for payload in [Payload::Records { count: 10, bytes: Bytes::from(bytes) }, Payload::Blank] {
                let index = entries.len() as u64;
                entries.push(NewEntry { index, term: Term(1), leader: NodeId(1), payload });
            }
        }
        log.append_durably(entries).expect("next").wait().expect("durable");
    }

    fn folded(at: u64) -> Hash {
        let mut state = State::new();
        (1..=at).for_each(|seq| state.apply(&online(seq)));
        state.digest()
    }

    #[test]
    fn the_state_at_any_moment_is_that_of_a_fold_and_the_way_is_paved_for_the_next_time() {
        let dir = tempfile::tempdir().expect("a folder");
        log(&dir.path().join("log"));
        let limits = RetainedLimits { records_apart: 1_000, ..RetainedLimits::default() };
        let retained = Retained::owned(dir.path().join("checkpoints"), limits).expect("a folder");
        let history = History::open(&dir.path().join("log"), retained).expect("a log");
        let state = |at| history.state_at(Seq(at), &mut |_, _| {});
        let end = state(RECORDS).expect("the end");
        assert_eq!((end.from, end.state.digest()), (Seq(0), folded(RECORDS)));
        let kept: Vec<u64> = history.retained().list().into_keys().map(|seq| seq.0).collect();
        assert_eq!(kept, [4_096, 8_192], "whatever was missing on the way");
        for at in [0, 1, 4_095, 4_096, 4_097, 8_999] {
            let found = state(at).expect("in the log");
            assert_eq!(found.from.0, at / 4_096 * 4_096, "from the nearest snapshot");
            assert_eq!(found.state.digest(), folded(at), "at {at}");
        }
        assert!(matches!(state(RECORDS + 1), Err(ReplayError::Future { last: Seq(RECORDS), .. })));
    }

    #[test]
    fn a_snapshot_of_another_log_is_ignored() {
        let dir = tempfile::tempdir().expect("a folder");
        log(&dir.path().join("log"));
        let retained = Retained::owned(dir.path().join("checkpoints"), RetainedLimits::default()).expect("a folder");
        let mut other = State::new();
        for seq in 1..=50 {
            let mut record = online(seq);
            record.draft.recorded_at = Millis(7);
            other.apply(&record);
        }
        retained.keep(&other).expect("written");
        let history = History::open(&dir.path().join("log"), retained).expect("a log");
        for at in [50, 60] {
            let found = history.state_at(Seq(at), &mut |_, _| {}).expect("in the log");
            assert_eq!((found.from, found.state.digest()), (Seq(0), folded(at)));
        }
        assert!(history.retained().list().is_empty(), "and removed");
    }

    #[test]
    fn a_time_is_found_in_whatever_segment_it_lies() {
        let dir = tempfile::tempdir().expect("a folder");
        log(dir.path());
        let reader = LogReader::open(dir.path()).expect("a log");
        for seq in (0..=RECORDS).step_by(97).chain([1, RECORDS]) {
            assert_eq!(reader.seq_at(Millis(seq * 1_000)).expect("readable"), Seq(seq));
            assert_eq!(reader.seq_at(Millis(seq * 1_000 + 999)).expect("readable"), Seq(seq));
        }
        let resolve = |moment: Moment| moment.resolve(&reader, Seq(20));
        assert_eq!(resolve(Moment::Time(Millis(u64::MAX))).expect("readable"), Seq(20));
        assert!(matches!(resolve(Moment::Seq(Seq(21))), Err(ReplayError::Future { .. })));
    }
}
