//! Subscriptions: records from any position on, then those to come, through a filter; over QUIC or in this process, with the same
//! API.
//!
//! A subscription holds one piece of the log at most, however slow its reader is; over QUIC the stream's own flow control holds the
//! node back. It knows the position up to which it has come, filtered records included, so that after a lost connection it goes on
//! at any node that answers: positions are the same on every node and only committed records are sent, so nothing is missed and nothing
//! comes twice.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::sync::watch;

use super::beginning;
use super::client::{Client, ClientError, Responses, Target};
use super::request::{Footer, Request, Response};
use crate::event::{EventError, RecordJson, Seq};
use crate::replay::{Feed, Filter, ReplayError};
use crate::replica::{Consistency, Replica};

/// How often in a row a lost connection is made again before the subscription gives up.
const RECONNECTS_MAX: u32 = 30;
/// The pause before each.
const RECONNECT_AFTER: Duration = Duration::from_secs(1);

/// What somebody wants to hear.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wanted {
    /// The first position; 0 for the first one that the answering node's log holds, which may begin later than record 1. With a time
    /// in the filter, 0 and 1 say nothing: records of that time that are no longer held are never left out in silence.
    pub from: Seq,
    /// Which records.
    pub filter: Filter,
    /// Whether to stay for those to come.
    pub follow: bool,
    /// At most this many.
    pub limit: Option<u64>,
}

