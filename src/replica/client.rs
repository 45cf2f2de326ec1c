//! Raft's messages to one peer.
//!
//! openraft asks for three clients a peer: for the log, for heartbeats, and for snapshots. Each has a stream of its own, so
//! that bulk never delays a heartbeat.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use openraft::base::{BoxFuture, BoxStream};
use openraft::errors::{RPCError, ReplicationClosed, StreamingError, Unreachable};
use openraft::network::{RPCOption, RaftNetworkV2};
use openraft::raft::{
    AppendEntriesRequest, AppendEntriesResponse, SnapshotResponse, StreamAppendResult, TransferLeaderRequest,
    VoteRequest, VoteResponse,
};
use openraft::type_config::alias::SnapshotOf;
use openraft::{OptionalSend, RaftNetworkFactory};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::error::ReplicaError;
use super::greeting::{Greeting, Welcome};
use super::hold::Requests;
use super::peers::Peers;
use super::pipeline;
use super::snapshots::SnapshotData;
use super::stream::{Rank, Stream};
use super::types::{Member, TypeConfig, Vote};
use super::wire::{Tag, append_frame, from_json, json_frame};
use crate::broken::{self, Defect};
use crate::event::NodeId;
use crate::net::NetError;

/// Entries get at least this long to arrive and to be synced, whatever the heartbeat: bounded by the heartbeat, a batch that a
/// slow link or disk cannot take in a fraction of it would be sent again and again, and a peer that lags would never catch up.
const TIME_MIN: Duration = Duration::from_secs(1);
/// And a second more for every so many bytes. A connection on which nothing arrives is dead long before (`net/limits.rs`).
const BYTES_PER_SECOND_MIN: usize = 64 << 10;

pub(super) type Answers<'s> = BoxStream<'s, Result<StreamAppendResult<TypeConfig>, RPCError<TypeConfig>>>;
pub(super) type Rpc<T> = Result<T, RPCError<TypeConfig>>;

/// Makes clients.
pub struct Clients {
    /// The connections.
    pub peers: Arc<Peers>,
}

/// A client of one peer, with its own stream.
pub struct Client {
    target: NodeId,
    peers: Arc<Peers>,
    pub(super) stream: Option<Stream>,
    /// Which of the connection's streams go first: what waits on the others may be megabytes.
    rank: Rank,
}

impl RaftNetworkFactory<TypeConfig> for Clients {
    type Network = Client;

    async fn new_client(&mut self, target: NodeId, member: &Member) -> Client {
        self.peers.learn(target, &member.address);
        Client::new(target, self.peers.clone())
    }

    async fn new_heartbeat_client(&mut self, target: NodeId, member: &Member) -> Client {
        let rank = if broken::has(Defect::Heartbeats) { Rank::Bulk } else { Rank::Heartbeats };
        Client { rank, ..self.new_client(target, member).await }
    }

    async fn new_snapshot_client(&mut self, target: NodeId, member: &Member) -> Client {
        Client { rank: Rank::Bulk, ..self.new_client(target, member).await }
    }
}

impl Client {
    /// A client outside Raft.
    pub fn new(target: NodeId, peers: Arc<Peers>) -> Client {
        Client { target, peers, stream: None, rank: Rank::Log }
    }

    /// Sends a frame and waits for the answer. After an error the stream is gone, and the next call opens a new one.
    ///
    /// # Errors
    /// When the peer does not answer within `within`.
    pub async fn call(&mut self, frame: &[u8], within: Duration) -> Result<Bytes, NetError> {
        let exchange = async {
            let mut stream = self.take_stream().await?;
            stream.write(frame).await?;
            let answer = stream.answer(None).await?;
            Ok::<_, NetError>((stream, answer))
        };
        let (stream, answer) = in_time(within, exchange).await?;
        self.stream = Some(stream);
        Ok(answer)
    }

    /// The same, where the answer has `within` to begin, and then goes on as long as it keeps coming: it may be large.
    ///
    /// # Errors
    /// When the peer does not answer in time.
    pub(super) async fn call_for_much(&mut self, frame: &[u8], within: Duration) -> Result<Bytes, NetError> {
        let asked = async {
            let mut stream = self.take_stream().await?;
            stream.write(frame).await?;
            Ok(stream)
        };
        let mut stream = in_time(within, asked).await?;
        let answer = stream.answer(Some(within)).await?;
        self.stream = Some(stream);
        Ok(answer)
    }

    /// The stream, or a new one. Whoever takes it puts it back when nothing on it waits for an answer.
    ///
    /// # Errors
    /// When the peer cannot be reached.
    pub(super) async fn take_stream(&mut self) -> Result<Stream, NetError> {
        match self.stream.take() {
            Some(stream) => Ok(stream),
            None => Ok(Stream::open(self.peers.connection(self.target).await?).await?.ranked(self.rank)),
        }
    }

