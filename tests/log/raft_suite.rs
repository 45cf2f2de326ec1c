//! openraft's own suite for stores, on both disks.
//!
//! The suite asks for two things that our Raft never does, because history is never purged and begins at index 0: it purges
//! entries one by one, and it begins logs in the middle. [`Bridge`] remembers the one and fills in the other; everything else
//! goes straight to the store.

use std::fmt::Debug;
use std::io;
use std::ops::{Bound, RangeBounds};
use std::sync::{Arc, Mutex};

use futures_util::{Stream, StreamExt};
use kifu::event::{NodeId, Term};
use kifu::log::{Log, NewEntry, Payload, SimDisk};
use kifu::replica::store::LogStore;
use kifu::replica::types::{Applied, LogId, RaftEntry, StoredMembership, TypeConfig, Vote};
use openraft::storage::{
    EntryResponder, IOFlushed, LogState, RaftLogReader, RaftLogStorage, RaftSnapshotBuilder, RaftStateMachine,
};
use openraft::testing::log::{StoreBuilder, Suite};
use openraft::type_config::alias::{SnapshotMetaOf, SnapshotOf};
use openraft::{EntryPayload, OptionalSend, StorageError};

use crate::support::{Bed, folder, options};

/// The store under test, in the shape that the suite wants.
#[derive(Clone)]
struct Bridge {
    log: Log,
    store: LogStore,
    marks: Arc<Mutex<Marks>>,
}

#[derive(Clone, Copy, Default)]
struct Marks {
    /// Entries below this were only filled in.
    first: u64,
    purged: Option<LogId>,
}

impl Bridge {
    fn marks(&self) -> Marks {
        *self.marks.lock().expect("no panic")
    }

    fn first(&self) -> u64 {
        let marks = self.marks();
        marks.first.max(marks.purged.map_or(0, |purged| purged.index + 1))
    }

    /// Fills the log up to before `index`.
    async fn fill(&self, index: u64) -> io::Result<()> {
        let last = self.log.last();
        let (from, term) = last.map_or((0, Term(0)), |last| (last.index + 1, last.term));
        if from >= index {
            return Ok(());
        }
        let blank = |index| NewEntry { index, term, leader: NodeId(0), payload: Payload::Blank };
        self.log
            .append_durably((from..index).map(blank).collect())
            .map_err(io::Error::other)?
            .await
            .map_err(io::Error::other)?;
        self.marks.lock().expect("no panic").first = index;
        Ok(())
    }
}

impl RaftLogReader<TypeConfig> for Bridge {
    async fn try_get_log_entries<R: RangeBounds<u64> + Clone + Debug + OptionalSend>(
        &mut self,
        range: R,
    ) -> Result<Vec<RaftEntry>, io::Error> {
        let from = match range.start_bound() {
            Bound::Included(&from) => from,
            Bound::Excluded(&before) => before + 1,
            Bound::Unbounded => 0,
        };
        self.store.try_get_log_entries((Bound::Included(from.max(self.first())), range.end_bound().cloned())).await
    }

    async fn limited_get_log_entries(&mut self, from: u64, to: u64) -> Result<Vec<RaftEntry>, io::Error> {
        self.store.limited_get_log_entries(from, to).await
    }

    async fn read_vote(&mut self) -> Result<Option<Vote>, io::Error> {
        self.store.read_vote().await
    }
}

impl RaftLogStorage<TypeConfig> for Bridge {
    type LogReader = Bridge;

    async fn get_log_state(&mut self) -> Result<LogState<TypeConfig>, io::Error> {
        let (first, purged) = (self.first(), self.marks().purged);
        let last = self.store.get_log_state().await?.last_log_id.filter(|last| last.index >= first);
        Ok(LogState { last_purged_log_id: purged, last_log_id: last.or(purged) })
    }

    async fn get_log_reader(&mut self) -> Bridge {
        self.clone()
    }

    async fn save_vote(&mut self, vote: &Vote) -> Result<(), io::Error> {
        self.store.save_vote(vote).await
    }

    async fn save_committed(&mut self, committed: Option<LogId>) -> Result<(), io::Error> {
        self.store.save_committed(committed).await
    }

    async fn read_committed(&mut self) -> Result<Option<LogId>, io::Error> {
        self.store.read_committed().await
    }

    async fn append<I>(&mut self, entries: I, callback: IOFlushed<TypeConfig>) -> Result<(), io::Error>
    where
        I: IntoIterator<Item = RaftEntry> + OptionalSend,
        I::IntoIter: OptionalSend,
    {
        let entries: Vec<_> = entries.into_iter().collect();
        if let Some(first) = entries.first() {
            self.fill(first.log_id.index).await?;
        }
        self.store.append(entries, callback).await
    }

