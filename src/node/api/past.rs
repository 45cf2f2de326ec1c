//! Reads of the past: states are made again from the log and the retained snapshots, away from the control runtime.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::Semaphore;

use crate::artifact::whole_log;
use crate::event::Seq;
use crate::log::first_index;
use crate::projection::State;
use crate::replay::{History, Moment, ReplayError, Retained};

/// States of the past that are kept for the next question; the one that was asked for longest ago goes first. People ask
/// about one moment several times.
const CACHED_MAX: usize = 2;
/// States that are made again at a time; further questions wait.
const TURNS_MAX: usize = 1;

/// The past of a running node.
#[derive(Clone)]
pub struct Past {
    log: PathBuf,
    archive: PathBuf,
    retained: Retained,
    turns: Arc<Semaphore>,
    cached: Arc<Mutex<Vec<Arc<State>>>>,
}

impl Past {
    /// The past in the log's folder `log`, and before it in `archive` if there is one, with the snapshots in `retained`.
    pub fn new(log: PathBuf, archive: PathBuf, retained: Retained) -> Past {
        Past { log, archive, retained, turns: Arc::new(Semaphore::new(TURNS_MAX)), cached: Arc::default() }
    }

    /// The retained snapshots.
    pub fn retained(&self) -> &Retained {
        &self.retained
    }

    /// The state at `moment`, which must not lie after `applied`, the last record that is known to be committed.
    ///
    /// # Errors
    /// As [`History::state_at`] and [`Moment::resolve`].
    pub async fn state_at(&self, moment: Moment, applied: Seq) -> Result<Arc<State>, ReplayError> {
        let turn = self.turns.clone().acquire_owned().await.ok();
        let past = self.clone();
        let made = tokio::task::spawn_blocking(move || {
            let _turn = turn;
            past.make(moment, applied)
        });
        match made.await {
            Ok(result) => result,
            Err(error) => std::panic::resume_unwind(error.into_panic()),
        }
    }

    fn make(&self, moment: Moment, applied: Seq) -> Result<Arc<State>, ReplayError> {
        loop {
            let begins = first_index(&self.log).ok();
            match self.make_at_once(moment, applied) {
                Err(error) if first_index(&self.log).ok() != begins => {
                    tracing::debug!(%error, "history went to the archive meanwhile: it is read again");
                }
                made => return made,
            }
        }
    }

    fn make_at_once(&self, moment: Moment, applied: Seq) -> Result<Arc<State>, ReplayError> {
        let history = match whole_log(&self.log, Some(&self.archive)) {
            Ok(reader) => History::new(reader, self.retained.clone()),
            Err(error) => {
                tracing::warn!(%error, "the archive is left out: only what the log holds can be asked for");
                History::open(&self.log, self.retained.clone())?
            }
        };
        let at = moment.resolve(history.reader(), applied)?;
        if let Some(state) = self.cached(at) {
            return moment.check(&state).map(|()| state);
        }
        let state = Arc::new(history.state_at(at, &mut |_, _| {})?.state);
        moment.check(&state)?;
        let mut cached = self.cached.lock().unwrap_or_else(PoisonError::into_inner);
        cached.push(state.clone());
        if cached.len() > CACHED_MAX {
            cached.remove(0);
        }
        Ok(state)
    }

    fn cached(&self, at: Seq) -> Option<Arc<State>> {
        let mut cached = self.cached.lock().unwrap_or_else(PoisonError::into_inner);
        let place = cached.iter().position(|state| state.seq == at)?;
        let state = cached.remove(place);
        cached.push(state.clone());
        Some(state)
    }
}