/// A subscription cannot go on.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SubscriptionError {
    /// The filter names what does not exist.
    #[error(transparent)]
    Filter(#[from] EventError),
    /// The log of this node cannot be read there.
    #[error(transparent)]
    Log(#[from] ReplayError),
    /// The node refused, or no node answered for too long.
    #[error(transparent)]
    Client(#[from] ClientError),
}

/// What a subscription came to next.
#[derive(Clone, Debug, PartialEq)]
pub enum Step {
    /// A wanted record.
    Record(Box<RecordJson>),
    /// Nothing wanted up to here.
    Looked(Seq),
    /// No more records.
    End,
}

/// Records from a position on.
pub struct Subscription {
    source: Source,
    next: Seq,
    left: Option<u64>,
    follow: bool,
    footer: Option<Footer>,
}

enum Source {
    Local(Box<Local>),
    Remote(Box<Remote>),
}

struct Local {
    feed: Feed,
    applied: watch::Receiver<Seq>,
    /// The wanted records of one piece of the log.
    piece: VecDeque<RecordJson>,
    /// The last record that the reader was told of, wanted or not.
    told: Seq,
}

struct Remote {
    target: Target,
    filter: Filter,
    consistency: Consistency,
    /// Taken out while it is read, so that a reader that gives up in the middle of a message never reads its other half.
    stream: Option<(Client, Responses)>,
    lost: u32,
}

impl Subscription {
    /// Subscribes in this process.
    ///
    /// # Errors
    /// When the filter names what does not exist, or a time before the log's beginning.
    pub fn local(replica: &Replica, wanted: Wanted) -> Result<Subscription, SubscriptionError> {
        Subscription::on(replica.log().clone(), replica.fold().watch(), wanted)
    }

    /// Subscribes to a log of which all records up to `applied` are committed.
    ///
    /// # Errors
    /// As [`Subscription::local`].
    pub fn on(
        log: crate::log::Log,
        applied: watch::Receiver<Seq>,
        wanted: Wanted,
    ) -> Result<Subscription, SubscriptionError> {
        let sieve = wanted.filter.sieve()?;
        let from = beginning::of(&log, &wanted, *applied.borrow())?;
        let Wanted { from: asked, follow, limit, .. } = wanted;
        let feed = Feed::new(log, from, sieve);
        let next = feed.next();
        // Who named no position is told where it began.
        let told = Seq(asked.0.max(1) - 1);
        let source = Source::Local(Box::new(Local { feed, applied, piece: VecDeque::new(), told }));
        Ok(Subscription { source, next, left: limit, follow, footer: None })
    }

    /// Subscribes at a node, over QUIC. The connection is made by the first [`Subscription::next`].
    pub fn remote(target: Target, wanted: Wanted) -> Subscription {
        let Wanted { from, filter, follow, limit } = wanted;
        let consistency = Consistency::default();
        let source = Source::Remote(Box::new(Remote { target, filter, consistency, stream: None, lost: 0 }));
        Subscription { source, next: from, left: limit, follow, footer: None }
    }

    /// The same, which misses no more than this allows of what was acknowledged before it was made, or made again. In this process
    /// it changes nothing.
    #[must_use]
    pub fn reading(mut self, consistency: Consistency) -> Subscription {
        if let Source::Remote(remote) = &mut self.source {
            remote.consistency = consistency;
        }
        self
    }

    /// The next wanted record; none after the last. May be dropped and called again: no record is lost.
    ///
    /// # Errors
    /// When the subscription cannot go on. Over QUIC a lost connection is made again first, many times.
    pub async fn next(&mut self) -> Result<Option<RecordJson>, SubscriptionError> {
        loop {
            match self.step().await? {
                Step::Record(record) => return Ok(Some(*record)),
                Step::Looked(_) => {}
                Step::End => return Ok(None),
            }
        }
    }

    /// What comes next, records that are not wanted included.
    ///
    /// # Errors
    /// As [`Subscription::next`].
    pub async fn step(&mut self) -> Result<Step, SubscriptionError> {
        if self.left == Some(0) {
            return Ok(Step::End);
        }
        let (next, left, follow) = (self.next, self.left, self.follow);
        let step = match &mut self.source {
            Source::Local(local) => local.step(follow).await?,
            Source::Remote(remote) => remote.step(next, left, follow, &mut self.footer).await?,
        };
        match &step {
            Step::Record(record) => {
                self.next = record.seq.next();
                self.left = self.left.map(|left| left - 1);
            }
            Step::Looked(seq) => self.next = seq.next(),
            Step::End => {}
        }
        Ok(step)
    }

    /// Where the subscription goes on; take it along to go on there later.
    pub fn position(&self) -> Seq {
        self.next
    }

    /// What the node said at the end, over QUIC.
    pub fn footer(&self) -> Option<&Footer> {
        self.footer.as_ref()
    }
}

impl Local {
    async fn step(&mut self, follow: bool) -> Result<Step, SubscriptionError> {
        loop {
            if let Some(record) = self.piece.pop_front() {
                self.told = record.seq;
                return Ok(Step::Record(Box::new(record)));
            }
            if self.feed.next() > self.told.next() {
                self.told = Seq(self.feed.next().0 - 1);
                return Ok(Step::Looked(self.told));
            }
            if self.feed.is_over() {
                return Ok(Step::End);
            }
            let upto = *self.applied.borrow_and_update();
            self.piece = self.feed.read(upto)?.iter().map(RecordJson::from).collect();
            if !self.piece.is_empty() || self.feed.is_over() || self.feed.next() > self.told.next() {
                continue;
            }
            // Nothing is left to look at for now.
            if !follow || self.applied.changed().await.is_err() {
                return Ok(Step::End);
            }
        }
    }
}

impl Remote {
    async fn step(
        &mut self,
        next: Seq,
        left: Option<u64>,
        follow: bool,
        footer: &mut Option<Footer>,
    ) -> Result<Step, SubscriptionError> {
        loop {
            let request = Request::Subscribe { from: next, follow, filter: self.filter.clone(), limit: left };
            match self.read(&request).await {
                Ok(Response::Record { record }) if record.seq >= next => {
                    self.lost = 0;
                    return Ok(Step::Record(record));
                }
                Ok(Response::Position { seq }) => {
                    self.lost = 0;
                    return Ok(Step::Looked(seq));
                }
                Ok(Response::End { footer: last }) if !follow || self.filter.until.is_some() => {
                    *footer = Some(last);
                    return Ok(Step::End);
                }
                // A node that stops ends the streams of those who follow; another goes on.
                Ok(Response::End { .. }) => self.lose("the node stops")?,
                Ok(Response::Error { code, message }) if code != "unavailable" => {
                    return Err(ClientError::Refused { code, message }.into());
                }
                Ok(Response::Error { message, .. }) => self.lose(&message)?,
                Ok(other) => {
                    let reason = format!("it is no record: {other:?}");
                    return Err(ClientError::BadAnswer { reason }.into());
                }
                Err(error) if self.lost >= RECONNECTS_MAX || !error.is_of_the_connection() => return Err(error.into()),
                Err(error) => self.lose(&error.to_string())?,
            }
            tokio::time::sleep(RECONNECT_AFTER).await;
        }
    }

    /// Notes that the stream is lost.
    fn lose(&mut self, reason: &str) -> Result<(), SubscriptionError> {
        self.stream = None;
        self.lost += 1;
        tracing::warn!(reason, "the subscription's connection is lost; trying again");
        if self.lost > RECONNECTS_MAX {
            return Err(ClientError::Unreachable { reason: reason.to_owned() }.into());
        }
        Ok(())
    }

    async fn read(&mut self, request: &Request) -> Result<Response, ClientError> {
        let (client, mut responses) = match self.stream.take() {
            Some(stream) => stream,
            None => {
                let client = Client::connect(&self.target).await?.reading(self.consistency);
                let responses = client.send(request).await?;
                (client, responses)
            }
        };
        let response = responses.next().await?;
        let ended = || ClientError::Unreachable { reason: "the node ended the stream".to_owned() };
        let response = response.ok_or_else(ended)?;
        if matches!(response, Response::Record { .. } | Response::Position { .. }) {
            self.stream = Some((client, responses));
        }
        Ok(response)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::cluster::{HostOffline, HostOnline, OfflineReason};
    use crate::event::{Hash, Millis, NodeId, Record, Term};
    use crate::log::{Log, LogOptions, NewEntry, Payload};
    use crate::projection::testing::record;
    use bytes::Bytes;

    /// Online at odd, offline at even positions; origins 0 to 2 in turn.
    fn at(seq: u64) -> Record {
        let host = NodeId(seq % 5);
        let mut record = match seq % 2 {
            1 => record(seq, HostOnline { host, incarnation: seq, slots: 1 }),
            _ => record(seq, HostOffline { host, last_heard_at: Millis(seq), reason: OfflineReason::Silent }),
        };
        record.draft.origin = NodeId(seq % 3);
        record
    }

    /// Appends three records an entry.
    async fn append(log: &Log, entries: std::ops::Range<u64>) {
        let entry = |index: u64| {
            let mut bytes = vec![];
            (1..=3).for_each(|place| at(index * 3 + place).draft.encode_into(&mut bytes));
            let payload = Payload::Records { count: 3, bytes: Bytes::from(bytes) };
            NewEntry { index, term: Term(1), leader: NodeId(1), payload }
        };
        log.append_durably(entries.map(entry).collect()).expect("next").await.expect("durable");
    }

    fn new_log(dir: &tempfile::TempDir) -> Log {
        let options = LogOptions { segment_bytes: 64 << 10, cache_bytes: 4_096, ..LogOptions::new(Hash::of(b"x")) };
        Log::open(dir.path(), options).expect("a new log").0
    }

    async fn rest(mut subscription: Subscription) -> Vec<u64> {
        let mut seqs = vec![];
        while let Some(record) = subscription.next().await.expect("readable") {
            seqs.push(record.seq.0);
        }
        seqs
    }

    #[tokio::test]
    async fn records_come_from_any_position_through_every_filter_and_never_uncommitted_ones() {
        let dir = tempfile::tempdir().expect("a folder");
        let log = new_log(&dir);
        append(&log, 0..2_000).await;
        let (_applied, watch) = watch::channel(Seq(5_000));
        let ask = |from: u64, filter: Filter, limit| {
            let wanted = Wanted { from: Seq(from), filter, follow: false, limit };
            rest(Subscription::on(log.clone(), watch.clone(), wanted).expect("a good filter"))
        };
        assert_eq!(ask(0, Filter::default(), None).await, (1..=5_000).collect::<Vec<_>>());
        assert_eq!(ask(4_999, Filter::default(), None).await, [4_999, 5_000]);
        assert_eq!(ask(5_001, Filter::default(), None).await, [0; 0]);
        let kinds = Filter { kinds: vec!["host_offline".into()], ..Filter::default() };
        assert_eq!(ask(1, kinds.clone(), Some(2)).await, [2, 4]);
        let both = Filter { origins: vec![NodeId(1)], ..kinds };
        assert_eq!(ask(1, both, Some(3)).await, [4, 10, 16]);
        let time = Filter { since: Some(Millis(7_000)), until: Some(Millis(9_999)), ..Filter::default() };
        assert_eq!(ask(1, time, None).await, [7, 8, 9]);
        let domain = |name: &str| Filter { domains: vec![name.to_owned()], ..Filter::default() };
        assert_eq!(ask(1, domain("cluster"), None).await.len(), 5_000);
        assert_eq!(ask(1, domain("jobs"), None).await, [0; 0]);
        assert!(domain("jobz").sieve().is_err());
    }

    #[tokio::test]
    async fn a_follower_hears_what_comes_and_goes_on_elsewhere_without_gap_or_repeat() {
        let dir = tempfile::tempdir().expect("a folder");
        let log = new_log(&dir);
        append(&log, 0..1).await;
        let (applied, watch) = watch::channel(Seq(2));
        let filter = Filter { kinds: vec!["HOST_ONLINE".into()], ..Filter::default() };
        let wanted = |from| Wanted { from, filter: filter.clone(), follow: true, limit: None };
        let mut first = Subscription::on(log.clone(), watch.clone(), wanted(Seq(1))).expect("a filter");
        let next = |record: Option<RecordJson>| record.map(|record| record.seq.0);
        assert_eq!(next(first.next().await.expect("one")), Some(1));
        // What is not wanted counts as seen: whoever goes on from here does not look at it again.
        assert_eq!(first.step().await.expect("looked"), Step::Looked(Seq(2)));
        assert_eq!(first.position(), Seq(3));
        {
            let waiting = first.next();
            tokio::pin!(waiting);
            assert!(futures_util::poll!(&mut waiting).is_pending(), "record 3 is not committed");
        }
        applied.send_replace(Seq(3));
        assert_eq!(next(first.next().await.expect("one")), Some(3), "after having been dropped while it waited");
        append(&log, 1..4).await;
        applied.send_replace(Seq(12));
        assert_eq!(next(first.next().await.expect("one")), Some(5));
        let mut second = Subscription::on(log, watch, wanted(first.position())).expect("a filter");
        drop(first);
        for expected in [7, 9, 11] {
            assert_eq!(next(second.next().await.expect("one")), Some(expected));
        }
        drop(applied);
        assert_eq!(next(second.next().await.expect("the end")), None);
    }

    /// A leader that is deposed takes back what nobody committed, an entry without records for instance.
    #[tokio::test]
    async fn what_takes_the_place_of_an_uncommitted_entry_is_not_passed_over() {
        let dir = tempfile::tempdir().expect("a folder");
        let log = new_log(&dir);
        append(&log, 0..1).await;
        let blank = NewEntry { index: 1, term: Term(1), leader: NodeId(1), payload: Payload::Blank };
        log.append_durably(vec![blank]).expect("next").await.expect("durable");
        let (applied, watch) = watch::channel(Seq(3));
        let wanted = Wanted { from: Seq(1), filter: Filter::default(), follow: true, limit: None };
        let mut subscription = Subscription::on(log.clone(), watch, wanted).expect("a filter");
        for expected in 1..=3 {
            assert_eq!(subscription.next().await.expect("readable").map(|record| record.seq.0), Some(expected));
        }
        assert!(futures_util::poll!(std::pin::pin!(subscription.next())).is_pending());
        log.truncate_after(Some(0)).expect("open").await.expect("durable");
        append(&log, 1..3).await;
        applied.send_replace(Seq(9));
        for expected in 4..=9 {
            assert_eq!(subscription.next().await.expect("readable").map(|record| record.seq.0), Some(expected));
        }
    }

    #[tokio::test]
    async fn a_slow_reader_holds_one_piece_of_the_log() {
        let dir = tempfile::tempdir().expect("a folder");
        let log = new_log(&dir);
        append(&log, 0..4_000).await;
        let (_applied, watch) = watch::channel(Seq(12_000));
        let mut slow = Subscription::on(log, watch, Wanted { from: Seq(1), ..Wanted::default() }).expect("a filter");
        slow.next().await.expect("one");
        let Source::Local(local) = &slow.source else { unreachable!() };
        assert!(local.piece.len() < 6_000, "{} records are held", local.piece.len());
        assert_eq!(rest(slow).await.len(), 11_999);
    }
}
