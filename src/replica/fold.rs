//! The fold that all of a node shares: the state, and how far it has come.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, OnceLock, PoisonError, RwLock, TryLockError};
use std::thread::JoinHandle;

use tokio::sync::watch;

use super::error::ReplicaError;
use super::keeper::Keeper;
use crate::broken::{self, Defect};
use crate::event::command::ReportDivergence;
use crate::event::{Event, EventError, FORMAT_VERSION, NodeId, Record, Seq};
use crate::projection::{Checkpoints, Projection, Save, State, Store};

/// Divergences waiting to be reported; more are dropped (each digest is compared again at the next `STATE_DIGESTED`).
const DIVERGENCES_MAX: usize = 64;

/// Why this node folds no more: it met a record that its build cannot read. It keeps the log and votes; a newer build goes
/// on from here.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "upgrade needed: record {seq} cannot be read by this build, which reads format version {format} ({reason}); install \
     the version that the other members run and start the node again; until then it keeps the log and votes, and its \
     answers stand still"
)]
pub struct UpgradeNeeded {
    /// The first record that cannot be read.
    pub seq: Seq,
    /// What this build reads.
    pub format: u32,
    /// What is unknown about it.
    pub reason: EventError,
}

/// The projections of this node. One writer (Raft's apply), any number of readers.
pub struct Fold {
    node: NodeId,
    state: RwLock<State>,
    applied: watch::Sender<Seq>,
    keeper: Arc<Mutex<Keeper>>,
    /// Writes the last checkpoint. Records are folded meanwhile.
    writing: Mutex<Option<JoinHandle<()>>>,
    divergences: Mutex<Vec<ReportDivergence>>,
    compared: Mutex<Option<Compared>>,
    format: u32,
    halt: OnceLock<UpgradeNeeded>,
}

/// How the last comparison with the leader's digests ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Compared {
    /// The last record that the digests covered.
    pub position: Seq,
    /// The tables whose rows differ here.
    pub differing: BTreeSet<String>,
}

impl Fold {
    /// The fold of `node`, as far as its last checkpoint has come.
    pub fn new(node: NodeId, state: State, store: Store) -> Fold {
        let keeper = Keeper::new(store, state.seq);
        Fold::keeping(node, state, keeper)
    }

    /// The same, with checkpoints that are kept at once, on the thread that folds. For simulations.
    pub fn simulated(node: NodeId, state: State, checkpoints: impl Checkpoints + 'static) -> Fold {
        let keeper = Keeper::here(Box::new(checkpoints), state.seq);
        Fold::keeping(node, state, keeper)
    }

    fn keeping(node: NodeId, state: State, keeper: Keeper) -> Fold {
        Fold {
            node,
            applied: watch::channel(state.seq).0,
            state: RwLock::new(state),
            keeper: Arc::new(Mutex::new(keeper)),
            writing: Mutex::new(None),
            divergences: Mutex::new(vec![]),
            compared: Mutex::new(None),
            format: FORMAT_VERSION,
            halt: OnceLock::new(),
        }
    }

    /// The same, but as a build that reads only this format version and older ones.
    pub fn reading(self, format: u32) -> Fold {
        Fold { format: format.min(FORMAT_VERSION), ..self }
    }

    /// The format version that this build reads.
    pub fn format(&self) -> u32 {
        self.format
    }

    /// Why the fold stands still, once it does.
    pub fn upgrade_needed(&self) -> Option<&UpgradeNeeded> {
        self.halt.get()
    }

    /// Folds nothing from `seq` on.
    pub(super) fn halt(&self, seq: Seq, reason: EventError) {
        let halt = UpgradeNeeded { seq, format: self.format, reason };
        if self.halt.set(halt.clone()).is_ok() {
            tracing::error!(seq = seq.0, "{halt}");
        }
    }

