//! The outbox's handle, and the thread that alone writes.

use std::collections::VecDeque;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot, watch};

use super::codec::{self, PROPOSAL_BYTES_MAX};
use super::disk::{DiskWriter, Limits};
use super::error::OutboxError;
use super::shelf::{Held, Shelf, ShelfReader};
use crate::event::{Command, Millis, NodeId, Proposal, Seq};

/// Requests that wait for the writer thread; more senders wait for a place.
const REQUESTS_MAX: usize = 1_024;
/// Requests that share one sync.
const GROUP_MAX: usize = 256;
/// Bytes after which [`Outbox::peek_batch`] adds no further proposal, so that a batch fits a message.
pub const PEEK_BYTES_MAX: usize = 2 << 20;

/// A proposal that has no number yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// What is asked.
    pub command: Command,
    /// Records that led to it.
    pub caused_by: Vec<Seq>,
    /// This node's clock.
    pub observed_at: Millis,
}

type Reply<T> = oneshot::Sender<Result<T, OutboxError>>;

enum Request {
    Push(Vec<Entry>, Reply<u64>),
    Ack(u64, Reply<()>),
}

/// What readers may know of the writer's work.
#[derive(Debug, Default)]
struct Shared {
    held: Mutex<Held>,
    poison: Mutex<Option<String>>,
}

/// The durable queue of a node's proposals. Drop it to stop; what was pushed stays on disk.
pub struct Outbox {
    disk: Box<dyn ShelfReader>,
    shared: Arc<Shared>,
    durable: watch::Receiver<u64>,
    requests: Option<mpsc::Sender<Request>>,
    thread: Option<JoinHandle<()>>,
}

impl Outbox {
    /// Opens or creates the outbox of `node` in the folder `path`.
    ///
    /// `floor` is the last number of this node that the log is known to hold. Proposals up to it are forgotten (the
    /// leader takes a node's proposals in order, so it has them all), and new ones are numbered above it: an outbox that
    /// was wiped or restored from an old copy must not give a number again.
    ///
    /// # Errors
    /// [`OutboxError::InUse`], [`OutboxError::Foreign`], [`OutboxError::Damaged`], [`OutboxError::TooNew`] or
    /// [`OutboxError::Io`], each with a way out.
    pub fn open(path: &Path, node: NodeId, floor: u64, limits: Limits) -> Result<Outbox, OutboxError> {
        let (disk, held) = DiskWriter::open(path, node, floor, limits.lock_wait)?;
        let (mut outbox, driver) = Outbox::open_driven(Box::new(disk), held, node, limits);
        let thread = std::thread::Builder::new()
            .name("kifu-outbox".to_owned())
            .spawn(move || driver.run_here())
            .map_err(|error| OutboxError::Io { action: "start", path: path.to_owned(), reason: error.to_string() })?;
        outbox.thread = Some(thread);
        Ok(outbox)
    }

    /// An outbox on a shelf, without a thread of its own: it takes in nothing unless the [`OutboxDriver`] runs. For
    /// simulations, which have one thread.
    pub fn open_driven(shelf: Box<dyn Shelf>, held: Held, node: NodeId, limits: Limits) -> (Outbox, OutboxDriver) {
        let disk = shelf.reader();
        let (requests, inbox) = mpsc::channel(REQUESTS_MAX);
        let (announce, durable) = watch::channel(held.last);
        let shared = Arc::new(Shared { held: Mutex::new(held), poison: Mutex::default() });
        let writer = Writer { node, held, limits, disk: shelf, shared: shared.clone(), announce };
        (Outbox { disk, shared, durable, requests: Some(requests), thread: None }, OutboxDriver { writer, inbox })
    }

    /// Stores a proposal and returns its number, `origin_seq`. It is durable then. A caller that stops waiting may
    /// find it stored all the same.
    ///
    /// # Errors
    /// [`OutboxError::Full`] at a bound and [`OutboxError::DiskFull`] (nothing is stored), [`OutboxError::TooLarge`], or
    /// [`OutboxError::Poisoned`].
    pub async fn push(&self, command: Command, caused_by: Vec<Seq>, observed_at: Millis) -> Result<u64, OutboxError> {
        self.push_many(vec![Entry { command, caused_by, observed_at }]).await
    }

