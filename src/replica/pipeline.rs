//! Entries on their way to one peer, one request after the other. A peer that lags is sent the next request before it has answered the
//! last, so that it reads one while it syncs another.

use std::collections::VecDeque;
use std::time::Duration;

use bytes::Bytes;
use futures_util::stream::unfold;
use openraft::raft::{AppendEntriesRequest, AppendEntriesResponse, StreamAppendResult};

use super::client::{Answers, Client, Rpc, in_time, time_for, unreachable};
use super::error::ReplicaError;
use super::hold::Requests;
use super::stream::Stream;
use super::types::{LogId, TypeConfig};
use super::wire::{APPEND_BYTES_MAX, append_frame, from_json};

/// Only behind a request of at least so many bytes goes another before its answer: more waits behind it. Small ones wait, because what
/// gathers meanwhile makes the next one larger.
const FULL_BYTES: usize = APPEND_BYTES_MAX / 2;
/// Requests without an answer at most.
const OUTSTANDING_MAX: usize = 4;

/// What was sent.
struct Sent {
    prev: Option<LogId>,
    last: Option<LogId>,
    bytes: usize,
}

/// Requests, and those of them that wait for an answer.
struct Pipeline<'s> {
    client: &'s mut Client,
    requests: Requests,
    /// Where the answers come that are awaited; the client's own as long as there are none.
    stream: Option<Stream>,
    outstanding: VecDeque<Sent>,
    /// How long a peer has for a request without entries.
    patience: Duration,
}

/// Sends all requests, and gives the answers in the same order, until one is not a full success.
///
/// What acknowledges no more than the request behind it does is not given: Raft takes the answer to an entry for one to all requests that
/// end with it, and would believe that the peer had answered one that it made later, and that is still on its way. A lease counts from there.
pub(super) fn answers(client: &mut Client, requests: Requests, patience: Duration) -> Answers<'_> {
    let pipeline = Pipeline { client, requests, stream: None, outstanding: VecDeque::new(), patience };
    Box::pin(unfold(Some(pipeline), |pipeline| async { pipeline?.next().await }))
}

impl Pipeline<'_> {
    async fn next(mut self) -> Option<(Rpc<StreamAppendResult<TypeConfig>>, Option<Self>)> {
        match self.exchange().await {
            Ok(None) => None,
            Ok(Some((answer, whole))) => Some((Ok(answer), whole.then_some(self))),
            Err(error) => Some((Err(unreachable(&error)), None)),
        }
    }

    /// Sends what may be sent, and waits for the oldest answer: it, and whether the peer took the whole request. None when all requests are
    /// answered and no further one will come.
    async fn exchange(&mut self) -> Result<Option<(StreamAppendResult<TypeConfig>, bool)>, ReplicaError> {
        loop {
            while let Some(request) = self.next_to_send().await {
                self.send(&request).await?;
            }
            let within = self.time_for_answer();
            let (Some(Sent { prev, last, .. }), Some(stream)) = (self.outstanding.pop_front(), &mut self.stream) else {
                return Ok(None);
            };
            let answer = in_time(within, stream.answer(None)).await?;
            if self.outstanding.is_empty() {
                self.client.stream = self.stream.take();
            }
            let answer = from_json::<Result<AppendEntriesResponse<TypeConfig>, String>>(&answer)?;
            let answer = answer.map_err(ReplicaError::wire)?.into_stream_result(prev, last);
            let whole = answer.as_ref().is_ok_and(|taken| *taken == last);
            let is_last_word = self.outstanding.front().is_none_or(|next| next.last != last);
            if !whole || is_last_word {
                return Ok(Some((answer, whole)));
            }
        }
    }

    /// Behind a request that waits for its answer goes only what is there at this moment, and all of that goes: for each that Raft was asked
    /// for, the answers are held back that it would take for one to it.
    async fn next_to_send(&mut self) -> Option<AppendEntriesRequest<TypeConfig>> {
        match self.outstanding.back() {
            None => self.requests.next().await,
            Some(last) if last.bytes < FULL_BYTES || self.outstanding.len() == OUTSTANDING_MAX => None,
            Some(_) => self.requests.ready(),
        }
    }

    async fn send(&mut self, request: &AppendEntriesRequest<TypeConfig>) -> Result<(), ReplicaError> {
        let parts = append_frame(request);
        let last = request.entries.last().map(|entry| entry.log_id).or(request.prev_log_id);
        let bytes = if request.entries.is_empty() { 0 } else { parts.iter().map(Bytes::len).sum() };
        self.outstanding.push_back(Sent { prev: request.prev_log_id, last, bytes });
        let within = self.time_for_answer();
        in_time(within, async {
            let stream = match &mut self.stream {
                Some(stream) => stream,
                none => none.insert(self.client.take_stream().await?),
            };
            stream.write_parts(parts).await
        })
        .await?;
        Ok(())
    }

    /// How long the peer has for all that is on its way.
    fn time_for_answer(&self) -> Duration {
        let bytes: usize = self.outstanding.iter().map(|sent| sent.bytes).sum();
        if bytes == 0 { self.patience } else { self.patience.max(time_for(bytes)) }
    }
}
