//! Moments of the log, as users write them.

use std::str::FromStr;

use kifu::cli::Failure;
use kifu::event::{Millis, Seq};
use kifu::replay::{Moment, ReplayError};

use crate::data::{self, Data};

/// A moment: after a record, at a time, or so long before the last record.
#[derive(Clone, Copy, Debug)]
pub enum Position {
    Seq(Seq),
    Time(Millis),
    BeforeEnd { ms: u64 },
}

impl FromStr for Position {
    type Err = String;

    fn from_str(text: &str) -> Result<Position, String> {
        if let Ok(seq) = text.parse() {
            return Ok(Position::Seq(Seq(seq)));
        }
        let found = match text.strip_prefix('-') {
            Some(age) => parse_age(age).map(|ms| Position::BeforeEnd { ms }),
            None => text.parse().ok().map(Position::Time),
        };
        found.ok_or_else(|| "expected a seq, a time such as 2026-01-02T03:04:05Z, or an age such as -10m".to_owned())
    }
}

/// Milliseconds of `250ms`, `10s`, `5m`, `2h` or `1d`.
fn parse_age(text: &str) -> Option<u64> {
    let digits = text.find(|letter: char| !letter.is_ascii_digit())?;
    let (number, unit) = text.split_at(digits);
    let unit_ms = match unit {
        "ms" => 1,
        "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        _ => return None,
    };
    number.parse::<u64>().ok()?.checked_mul(unit_ms)
}

impl Position {
    /// The moment that is meant.
    pub fn moment(self, data: &Data) -> Result<Moment, Failure> {
        match self {
            Position::Seq(seq) => data.check(seq).map(Moment::Seq),
            Position::Time(at) => Ok(Moment::Time(at)),
            Position::BeforeEnd { .. } if data.last == Seq(0) => Ok(Moment::Seq(Seq(0))),
            Position::BeforeEnd { ms } => {
                let end = data.record(data.last)?.draft.recorded_at;
                Ok(Moment::Time(Millis(end.0.saturating_sub(ms))))
            }
        }
    }

    /// The last record at this moment; 0 before the first, and the one before its beginning where a log begins later.
    pub fn resolve(self, data: &Data) -> Result<Seq, Failure> {
        self.moment(data)?.resolve(&data.reader, data.last).map_err(data::lost)
    }

    /// The first record after this moment. A time before all records that are here is refused: some may be missing after it.
    pub fn after(self, data: &Data) -> Result<Seq, Failure> {
        let (moment, last) = (self.moment(data)?, self.resolve(data)?);
        match moment {
            Moment::Time(at) if data.base == Some(last) => {
                Err(data::lost(ReplayError::TimeForgotten { at, base: last }))
            }
            _ => Ok(last.next()),
        }
    }
}
