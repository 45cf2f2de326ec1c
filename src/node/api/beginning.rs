//! Where a subscription begins, in a log that may itself begin later than at record 1.

use super::subscription::Wanted;
use crate::event::{Millis, Seq};
use crate::log::{Log, LogError};
use crate::replay::ReplayError;

/// The first position that is looked at for `wanted`, in a log of which all records up to `applied` are committed. No position
/// is the first one that the log holds; a time is where its records begin, so that what is older is not read through.
///
/// # Errors
/// [`ReplayError::TimeForgotten`] when records of the time that is wanted may lie before the log; when it cannot be read.
pub fn of(log: &Log, wanted: &Wanted, applied: Seq) -> Result<Seq, ReplayError> {
    loop {
        let base = log.base();
        let first = base.map_or(Seq(1), |base| base.seq.next());
        let found = match wanted.filter.since {
            Some(since) => at_time(log, since, wanted.from, (first, applied)),
            None if wanted.from == Seq(0) => Ok(first),
            None => Ok(wanted.from),
        };
        match found {
            // Some of it went to the archive meanwhile.
            Err(ReplayError::Log(LogError::BeforeStart { .. })) if log.base() != base => {}
            found => return found,
        }
    }
}

/// The first record from `from` on that was recorded at `since` or later, or the one after the last. Time in the log never falls.
fn at_time(log: &Log, since: Millis, from: Seq, (first, last): (Seq, Seq)) -> Result<Seq, ReplayError> {
    let lost = || ReplayError::TimeForgotten { at: since, base: Seq(first.0 - 1) };
    if from.max(Seq(1)) < first && time_of(log, first, last)?.is_none_or(|time| time > since) {
        return Err(lost());
    }
    let (mut low, mut high) = (from.max(first).0, last.0 + 1);
    while low < high {
        let middle = low + (high - low) / 2;
        match time_of(log, Seq(middle), last)? {
            Some(time) if time < since => low = middle + 1,
            _ => high = middle,
        }
    }
    Ok(Seq(low))
}

/// When a record was recorded; none after `last`.
fn time_of(log: &Log, seq: Seq, last: Seq) -> Result<Option<Millis>, ReplayError> {
    if seq > last {
        return Ok(None);
    }
    let Some(entry) = log.entry_of_seq(seq)? else { return Ok(None) };
    for record in entry.records() {
        let (at, raw) = record.map_err(|source| ReplayError::Record { seq, source })?;
        if at == seq {
            return Ok(Some(raw.recorded_at()));
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::cluster::HostOnline;
    use crate::event::{Hash, NodeId, Term};
    use crate::log::{LogOptions, LogPosition, NewEntry, Payload};
    use crate::projection::testing::record;
    use crate::replay::Filter;
    use bytes::Bytes;

    /// Ten entries of three records, one a second, behind record `base`.
    fn log(folder: &std::path::Path, base: u64) -> Log {
        let (log, _) = Log::open(folder, LogOptions::new(Hash::of(b"x"))).expect("a new log");
        let first = if base == 0 { 0 } else { 100 };
        if base > 0 {
            let (term, leader, chain) = (Term(1), NodeId(1), Hash::of(b"before"));
            let position = LogPosition { index: first - 1, term, leader, seq: Seq(base), chain };
            log.begin_after(position).expect("beyond the end").wait().expect("durable");
        }
        let entry = |place: u64| {
            let mut bytes = vec![];
            for seq in (base + place * 3 + 1)..=(base + place * 3 + 3) {
                let online = HostOnline { host: NodeId(1), incarnation: seq, slots: 1 };
                record(seq, online).draft.encode_into(&mut bytes);
            }
            let payload = Payload::Records { count: 3, bytes: Bytes::from(bytes) };
            NewEntry { index: first + place, term: Term(1), leader: NodeId(1), payload }
        };
        log.append_durably((0..10).map(entry).collect()).expect("next").wait().expect("durable");
        log
    }

    fn wanted(from: u64, since: Option<u64>) -> Wanted {
        let filter = Filter { since: since.map(Millis), ..Filter::default() };
        Wanted { from: Seq(from), filter, ..Wanted::default() }
    }

    #[test]
    fn who_names_no_position_gets_what_the_log_holds_and_who_names_one_gets_that_or_nothing() {
        let (whole, later) = (tempfile::tempdir().expect("a folder"), tempfile::tempdir().expect("a folder"));
        let (whole, later) = (log(whole.path(), 0), log(later.path(), 1_000));
        assert_eq!(of(&whole, &wanted(0, None), Seq(30)).expect("there"), Seq(1));
        assert_eq!(of(&later, &wanted(0, None), Seq(1_030)).expect("there"), Seq(1_001));
        assert_eq!(of(&later, &wanted(5, None), Seq(1_030)).expect("whoever reads there is told"), Seq(5));
    }

    #[test]
    fn a_time_is_where_its_records_begin_and_one_that_may_be_missing_is_refused() {
        let (whole, later) = (tempfile::tempdir().expect("a folder"), tempfile::tempdir().expect("a folder"));
        let (whole, later) = (log(whole.path(), 0), log(later.path(), 1_000));
        let at = |log: &Log, from, since| of(log, &wanted(from, Some(since)), Seq(1_027));
        for from in [0, 1] {
            assert_eq!(at(&later, from, 1_001_000).expect("held"), Seq(1_001));
            assert_eq!(at(&later, from, 1_005_001).expect("held"), Seq(1_006), "from the next one on");
            assert_eq!(at(&later, from, 9_000_000).expect("held"), Seq(1_028), "nothing uncommitted is passed over");
            let refused = at(&later, from, 1_000_999).expect_err("what is older is not here");
            assert!(matches!(refused, ReplayError::TimeForgotten { base: Seq(1_000), .. }), "{refused}");
            assert_eq!(of(&whole, &wanted(from, Some(0)), Seq(30)).expect("all"), Seq(1));
        }
        assert_eq!(at(&later, 1_010, 1_005_001).expect("held"), Seq(1_010), "not before the position");
        assert_eq!(at(&later, 1_010, 0).expect("held"), Seq(1_010), "who names a position does not miss what is older");
        assert_eq!(at(&later, 2_000, 0).expect("held"), Seq(2_000), "a position that is still to come");
    }
}