    /// Stores proposals in order, all or none, and returns the number of the last one.
    ///
    /// # Errors
    /// As [`Outbox::push`].
    pub async fn push_many(&self, entries: Vec<Entry>) -> Result<u64, OutboxError> {
        self.ask(|reply| Request::Push(entries, reply)).await
    }

    /// Forgets all proposals up to this number: the leader has committed them.
    ///
    /// # Errors
    /// [`OutboxError::DiskFull`], or [`OutboxError::Poisoned`] after a failed write.
    pub async fn ack(&self, up_to: u64) -> Result<(), OutboxError> {
        self.ask(|reply| Request::Ack(up_to, reply)).await
    }

    /// The oldest proposals, at most `max`, in order, all of them durable. They stay until [`Outbox::ack`].
    ///
    /// # Errors
    /// [`OutboxError::Damaged`] when what is stored cannot be read.
    pub fn peek_batch(&self, max: usize) -> Result<Vec<Proposal>, OutboxError> {
        let last = *self.durable.borrow();
        if max == 0 { Ok(vec![]) } else { self.disk.first(last, max, PEEK_BYTES_MAX) }
    }

    /// Every proposal that waits, for a start after a crash. Bounded by [`Limits`].
    ///
    /// # Errors
    /// As [`Outbox::peek_batch`].
    pub fn pending(&self) -> Result<Vec<Proposal>, OutboxError> {
        self.disk.first(*self.durable.borrow(), usize::MAX, usize::MAX)
    }

    /// Follows the highest number that is durable: a sender waits here for something to send.
    pub fn durable(&self) -> watch::Receiver<u64> {
        self.durable.clone()
    }

    /// Proposals that wait.
    pub fn len(&self) -> u64 {
        lock(&self.shared.held).entries
    }

    /// True when nothing waits.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Why the outbox stopped, if it did. The node must stop too.
    pub fn poisoned(&self) -> Option<String> {
        lock(&self.shared.poison).clone()
    }

    async fn ask<T>(&self, request: impl FnOnce(Reply<T>) -> Request) -> Result<T, OutboxError> {
        let (reply, answer) = oneshot::channel();
        let requests = self.requests.as_ref().expect("only drop takes the sender");
        if requests.send(request(reply)).await.is_err() {
            return Err(self.stopped());
        }
        answer.await.unwrap_or_else(|_| Err(self.stopped()))
    }

    fn stopped(&self) -> OutboxError {
        let reason = self.poisoned().unwrap_or_else(|| "its writer thread ended".to_owned());
        OutboxError::Poisoned { reason }
    }
}

impl Drop for Outbox {
    fn drop(&mut self) {
        self.requests = None;
        if let Some(thread) = self.thread.take() {
            // A panic of the writer was reported by the panic hook; there is nothing to add.
            let _ = thread.join();
        }
    }
}

/// The only one that writes.
struct Writer {
    node: NodeId,
    held: Held,
    limits: Limits,
    disk: Box<dyn Shelf>,
    shared: Arc<Shared>,
    announce: watch::Sender<u64>,
}

/// What a group of requests does to the disk.
#[derive(Default)]
struct Group {
    writes: Vec<(u64, Vec<u8>)>,
    pushed: Vec<(u64, Reply<u64>)>,
    acked: Vec<Reply<()>>,
    ack_up_to: u64,
}

impl Group {
    fn bytes(&self) -> u64 {
        self.writes.iter().map(|(_, bytes)| bytes.len() as u64).sum()
    }

    fn refuse(self, error: &OutboxError) {
        // A caller that stopped waiting does not want to know.
        self.pushed.into_iter().for_each(|(_, reply)| drop(reply.send(Err(error.clone()))));
        self.acked.into_iter().for_each(|reply| drop(reply.send(Err(error.clone()))));
    }
}

/// What works off the requests of an outbox. It ends with the outbox, or with the first failed write.
pub struct OutboxDriver {
    writer: Writer,
    inbox: mpsc::Receiver<Request>,
}

