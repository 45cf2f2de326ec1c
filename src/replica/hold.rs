//! The news that entries are committed waits a moment for entries to travel with.
//!
//! Raft sends it at once, as a message of its own: under load that is a second message and a second answer a batch, which tell a
//! follower only what the next batch would tell it anyway. So it waits, for no longer than [`NEWS_WAIT`]: nothing but reads on
//! followers depends on it, and whoever leads next finds out by itself what is committed.

use std::pin::Pin;
use std::time::Duration;

use futures_util::{Stream, StreamExt};
use openraft::raft::AppendEntriesRequest;
use tokio::time::{Instant, timeout_at};

use super::types::TypeConfig;

/// How long the news waits: about as long as programs that write on and on take to come back.
const NEWS_WAIT: Duration = Duration::from_millis(2);

pub(super) type Requests = Pin<Box<dyn Stream<Item = AppendEntriesRequest<TypeConfig>> + Send>>;

/// The same requests, without those whose news a later one brings soon enough. What answers a later one answers them, too: Raft counts what
/// is acknowledged by position.
pub(super) fn with_the_next<S>(requests: S) -> Requests
where
    S: Stream<Item = AppendEntriesRequest<TypeConfig>> + Unpin + Send + 'static,
{
    Box::pin(futures_util::stream::unfold(requests.fuse(), |mut requests| async move {
        let mut request = requests.next().await?;
        let deadline = Instant::now() + NEWS_WAIT;
        while request.entries.is_empty() {
            match timeout_at(deadline, requests.next()).await {
                Ok(Some(next)) => request = next,
                // Nothing came, or nothing ever will: the news goes alone.
                Ok(None) | Err(_) => break,
            }
        }
        Some((request, requests))
    }))
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

    async fn sent(
        requests: impl Stream<Item = AppendEntriesRequest<TypeConfig>> + Unpin + Send + 'static,
    ) -> Vec<String> {
        let short = |request: AppendEntriesRequest<TypeConfig>| {
            let index = |id: Option<LogId>| id.map_or(0, |id| id.index);
            format!("{}+{} c{}", index(request.prev_log_id), request.entries.len(), index(request.leader_commit))
        };
        with_the_next(requests).map(short).collect().await
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
        let first = with_the_next(silence).next().await.expect("the news");
        assert_eq!((first.entries.len(), first.leader_commit), (0, Some(at(3))));
    }
}
