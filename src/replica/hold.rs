//! The news that entries are committed waits a moment for entries to travel with.
//!
//! Raft sends it at once, as a message of its own: under load that is a second message and a second answer a batch, which tell a
//! follower only what the next batch would tell it anyway. So it waits, for no longer than [`NEWS_WAIT`]: nothing but reads on
//! followers depends on it, and whoever leads next finds out by itself what is committed.

use std::pin::Pin;
use std::time::Duration;

use futures_util::stream::Fuse;
use futures_util::{FutureExt, Stream, StreamExt};
use openraft::raft::AppendEntriesRequest;
use tokio::time::{Instant, timeout_at};

use super::types::TypeConfig;

/// How long the news waits: about as long as programs that write on and on take to come back.
const NEWS_WAIT: Duration = Duration::from_millis(2);

/// The requests that Raft makes for one peer. Raft notes for each when it made it, which is when it is asked for it.
pub(super) struct Requests(Fuse<Pin<Box<dyn Stream<Item = AppendEntriesRequest<TypeConfig>> + Send>>>);

impl Requests {
    pub(super) fn new<S>(requests: S) -> Requests
    where
        S: Stream<Item = AppendEntriesRequest<TypeConfig>> + Unpin + Send + 'static,
    {
        let requests: Pin<Box<dyn Stream<Item = _> + Send>> = Box::pin(requests);
        Requests(requests.fuse())
    }

    /// The next request, without those whose news a later one brings soon enough. What answers a later one answers them, too: Raft counts what
    /// is acknowledged by position. For when no request waits for its answer.
    pub(super) async fn next(&mut self) -> Option<AppendEntriesRequest<TypeConfig>> {
        let mut request = self.0.next().await?;
        let deadline = Instant::now() + NEWS_WAIT;
        while request.entries.is_empty() {
            match timeout_at(deadline, self.0.next()).await {
                Ok(Some(next)) => request = next,
                // Nothing came, or nothing ever will: the news goes alone.
                Ok(None) | Err(_) => break,
            }
        }
        Some(request)
    }

    /// The next request, if there is one at this moment. Its news does not wait.
    pub(super) fn ready(&mut self) -> Option<AppendEntriesRequest<TypeConfig>> {
        self.0.next().now_or_never().flatten()
    }
}

#[cfg(test)]
mod tests {
    use futures_util::stream;
    use openraft::entry::RaftEntry as _;

    use super::*;
    use crate::event::NodeId;
    use crate::replica::leader::Leader;
    use crate::replica::types::{Batch, LogId, RaftEntry, Vote};

    fn at(index: u64) -> LogId {
        LogId::new(Leader { term: 1, node_id: NodeId(1) }, index)
    }

    /// A request behind the entry `prev` that says so much is committed, with as many entries.
    fn request(prev: u64, committed: u64, entries: u64) -> AppendEntriesRequest<TypeConfig> {
        let entry = |index| RaftEntry::new_normal(at(index), Batch::default());
        AppendEntriesRequest {
            vote: Vote::new_committed(1, NodeId(1)),
            prev_log_id: Some(at(prev)),
            leader_commit: Some(at(committed)),
            entries: (prev + 1..=prev + entries).map(entry).collect(),
        }
    }

    fn held(
        requests: impl Stream<Item = AppendEntriesRequest<TypeConfig>> + Unpin + Send + 'static,
    ) -> impl Stream<Item = AppendEntriesRequest<TypeConfig>> {
        stream::unfold(Requests::new(requests), |mut requests| async { Some((requests.next().await?, requests)) })
    }

    async fn sent(
        requests: impl Stream<Item = AppendEntriesRequest<TypeConfig>> + Unpin + Send + 'static,
    ) -> Vec<String> {
        let short = |request: AppendEntriesRequest<TypeConfig>| {
            let index = |id: Option<LogId>| id.map_or(0, |id| id.index);
            format!("{}+{} c{}", index(request.prev_log_id), request.entries.len(), index(request.leader_commit))
        };
        held(requests).map(short).collect().await
    }

    #[tokio::test]
    async fn news_travels_with_the_next_entries() {
        let requests = vec![request(1, 1, 2), request(3, 3, 0), request(3, 3, 1), request(4, 3, 0), request(4, 4, 0)];
        assert_eq!(sent(stream::iter(requests)).await, ["1+2 c1", "3+1 c3", "4+0 c4"]);
    }

    #[tokio::test]
    async fn news_that_nothing_follows_goes_alone() {
        assert_eq!(sent(stream::iter([request(3, 3, 0)])).await, ["3+0 c3"]);
        let silence = stream::iter([request(3, 3, 0)]).chain(stream::pending());
        let first = Requests::new(silence).next().await.expect("the news");
        assert_eq!((first.entries.len(), first.leader_commit), (0, Some(at(3))));
    }

    #[tokio::test]
    async fn news_behind_a_request_that_waits_for_its_answer_does_not_wait() {
        let mut requests = Requests::new(stream::iter([request(3, 3, 0), request(3, 4, 0)]).chain(stream::pending()));
        let commits = std::iter::from_fn(|| requests.ready()).map(|request| request.leader_commit);
        assert_eq!(commits.collect::<Vec<_>>(), [Some(at(3)), Some(at(4))]);
    }
}