    /// Asks the peer what it knows of this node.
    ///
    /// # Errors
    /// When the peer does not answer within `within`, or does not know greetings.
    pub async fn greet(&mut self, greeting: &Greeting, within: Duration) -> Result<Welcome, ReplicaError> {
        let answer = self.call(&json_frame(Tag::Greet, greeting), within).await?;
        from_json::<Result<Welcome, String>>(&answer)?.map_err(ReplicaError::wire)
    }

    async fn rpc<T: DeserializeOwned>(&mut self, frame: Vec<u8>, within: Duration) -> Rpc<T> {
        let answer = self.call(&frame, within).await.map_err(|error| unreachable(&error))?;
        let answer: Result<T, String> = from_json(&answer).map_err(|error| unreachable(&error))?;
        answer.map_err(|reason| unreachable(&ReplicaError::wire(reason)))
    }

    async fn json<T: DeserializeOwned>(&mut self, tag: Tag, body: &impl Serialize, within: Duration) -> Rpc<T> {
        self.rpc(json_frame(tag, body), within).await
    }
}

impl RaftNetworkV2<TypeConfig> for Client {
    type SnapshotData = SnapshotData;

    async fn append_entries(
        &mut self,
        request: AppendEntriesRequest<TypeConfig>,
        option: RPCOption,
    ) -> Rpc<AppendEntriesResponse<TypeConfig>> {
        let frame = append_frame(&request).concat();
        let within = match request.entries.is_empty() {
            true => option.soft_ttl(),
            false => option.soft_ttl().max(time_for(frame.len())),
        };
        self.rpc(frame, within).await
    }

    fn stream_append<'s, S>(&'s mut self, input: S, option: RPCOption) -> BoxFuture<'s, Rpc<Answers<'s>>>
    where
        S: futures_util::Stream<Item = AppendEntriesRequest<TypeConfig>> + OptionalSend + Unpin + 'static,
    {
        let answers = pipeline::answers(self, Requests::new(input), option.soft_ttl());
        Box::pin(std::future::ready(Ok(answers)))
    }

    async fn vote(&mut self, request: VoteRequest<TypeConfig>, option: RPCOption) -> Rpc<VoteResponse<TypeConfig>> {
        self.json(Tag::Vote, &request, option.soft_ttl()).await
    }

    async fn pre_vote(&mut self, request: VoteRequest<TypeConfig>, option: RPCOption) -> Rpc<VoteResponse<TypeConfig>> {
        self.json(Tag::PreVote, &request, option.soft_ttl()).await
    }

    async fn transfer_leader(
        &mut self,
        request: TransferLeaderRequest<TypeConfig>,
        option: RPCOption,
    ) -> Rpc<openraft::raft::TransferLeaderResponse<TypeConfig>> {
        self.json(Tag::Transfer, &request, option.soft_ttl()).await
    }

    async fn full_snapshot(
        &mut self,
        vote: Vote,
        snapshot: SnapshotOf<TypeConfig, SnapshotData>,
        cancel: impl Future<Output = ReplicationClosed> + openraft::OptionalSend + 'static,
        _: RPCOption,
    ) -> Result<SnapshotResponse<TypeConfig>, StreamingError<TypeConfig>> {
        self.send_snapshot(vote, snapshot, cancel).await
    }
}

/// How long a peer has for so many bytes of entries or proposals, and for its answer.
pub(super) fn time_for(bytes: usize) -> Duration {
    TIME_MIN + Duration::from_millis((bytes * 1000 / BYTES_PER_SECOND_MIN) as u64)
}

/// What `exchange` gives, unless that takes longer than `within`.
pub(super) async fn in_time<T>(
    within: Duration,
    exchange: impl Future<Output = Result<T, NetError>>,
) -> Result<T, NetError> {
    let silent = NetError::Silent { doing: "waiting for an answer", waited_ms: within.as_millis() as u64 };
    tokio::time::timeout(within, exchange).await.unwrap_or(Err(silent))
}

pub(super) fn unreachable(error: &(impl std::error::Error + 'static)) -> RPCError<TypeConfig> {
    RPCError::Unreachable(Unreachable::new(error))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::replica::wire::FRAME_BYTES_MAX;

    #[test]
    fn even_the_largest_frame_crosses_the_slowest_link_in_its_time() {
        for bytes in [0, 1, 256 << 10, 2 << 20, FRAME_BYTES_MAX] {
            let transfer = Duration::from_secs_f64(bytes as f64 / BYTES_PER_SECOND_MIN as f64);
            assert!(time_for(bytes) >= transfer + Duration::from_millis(999), "{bytes} bytes");
        }
    }
}
