//! Folds the log to states.

use kifu::cli::{ExitCode, Failure, Printer, Progress, closest};
use kifu::event::{Record, Seq};
use kifu::projection::{Halt, Projection, State};
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

/// Ends with `code`, unless a projection that was shown has stopped: its rows are those before a record that this build cannot fold.
pub fn conclude(
    halts: &[Halt],
    shown: Option<&str>,
    printer: &mut Printer,
    code: ExitCode,
) -> Result<ExitCode, Failure> {
    let shown = shown.and_then(Projection::of_table);
    let mut code = code;
    for halt in halts.iter().filter(|halt| shown.is_none_or(|shown| shown == halt.projection)) {
        printer.note(halt)?;
        code = ExitCode::Unhealthy;
    }
    Ok(code)
}

/// Checks the name of a projection.
pub fn check_projection(name: &str) -> Result<(), Failure> {
    if State::NAMES.contains(&name) {
        return Ok(());
    }
    let failure = Failure::new(ExitCode::NotFound, format!("there is no projection {name:?}"));
    Err(match closest(name, State::NAMES.iter().copied()) {
        Some(near) => failure.hint(format!("did you mean {near}?")),
        None => failure.hint(format!("there are {}", State::NAMES.join(", "))),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use kifu::cli::{Format, TimeStyle};

    use kifu::event::Kind;

    #[test]
    fn what_was_folded_halfway_ends_as_unhealthy_whoever_shows_it() {
        let reason = "a bug".to_owned();
        let halt = Halt { projection: Projection::Jobs, seq: Seq(3), kind: Kind::JobQueued, reason, because_of: None };
        let halts = [halt];
        let end = |halts: &[Halt], shown: Option<&str>, code| {
            let (out, words) = (Box::new(std::io::sink()), Box::new(std::io::sink()));
            let mut printer = Printer::new(out, words, Format::Table, TimeStyle::Iso);
            conclude(halts, shown, &mut printer, code).expect("it prints")
        };
        for code in [ExitCode::Ok, ExitCode::Differences] {
            assert_eq!(end(&halts, None, code), ExitCode::Unhealthy);
            assert_eq!(end(&halts, Some("jobs"), code), ExitCode::Unhealthy);
            assert_eq!(end(&halts, Some("hosts"), code), code, "the others are whole");
            assert_eq!(end(&[], None, code), code);
        }
    }
}