impl OutboxDriver {
    /// Works as a task. Each group of requests takes as long as `pace` says: what a disk would take.
    pub async fn run(mut self, mut pace: impl FnMut() -> Duration) {
        while let Some(first) = self.inbox.recv().await {
            tokio::time::sleep(pace()).await;
            if !self.writer.work(first, &mut self.inbox) {
                return;
            }
        }
    }

    /// Works on this thread.
    fn run_here(mut self) {
        while let Some(first) = self.inbox.blocking_recv() {
            if !self.writer.work(first, &mut self.inbox) {
                return;
            }
        }
    }
}

impl Writer {
    /// Works off a request and all that wait behind it with one commit. False when that failed.
    fn work(&mut self, first: Request, inbox: &mut mpsc::Receiver<Request>) -> bool {
        let mut requests = VecDeque::from([first]);
        while requests.len() < GROUP_MAX
            && let Ok(next) = inbox.try_recv()
        {
            requests.push_back(next);
        }
        let before = self.held;
        let group = self.collect(requests);
        if let Err(error) = self.disk.room_for(group.bytes()) {
            tracing::warn!(%error, "the outbox waits for space");
            self.held = before;
            group.refuse(&error);
            return true;
        }
        match self.commit(&group) {
            Ok(()) => {
                self.announce_done(group);
                true
            }
            Err(error) => {
                tracing::error!(%error, "the outbox cannot write and stops");
                *lock(&self.shared.poison) = Some(error.to_string());
                // Waiting callers see their channel close and read the poison.
                false
            }
        }
    }

    fn collect(&mut self, requests: VecDeque<Request>) -> Group {
        let mut group = Group::default();
        let durable = *self.announce.borrow();
        for request in requests {
            match request {
                Request::Ack(up_to, reply) => {
                    group.ack_up_to = group.ack_up_to.max(up_to.min(durable));
                    group.acked.push(reply);
                }
                Request::Push(entries, reply) => match self.number(entries) {
                    Ok(writes) => {
                        group.writes.extend(writes);
                        group.pushed.push((self.held.last, reply));
                    }
                    Err(error) => drop(reply.send(Err(error))),
                },
            }
        }
        group
    }

    /// Numbers entries, unless a bound forbids them.
    fn number(&mut self, entries: Vec<Entry>) -> Result<Vec<(u64, Vec<u8>)>, OutboxError> {
        let mut last = self.held.last;
        let mut writes = vec![];
        for Entry { command, caused_by, observed_at } in entries {
            last += 1;
            let proposal = Proposal { origin: self.node, origin_seq: last, observed_at, caused_by, command };
            let bytes = codec::encode(&proposal);
            if bytes.len() > PROPOSAL_BYTES_MAX {
                return Err(OutboxError::TooLarge { bytes: bytes.len(), max: PROPOSAL_BYTES_MAX });
            }
            writes.push((last, bytes));
        }
        let bytes: u64 = writes.iter().map(|(_, bytes)| bytes.len() as u64).sum();
        let entries = writes.len() as u64;
        let Held { entries: waiting, bytes: waiting_bytes, acked, .. } = self.held;
        if waiting + entries > self.limits.entries_max || waiting_bytes + bytes > self.limits.bytes_max {
            return Err(OutboxError::Full { entries: waiting, bytes: waiting_bytes });
        }
        self.held = Held { entries: waiting + entries, bytes: waiting_bytes + bytes, acked, last };
        Ok(writes)
    }

    fn commit(&mut self, group: &Group) -> Result<(), OutboxError> {
        self.held = self.disk.commit(&group.writes, group.ack_up_to, self.held)?;
        Ok(())
    }

    fn announce_done(&self, group: Group) {
        *lock(&self.shared.held) = self.held;
        self.announce.send_if_modified(|last| std::mem::replace(last, self.held.last) != self.held.last);
        for (last, reply) in group.pushed {
            // A caller that stopped waiting does not want to know.
            let _ = reply.send(Ok(last));
        }
        for reply in group.acked {
            let _ = reply.send(Ok(()));
        }
    }
}

/// Locks plain data: nothing panics while holding these locks.
fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}
