//! Moments of the log, as people name them.

use serde::{Deserialize, Serialize};

use super::error::ReplayError;
use crate::event::{Millis, Seq};
use crate::log::LogReader;

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
    /// The last record at this moment, among those up to `last`.
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
}