    /// Looks at the state. Keep it short: the writer waits.
    pub fn read<T>(&self, look: impl FnOnce(&State) -> T) -> T {
        look(&self.state.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// The last record that was folded.
    pub fn seq(&self) -> Seq {
        *self.applied.borrow()
    }

    /// Tells whenever records were folded.
    pub fn watch(&self) -> watch::Receiver<Seq> {
        self.applied.subscribe()
    }

    /// The position of the last checkpoint.
    pub fn saved(&self) -> Seq {
        self.keeper.lock().unwrap_or_else(PoisonError::into_inner).saved()
    }

    /// The state of the last checkpoint, read back from the store. Records are folded meanwhile; the next checkpoint waits.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn saved_state(&self) -> Result<Option<State>, ReplicaError> {
        let keeper = self.keeper.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(keeper.load()?)
    }

    /// The state of the last checkpoint with the note that was saved beside it; none before the first.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub(super) fn saved_with_note(&self) -> Result<Option<(State, Vec<u8>)>, ReplicaError> {
        let mut keeper = self.keeper.lock().unwrap_or_else(PoisonError::into_inner);
        let found = keeper.load().and_then(|state| Ok(state.zip(keeper.note()?)));
        Ok(found.inspect_err(|error| keeper.give_up(error))?)
    }

    /// Whether rows are saved again when it is time, as far as can be seen.
    pub fn is_saved_on(&self) -> bool {
        self.keeper.lock().unwrap_or_else(PoisonError::into_inner).goes_on()
    }

    /// Puts a state in the place of the one that was folded so far: it lies further on.
    pub(super) fn install(&self, state: State) {
        *self.state.write().unwrap_or_else(PoisonError::into_inner) = state;
        self.publish();
    }

