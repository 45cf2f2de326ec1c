//! Projections that stopped. Folding is total by design; where a bug breaks that, the projection stops alone.
//!
//! A projection whose fold of a record panics stops before that record and is never given another one: it does not
//! skip. So do those that look into it, at the same record, because what they would see is old. All others go on. A
//! state with a stopped projection is not saved, so the checkpoint stays before the failing record: a build that can
//! fold it goes on from there as if nothing had happened.

use super::state::Projection;
use crate::event::{Kind, Seq};

/// Why and where a projection stopped.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "projection {} stopped before record {seq} ({kind}): {reason}; the others go on. Report this, and start the node \
     again with a version of Kifu that folds the record: it goes on from its checkpoint before it and skips nothing",
    projection.name()
)]
pub struct Halt {
    /// The projection.
    pub projection: Projection,
    /// The first record that it does not hold.
    pub seq: Seq,
    /// The kind of that record.
    pub kind: Kind,
    /// What went wrong, in words.
    pub reason: String,
    /// The projection that it looks into and that stopped; none when it failed itself.
    pub because_of: Option<Projection>,
}

/// The projections of one state that stopped; at most one [`Halt`] for each.
#[derive(Clone, Debug, Default)]
pub(super) struct Halts {
    /// One bit for each projection.
    bits: u32,
    list: Vec<Halt>,
}

const _: () = assert!(Projection::ALL.len() <= 32, "each projection has a bit");

impl Halts {
    pub(super) fn has(&self, projection: Projection) -> bool {
        self.bits & (1 << projection as u32) != 0
    }

    pub(super) fn list(&self) -> &[Halt] {
        &self.list
    }

    /// Stops a projection that failed, and all that look into it.
    pub(super) fn stop(&mut self, failed: Projection, seq: Seq, kind: Kind, reason: &str) {
        let mut stopped = vec![(failed, None)];
        while let Some((projection, because_of)) = stopped.pop() {
            if self.has(projection) {
                continue;
            }
            self.bits |= 1 << projection as u32;
            let reason = match because_of {
                None => reason.to_owned(),
                Some(cause) => format!("it looks into {}, which stopped", Projection::name(cause)),
            };
            self.list.push(Halt { projection, seq, kind, reason, because_of });
            let readers = Projection::ALL.iter().filter(|reader| reader.looks_into().contains(&projection));
            stopped.extend(readers.map(|reader| (*reader, Some(projection))));
        }
        self.list.sort_by_key(|halt| (halt.seq, halt.projection));
    }
}

/// The words of a panic.
pub(super) fn panic_words(panic: &(dyn std::any::Any + Send)) -> String {
    let words = panic.downcast_ref::<String>().map(String::as_str);
    words.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("it panicked without a word").to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::samples::sample;
    use crate::projection::state::State;
    use crate::projection::testing::record;

    fn log() -> Vec<crate::event::Record> {
        let kinds = [Kind::NodeJoined, Kind::GamesRecorded, Kind::JobQueued, Kind::TrainingTriggered, Kind::HostOnline];
        (1..).zip(kinds).map(|(seq, kind)| record(seq, sample(kind))).collect()
    }

    fn failing(projection: Projection, seq: u64) -> State {
        let mut state = State::failing(projection, Seq(seq));
        log().iter().for_each(|record| state.apply(record));
        state
    }

    #[test]
    fn a_projection_that_fails_stops_alone_before_the_record_and_says_so() {
        let (state, whole) = (failing(Projection::Jobs, 3), State::fold(&log()));
        let [halt] = state.halted() else { panic!("one") };
        assert_eq!((halt.projection, halt.seq, halt.kind), (Projection::Jobs, Seq(3), Kind::JobQueued));
        assert_eq!((halt.reason.as_str(), halt.because_of), ("injected failure", None));
        assert_eq!(state.seq, whole.seq, "the others go on");
        for (own, other) in state.digests().iter().zip(whole.digests()) {
            assert_eq!(own.digest == other.digest, own.projection != "jobs", "{}", own.projection);
        }
        assert!(state.check(Projection::Jobs).is_err() && state.check(Projection::Hosts).is_ok());
        let words = state.check(Projection::Jobs).unwrap_err().to_string();
        assert!(words.starts_with("projection jobs stopped before record 3 (JOB_QUEUED): injected failure"), "{words}");
    }

    #[test]
    fn a_stopped_projection_is_given_no_other_record() {
        let mut state = failing(Projection::Hosts, 1);
        state.apply(&record(6, sample(Kind::NodeJoined)));
        assert!(state.hosts.table.is_empty(), "the record after the failing one is not folded either");
        let stopped: Vec<_> = state.halted().iter().map(|halt| halt.projection).collect();
        assert_eq!(stopped, [Projection::Hosts, Projection::Dedupe], "and what looks into it");
        assert_eq!(state.counts.table.get(&Kind::NodeJoined.number()).map(|row| row.records), Some(2));
    }

    #[test]
    fn what_looks_into_a_stopped_projection_stops_at_the_same_record() {
        let state = failing(Projection::Training, 4);
        let stopped: Vec<_> = state.halted().iter().map(|halt| (halt.projection, halt.seq, halt.because_of)).collect();
        assert_eq!(stopped[0], (Projection::Training, Seq(4), None));
        assert_eq!(stopped[1], (Projection::Models, Seq(4), Some(Projection::Training)));
        assert_eq!(stopped[2].0, Projection::Campaign);
        assert_eq!(stopped.len(), 3);
        assert!(state.models.table.is_empty() && state.campaign.generations.is_empty());
    }

    #[test]
    fn a_projection_that_is_read_is_folded_before_its_readers() {
        for reader in Projection::ALL {
            assert!(reader.looks_into().iter().all(|read| read < reader), "{}", reader.name());
        }
        let mut tables: Vec<&str> =
            Projection::ALL.iter().flat_map(|projection| projection.tables()).copied().collect();
        tables.sort_unstable();
        assert_eq!(tables, State::NAMES, "every table belongs to one projection");
    }
}
