//! Folds the log to states.

use kifu::cli::{Failure, Progress, closest};
use kifu::event::{Record, Seq};
use kifu::projection::State;
use kifu::replay::Moment;

use crate::data::{self, Data};

/// Changed rows are forgotten after so many records: nothing is saved here.
const FORGET_EVERY: u64 = 4096;

/// A state, and how it goes on.
pub struct Fold<'a> {
    data: &'a Data,
    pub state: State,
}

impl<'a> Fold<'a> {
    pub fn new(data: &'a Data) -> Fold<'a> {
        Fold { data, state: State::new() }
    }

    /// The first state that can be made: before record 1, or that of the log's snapshot when what came before is not here.
    pub fn first(data: &'a Data) -> Result<Fold<'a>, Failure> {
        let Some(base) = data.base else { return Ok(Fold::new(data)) };
        let snapshot = data.reader.snapshot().map_err(data::broken)?;
        Fold::at(data, snapshot.map_or(base, |file| file.header().position.seq))
    }

    /// The state after record `at`, from the nearest retained snapshot.
    pub fn at(data: &'a Data, at: Seq) -> Result<Fold<'a>, Failure> {
        let progress = Progress::new(None, "events");
        let made = data.history.state_at(at, &mut |done, _| progress.set(done)).map_err(data::lost)?;
        Ok(Fold { data, state: made.state })
    }

    /// The state at a moment. A time before all that is known here is refused.
    pub fn at_moment(data: &'a Data, moment: Moment) -> Result<Fold<'a>, Failure> {
        let fold = Fold::at(data, moment.resolve(&data.reader, data.last).map_err(data::lost)?)?;
        moment.check(&fold.state).map(|()| fold).map_err(data::lost)
    }

    /// Folds on to `until`.
    pub fn advance(&mut self, until: Seq) -> Result<(), Failure> {
        self.advance_with(until, |_, _| Ok(()))
    }

    /// Folds on to `until`; `before` sees each record before it is applied.
    pub fn advance_with(
        &mut self,
        until: Seq,
        mut before: impl FnMut(&State, &Record) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        let progress = Progress::new(Some(until.0.saturating_sub(self.state.seq.0)), "events");
        for record in self.data.records(self.state.seq.next(), until)? {
            let record = data::decode(&record?)?;
            before(&self.state, &record)?;
            self.state.apply(&record);
            progress.advance(1);
            if record.seq.0 % FORGET_EVERY == 0 {
                self.state.forget_changes();
            }
        }
        Ok(())
    }
}

/// Checks the name of a projection.
pub fn check_projection(name: &str) -> Result<(), Failure> {
    if State::NAMES.contains(&name) {
        return Ok(());
    }
    let failure = Failure::new(kifu::cli::ExitCode::NotFound, format!("there is no projection {name:?}"));
    Err(match closest(name, State::NAMES.iter().copied()) {
        Some(near) => failure.hint(format!("did you mean {near}?")),
        None => failure.hint(format!("there are {}", State::NAMES.join(", "))),
    })
}
