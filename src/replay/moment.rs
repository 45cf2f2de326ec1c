//! Moments of the log, as people name them.

use serde::{Deserialize, Serialize};

use super::error::ReplayError;
use crate::event::{Millis, Seq};
use crate::log::LogReader;
use crate::projection::State;

/// A moment: after a record, or at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Moment {
    /// After this record; 0 is before the first.
    Seq(Seq),
    /// When all records up to this time, by the leader's clock, were there, and no later one.
    Time(Millis),
}

impl Moment {
    /// The last record at this moment, among those up to `last`. For a time before all that the log holds it is the one before its
    /// beginning, which may be much later than the time: whoever makes the state after it asks [`Moment::check`] next.
    ///
    /// # Errors
    /// [`ReplayError::Future`] for a record after `last` (a time after it is fine: nothing has happened since);
    /// [`ReplayError::Log`].
    pub fn resolve(self, reader: &LogReader, last: Seq) -> Result<Seq, ReplayError> {
        match self {
            Moment::Seq(at) if at > last => Err(ReplayError::Future { at, last }),
            Moment::Seq(at) => Ok(at),
            Moment::Time(at) => Ok(reader.seq_at(at)?.min(last)),
        }
    }

    /// Refuses a state that was made for this moment and is later than it.
    ///
    /// # Errors
    /// [`ReplayError::TimeForgotten`] when the log begins later than the moment.
    pub fn check(self, state: &State) -> Result<(), ReplayError> {
        match self {
            Moment::Time(at) if state.seq > Seq(0) && state.recorded_at > at => {
                Err(ReplayError::TimeForgotten { at, base: state.seq })
            }
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::cluster::HostOnline;
    use crate::event::{Hash, NodeId, Record, Term};
    use crate::log::{Log, LogOptions, LogPosition, NewEntry, Payload};
    use crate::projection::snapshot::ROWS_VERSION;
    use crate::projection::testing::record;
    use crate::replay::{History, Retained};
    use bytes::Bytes;

    const BASE: u64 = 1_000;

    fn online(seq: u64) -> Record {
        record(seq, HostOnline { host: NodeId(seq % 7), incarnation: seq, slots: 1 })
    }

    /// A log that began anew behind a snapshot, with ten records after it, one a second.
    fn begun_anew(folder: &std::path::Path) -> Log {
        let (log, _) = Log::open(folder, LogOptions::new(Hash::of(b"x"))).expect("a new log");
        let (index, seq) = (99, Seq(BASE));
        let position = LogPosition { index, term: Term(1), leader: NodeId(1), seq, chain: Hash::of(b"before") };
        let state = (1..=BASE).fold(State::new(), |mut state, seq| {
            state.apply(&online(seq));
            state
        });
        log.write_snapshot(position, ROWS_VERSION, &[], &state.snapshot()).expect("written");
        log.begin_after(position).expect("beyond the end").wait().expect("durable");
        let entry = |place: u64| {
            let mut bytes = vec![];
            online(BASE + place).draft.encode_into(&mut bytes);
            let payload = Payload::Records { count: 1, bytes: Bytes::from(bytes) };
            NewEntry { index: index + place, term: Term(1), leader: NodeId(1), payload }
        };
        log.append_durably((1..=10).map(entry).collect()).expect("next").wait().expect("durable");
        log
    }

    #[test]
    fn a_time_before_the_beginning_is_refused_and_not_answered_with_a_later_state() {
        let dir = tempfile::tempdir().expect("a folder");
        let _log = begun_anew(dir.path());
        let history = History::open(dir.path(), Retained::read_only(dir.path().join("none"))).expect("a log");
        let made = |ms| {
            let moment = Moment::Time(Millis(ms));
            let at = moment.resolve(history.reader(), Seq(BASE + 10))?;
            let state = history.state_at(at, &mut |_, _| {})?.state;
            moment.check(&state).map(|()| state.seq)
        };
        for early in [0, 5_000, 999_999] {
            let refused = made(early).expect_err("the log does not say");
            assert!(matches!(refused, ReplayError::TimeForgotten { base: Seq(BASE), .. }), "{refused}");
            assert!(refused.is_not_here() && refused.to_string().contains("--archive"), "{refused}");
        }
        for (time, seq) in [(1_000_000, 1_000), (1_000_999, 1_000), (1_004_500, 1_004), (u64::MAX, 1_010)] {
            assert_eq!(made(time).expect("held"), Seq(seq));
        }
        assert!(Moment::Time(Millis(5)).check(&State::new()).is_ok(), "before the first record there was nothing");
    }
}
