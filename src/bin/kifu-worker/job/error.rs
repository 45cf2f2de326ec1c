//! Why a job ended without a result.

use std::convert::Infallible;
use std::path::Path;

use kifu::game::registry::UnknownGame;
use kifu::learn::LearnError;
use kifu::learn::data::DataError;
use kifu::search::{PlayError, SearchError};

/// What the node is told.
#[derive(Debug)]
pub struct JobError {
    /// What went wrong, in words.
    pub message: String,
    /// False when another attempt cannot help.
    pub retry: bool,
}

impl JobError {
    /// Another attempt may help.
    pub fn passing(message: String) -> JobError {
        JobError { message, retry: true }
    }

    /// No other attempt can help.
    pub fn lasting(message: String) -> JobError {
        JobError { message, retry: false }
    }

    /// A result could not be written.
    pub fn write(path: &Path, error: &std::io::Error) -> JobError {
        JobError::passing(format!("cannot write {}: {error}", path.display()))
    }
}

impl From<LearnError> for JobError {
    fn from(error: LearnError) -> JobError {
        JobError { message: error.to_string(), retry: error.may_pass_later() }
    }
}

impl From<DataError> for JobError {
    fn from(error: DataError) -> JobError {
        JobError::lasting(error.to_string())
    }
}

impl From<UnknownGame> for JobError {
    fn from(error: UnknownGame) -> JobError {
        JobError::lasting(error.to_string())
    }
}

impl From<SearchError> for JobError {
    fn from(error: SearchError) -> JobError {
        JobError::lasting(error.to_string())
    }
}

/// Of an evaluator that cannot fail.
impl From<Infallible> for JobError {
    fn from(never: Infallible) -> JobError {
        match never {}
    }
}

impl<E: std::error::Error + Send + Sync + 'static> From<PlayError<E>> for JobError
where
    JobError: From<E>,
{
    fn from(error: PlayError<E>) -> JobError {
        match error {
            PlayError::Evaluator(error) => error.into(),
            PlayError::Search(error) => error.into(),
            PlayError::Stopped => LearnError::Cancelled.into(),
            other => JobError::lasting(other.to_string()),
        }
    }
}