    async fn truncate_after(&mut self, last: Option<LogId>) -> Result<(), io::Error> {
        if last.is_none() && self.first() > 0 {
            let last = self.first() - 1;
            let pending = self.log.truncate_after(Some(last)).map_err(io::Error::other)?;
            return pending.await.map_err(io::Error::other);
        }
        self.store.truncate_after(last).await
    }

    async fn purge(&mut self, upto: LogId) -> Result<(), io::Error> {
        self.marks.lock().expect("no panic").purged = Some(upto);
        Ok(())
    }
}

/// A state machine that remembers nothing but what Raft needs. Ours has tests of its own.
#[derive(Default)]
struct Machine {
    applied: Option<LogId>,
    membership: StoredMembership,
    snapshot: Option<SnapshotMetaOf<TypeConfig>>,
}

struct Builder(SnapshotMetaOf<TypeConfig>);

impl RaftSnapshotBuilder<TypeConfig> for Builder {
    type SnapshotData = Vec<u8>;

    async fn build_snapshot(&mut self) -> Result<SnapshotOf<TypeConfig, Vec<u8>>, io::Error> {
        Ok(SnapshotOf::<TypeConfig, Vec<u8>> { meta: self.0.clone(), snapshot: vec![] })
    }
}

impl RaftStateMachine<TypeConfig> for Machine {
    type SnapshotData = Vec<u8>;
    type SnapshotBuilder = Builder;

    async fn applied_state(&mut self) -> Result<(Option<LogId>, StoredMembership), io::Error> {
        Ok((self.applied, self.membership.clone()))
    }

    async fn apply<S>(&mut self, mut entries: S) -> Result<(), io::Error>
    where
        S: Stream<Item = Result<EntryResponder<TypeConfig>, io::Error>> + Unpin + OptionalSend,
    {
        while let Some(next) = entries.next().await {
            let (entry, responder) = next?;
            self.applied = Some(entry.log_id);
            if let EntryPayload::Membership(membership) = entry.payload {
                self.membership = StoredMembership::new(Some(entry.log_id), membership);
            }
            if let Some(responder) = responder {
                responder.send(Applied::default());
            }
        }
        Ok(())
    }

    async fn get_snapshot_builder(&mut self) -> Builder {
        let (last_log_id, last_membership) = (self.applied, self.membership.clone());
        let meta = SnapshotMetaOf::<TypeConfig> { last_log_id, last_membership };
        self.snapshot = Some(meta.clone());
        Builder(meta)
    }

    async fn try_create_snapshot_builder(&mut self, _force: bool) -> Option<Builder> {
        Some(self.get_snapshot_builder().await)
    }

    async fn install_snapshot(&mut self, meta: &SnapshotMetaOf<TypeConfig>, _: Vec<u8>) -> Result<(), io::Error> {
        (self.applied, self.membership) = (meta.last_log_id, meta.last_membership.clone());
        self.snapshot = Some(meta.clone());
        Ok(())
    }

    async fn get_current_snapshot(&mut self) -> Result<Option<SnapshotOf<TypeConfig, Vec<u8>>>, io::Error> {
        let snapshot = |meta| SnapshotOf::<TypeConfig, Vec<u8>> { meta, snapshot: vec![] };
        Ok(self.snapshot.clone().map(snapshot))
    }
}

/// Makes stores on disks of one kind. The guard keeps the disk.
struct Stores<F>(F);

impl<B, F> StoreBuilder<TypeConfig, Bridge, Machine, B> for Stores<F>
where
    B: Bed + Send + Sync + 'static,
    F: Fn() -> B + Send + Sync,
{
    async fn build(&self) -> Result<(B, Bridge, Machine), StorageError<TypeConfig>> {
        let bed = self.0();
        let (log, _) = Log::open_on(bed.writer(), options()).expect("a new log");
        let bridge = Bridge { store: LogStore::new(log.clone()), log, marks: Arc::default() };
        Ok((bed, bridge, Machine::default()))
    }
}

#[tokio::test]
async fn the_log_on_a_real_disk_is_a_store_as_openraft_wants_it() {
    Suite::test_all(Stores(folder)).await.expect("the suite passes");
}

#[tokio::test]
async fn the_log_on_a_simulated_disk_is_a_store_as_openraft_wants_it() {
    Suite::test_all(Stores(SimDisk::new)).await.expect("the suite passes");
}