    /// Takes what differed from the leader's digests since the last call.
    pub fn take_divergences(&self) -> Vec<ReportDivergence> {
        std::mem::take(&mut self.divergences.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// How the last comparison with the leader's digests ended; none since the start.
    pub fn compared(&self) -> Option<Compared> {
        self.compared.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Folds records, in order.
    pub(crate) fn apply(&self, records: &[Record]) {
        let mut state = self.state.write().unwrap_or_else(PoisonError::into_inner);
        let halted_before = state.halted().len();
        for record in records {
            if let Event::StateDigested(digested) = &record.draft.event
                && digested.position == state.seq
            {
                self.compare(&state, digested);
            }
            if broken::has(Defect::Fold) && self.node.0 % 2 == 1 {
                let mut wrong = record.clone();
                wrong.draft.recorded_at = wrong.draft.recorded_at.plus(1);
                state.apply(&wrong);
                continue;
            }
            state.apply(record);
        }
        if state.halted().len() > halted_before {
            state.halted().iter().for_each(|halt| tracing::error!(seq = halt.seq.0, "{halt}"));
        }
    }

    /// Tells the readers how far the fold has come.
    pub(crate) fn publish(&self) -> Seq {
        let seq = self.read(|state| state.seq);
        self.applied.send_if_modified(|applied| std::mem::replace(applied, seq) != seq);
        seq
    }

    /// Writes a checkpoint when it is time, or now if `force`. Only gathering it holds up the fold: it is written on a thread
    /// of its own, and when that is still busy, the next time is soon enough. With `force` it is written on return.
    pub(crate) fn checkpoint(&self, raft: &[u8], force: bool) -> Result<(), ReplicaError> {
        if self.read(|state| !state.halted().is_empty()) {
            // The checkpoint stays before the record that a projection failed on, so that nothing is skipped later.
            return Ok(());
        }
        let mut writing = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        if writing.as_ref().is_some_and(|thread| !force && !thread.is_finished()) {
            return Ok(());
        }
        if let Some(thread) = writing.take() {
            // A panic in it stands in the log; what it did not write is found below by the store's position.
            thread.join().ok();
        }
        let mut keeper = match self.keeper.try_lock() {
            Ok(keeper) => keeper,
            // Somebody reads the store: the next checkpoint is soon enough, and records must not wait.
            Err(TryLockError::WouldBlock) if !force => return Ok(()),
            Err(TryLockError::WouldBlock) => self.keeper.lock().unwrap_or_else(PoisonError::into_inner),
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
        };
        let (seq, dirty_rows) = self.read(|state| (state.seq, state.dirty_rows()));
        let Some(saved) = keeper.due(seq, dirty_rows, force) else { return Ok(()) };
        if keeper.is_here() {
            return Ok(keeper.save(&mut self.state.write().unwrap_or_else(PoisonError::into_inner), raft)?);
        }
        drop(keeper);
        let _span = tracing::debug_span!("checkpoint", seq = seq.0).entered();
        let save = Save::of(&mut self.state.write().unwrap_or_else(PoisonError::into_inner), raft, saved);
        let keeper = self.keeper.clone();
        let thread = std::thread::Builder::new().name("kifu-checkpoint".to_owned()).spawn(move || {
            keeper.lock().unwrap_or_else(PoisonError::into_inner).write(save, seq);
        });
        let thread = thread.map_err(|error| ReplicaError::Stopped { reason: error.to_string() })?;
        match force {
            true => drop(thread.join()),
            false => *writing = Some(thread),
        }
        Ok(())
    }

    fn compare(&self, state: &State, digested: &crate::event::cluster::StateDigested) {
        let own = state.digests();
        let mut differing = BTreeSet::new();
        for expected in &digested.digests {
            let Some(found) = own.iter().find(|digest| digest.projection == expected.projection) else { continue };
            let projection = Projection::of_table(&found.projection);
            // A projection that stopped is reported as such.
            let stopped = projection.is_some_and(|projection| state.check(projection).is_err());
            if found.digest == expected.digest || stopped {
                continue;
            }
            differing.insert(found.projection.clone());
            tracing::error!(
                position = digested.position.0,
                projection = expected.projection,
                "this node's fold differs from the leader's"
            );
            let mut divergences = self.divergences.lock().unwrap_or_else(PoisonError::into_inner);
            if divergences.len() < DIVERGENCES_MAX {
                divergences.push(ReportDivergence {
                    host: self.node,
                    position: digested.position,
                    projection: expected.projection.clone(),
                    expected: expected.digest,
                    found: found.digest,
                });
            }
        }
        let compared = Compared { position: digested.position, differing };
        *self.compared.lock().unwrap_or_else(PoisonError::into_inner) = Some(compared);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Kind;
    use crate::event::samples::sample;
    use crate::projection::testing::record;

    fn log() -> Vec<Record> {
        let kinds = [Kind::NodeJoined, Kind::HostOnline, Kind::JobQueued, Kind::HostOffline];
        (1..).zip(kinds).map(|(seq, kind)| record(seq, sample(kind))).collect()
    }

    #[test]
    fn the_checkpoint_stays_before_a_record_that_a_projection_fails_on_and_a_repaired_build_goes_on_from_there() {
        let dir = tempfile::tempdir().expect("a folder");
        let log = log();
        {
            let store = Store::open(dir.path()).expect("a store");
            let fold = Fold::new(NodeId(1), State::failing(Projection::Jobs, Seq(3)), store);
            fold.apply(&log[..2]);
            fold.publish();
            fold.checkpoint(b"raft", true).expect("saved");
            fold.apply(&log[2..]);
            assert_eq!(fold.publish(), Seq(4), "the others go on");
            fold.checkpoint(b"later", true).expect("nothing to do");
            let halted = fold.read(|state| state.halted().to_vec());
            assert_eq!((halted.len(), halted[0].seq), (1, Seq(3)));
        }
        let store = Store::open(dir.path()).expect("a store");
        let state = store.load().expect("rows").expect("a checkpoint");
        assert_eq!((state.seq, store.note().expect("a note")), (Seq(2), Some(b"raft".to_vec())));
        let fold = Fold::new(NodeId(1), state, store);
        fold.apply(&log[2..]);
        fold.read(|state| {
            assert!(state.halted().is_empty());
            assert_eq!(state.digest(), State::fold(&log).digest(), "nothing was skipped");
        });
    }

    #[test]
    fn a_comparison_with_the_leaders_digests_is_remembered() {
        let dir = tempfile::tempdir().expect("a folder");
        let fold = Fold::new(NodeId(1), State::new(), Store::open(dir.path()).expect("a store"));
        let log = log();
        fold.apply(&log);
        assert_eq!(fold.compared(), None);
        let mut digested =
            crate::event::cluster::StateDigested { position: Seq(4), digests: fold.read(State::digests) };
        let hosts = digested.digests.iter_mut().find(|digest| digest.projection == "hosts").expect("a projection");
        hosts.digest = crate::event::Hash::of(b"other");
        fold.apply(&[record(5, digested)]);
        let differing = ["hosts".to_owned()].into();
        assert_eq!(fold.compared(), Some(Compared { position: Seq(4), differing }));
        assert_eq!(fold.take_divergences().len(), 1);
    }
}
