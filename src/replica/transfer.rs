//! A snapshot on its way to a member: begin, pieces, end, each answered before the next is sent, on a stream that comes after
//! all others of the connection.
//!
//! ```text
//!  u8 tag (Snapshot)   u8 part
//!    part 1, begin     JSON: the leader's vote, the header, the format version that is needed
//!    part 2, piece     the next bytes of the content
//!    part 3, end       nothing
//! ```

use std::future::Future;
use std::time::Duration;

use bytes::Bytes;
use openraft::async_runtime::watch::WatchReceiver;
use openraft::errors::{ReplicationClosed, StreamingError, Unreachable};
use openraft::raft::SnapshotResponse;
use openraft::type_config::alias::SnapshotOf;
use serde::{Deserialize, Serialize};

use super::client::Client;
use super::error::ReplicaError;
use super::replica::Raft;
use super::snapshots::{self, SnapshotData, Snapshots, Source, aside};
use super::types::{TypeConfig, Vote};
use super::wire::{FRAME_BYTES_MAX, Tag, from_json};
use crate::event::NodeId;
use crate::log::{SnapshotFile, SnapshotHeader, SnapshotWriter};

/// Bytes of a piece: what even a slow link takes before a peer counts as silent.
const PIECE_BYTES: usize = 256 << 10;
/// For a piece to arrive and to be synced.
const PIECE_TIME_MAX: Duration = Duration::from_secs(10);
/// For the end: the receiver verifies everything, and puts it in the place of what it had.
const INSTALL_TIME_MAX: Duration = Duration::from_secs(120);

/// A snapshot that was refused is offered again after so long. Raft would do so after 200 ms, over and over, while it takes people to change what
/// most refusals are about: another version, or another history.
const REFUSED_PAUSE: Duration = Duration::from_secs(5);

/// A piece fits into a frame.
const _: () = assert!(PIECE_BYTES + 2 < FRAME_BYTES_MAX);

const BEGIN: u8 = 1;
const PIECE: u8 = 2;
const END: u8 = 3;

#[derive(Debug, Serialize, Deserialize)]
struct Begin {
    vote: Vote,
    /// As it stands in the file.
    header: Vec<u8>,
    format: u32,
}

/// What the receiver says: go on, or (once it is over) its vote.
#[derive(Debug, Serialize, Deserialize)]
struct Progress {
    vote: Option<Vote>,
}

/// A snapshot that is being received on a stream.
pub(super) struct Incoming {
    turn: u64,
    vote: Vote,
    writer: SnapshotWriter,
}

/// For the fuzz suite: reads a part as [`take`] does, and writes it again.
pub(super) fn reread(body: &[u8]) -> Option<Vec<u8>> {
    let (kind, body) = body.split_first()?;
    let body = match *kind {
        BEGIN => {
            let begin: Begin = from_json(body).ok()?;
            SnapshotHeader::decode(&begin.header).ok()?;
            serde_json::to_vec(&begin).ok()?
        }
        PIECE => body.to_vec(),
        END => vec![],
        _ => return None,
    };
    Some([&[*kind], &body[..]].concat())
}

/// For the fuzz suite: the three parts of a snapshot with this header, and what the receiver says.
pub(super) fn samples(header: &[u8]) -> (Vec<Vec<u8>>, Vec<Vec<u8>>) {
    let vote = Vote::new_committed(3, NodeId(1));
    let begin = serde_json::to_vec(&Begin { vote, header: header.to_vec(), format: 2 }).expect("plain data");
    let parts = vec![[&[BEGIN], &begin[..]].concat(), [&[PIECE], &b"rows"[..]].concat(), vec![END]];
    let answers: [Result<Progress, String>; 3] =
        [Ok(Progress { vote: None }), Ok(Progress { vote: Some(vote) }), Err("no".to_owned())];
    (parts, answers.iter().map(|answer| serde_json::to_vec(answer).expect("plain data")).collect())
}

/// For the fuzz suite: reads what the receiver says, and writes it again.
pub(super) fn reread_answer(body: &[u8]) -> Option<Vec<u8>> {
    let answer: Result<Progress, String> = from_json(body).ok()?;
    serde_json::to_vec(&answer).ok()
}

/// Takes a part from `peer`. What was begun stands in `incoming` until the end.
pub(super) async fn take(
    snapshots: &Snapshots,
    raft: &Raft,
    peer: NodeId,
    body: Bytes,
    incoming: &mut Option<Incoming>,
) -> Vec<u8> {
    let taken = part(snapshots, raft, peer, body, incoming).await;
    if let Err(error) = &taken {
        tracing::warn!(%peer, %error, "a snapshot is not taken over");
        *incoming = None;
    }
    let answer: Result<Progress, String> = taken.map(|vote| Progress { vote }).map_err(|error| error.to_string());
    serde_json::to_vec(&answer).expect("answers are plain data")
}

async fn part(
    snapshots: &Snapshots,
    raft: &Raft,
    peer: NodeId,
    body: Bytes,
    incoming: &mut Option<Incoming>,
) -> Result<Option<Vote>, ReplicaError> {
    let (kind, body) = body.split_first().ok_or_else(|| ReplicaError::wire("an empty part of a snapshot"))?;
    if *kind == BEGIN {
        *incoming = None;
        return match begin(snapshots, raft, peer, body)? {
            Ok(begun) => {
                *incoming = Some(begun);
                Ok(None)
            }
            Err(vote) => Ok(Some(vote)),
        };
    }
    let begun = incoming.take().ok_or_else(|| ReplicaError::wire("a part of a snapshot that was not begun"))?;
    if !snapshots.is_receiving(begun.turn) {
        return Err(ReplicaError::wire("another snapshot was begun meanwhile"));
    }
    match *kind {
        PIECE => {
            let piece = Bytes::copy_from_slice(body);
            let written = aside(&snapshots.log, move || {
                let mut begun = begun;
                begun.writer.append(&piece)?;
                Ok(begun)
            });
            *incoming = Some(written.await?);
            Ok(None)
        }
        END => end(snapshots, raft, begun).await.map(Some),
        other => Err(ReplicaError::wire(format!("part {other} of a snapshot"))),
    }
}

/// Begins to receive, or answers a deposed leader with this node's vote.
fn begin(
    snapshots: &Snapshots,
    raft: &Raft,
    peer: NodeId,
    body: &[u8],
) -> Result<Result<Incoming, Vote>, ReplicaError> {
    let Begin { vote, header, format } = from_json(body)?;
    if vote.leader_id.node_id != peer || !vote.committed {
        return Err(ReplicaError::wire(format!("{peer} does not lead by this vote")));
    }
    let own = raft.metrics().borrow_watched().vote;
    if own.leader_id.term > vote.leader_id.term {
        return Ok(Err(own));
    }
    let header = SnapshotHeader::decode(&header).map_err(ReplicaError::wire)?;
    let (position, seq) = (header.position, header.position.seq);
    if let Some(reason) = snapshots.objection(&header, format) {
        return Err(ReplicaError::Snapshot { seq, reason });
    }
    if position.term.0 > vote.leader_id.term {
        return Err(ReplicaError::wire("a snapshot that goes beyond its leader's term"));
    }
    if snapshots.contradicts(&position) {
        let reason = "its hash chain is not the one of this node's log: one of the two was changed".to_owned();
        return Err(ReplicaError::Snapshot { seq, reason });
    }
    let turn = snapshots.begin_receiving();
    tracing::info!(%peer, seq = seq.0, bytes = header.content_bytes(), "receiving a snapshot");
    Ok(Ok(Incoming { turn, vote, writer: snapshots.log.receive_snapshot(header)? }))
}

/// Verifies what was received, and lets Raft put it in the place of what this node had.
async fn end(snapshots: &Snapshots, raft: &Raft, begun: Incoming) -> Result<Vote, ReplicaError> {
    let Incoming { vote, writer, .. } = begun;
    let verified = aside(&snapshots.log, move || {
        let (note, state) = writer.verify()?;
        let (note, state) = snapshots::decode(writer.header(), &note, &state)?;
        Ok((writer, note, state))
    });
    let (writer, note, state) = verified.await?;
    let meta = snapshots::meta_of(&note);
    let source = Source::Received { writer: Box::new(writer), state: Box::new(state), note };
    let snapshot = SnapshotOf::<TypeConfig, SnapshotData> { meta, snapshot: SnapshotData { source } };
    let installed = raft.install_full_snapshot(vote, snapshot).await.map_err(super::replica::stopped)?;
    Ok(installed.vote)
}

impl Client {
    /// Sends a snapshot, and waits until the peer goes on from it. Where it refuses, that is told a while later.
    pub(super) async fn send_snapshot(
        &mut self,
        vote: Vote,
        snapshot: SnapshotOf<TypeConfig, SnapshotData>,
        cancel: impl Future<Output = ReplicationClosed>,
    ) -> Result<SnapshotResponse<TypeConfig>, StreamingError<TypeConfig>> {
        told_later(self.send_parts(vote, snapshot), cancel).await
    }

    async fn send_parts(
        &mut self,
        vote: Vote,
        snapshot: SnapshotOf<TypeConfig, SnapshotData>,
    ) -> Result<Vote, ReplicaError> {
        let Source::File { file, format, whole } = snapshot.snapshot.source else {
            return Err(ReplicaError::wire("a snapshot that is still being received cannot be sent"));
        };
        let begin = Begin { vote, header: file.header().encode().to_vec(), format };
        let begin = serde_json::to_vec(&begin).expect("messages are plain data");
        if let Some(vote) = self.part(BEGIN, &begin, PIECE_TIME_MAX).await? {
            return Ok(vote);
        }
        let sent = self.send_content(&file).await;
        if sent.is_err() {
            // The fault may lie in what is on the disk here.
            whole.doubt();
        }
        sent
    }

    async fn send_content(&mut self, file: &SnapshotFile) -> Result<Vote, ReplicaError> {
        let mut offset = 0;
        while offset < file.header().content_bytes() {
            let piece = file.content(offset, PIECE_BYTES)?;
            if let Some(vote) = self.part(PIECE, &piece, PIECE_TIME_MAX).await? {
                return Ok(vote);
            }
            offset += piece.len() as u64;
        }
        let end = self.part(END, &[], INSTALL_TIME_MAX).await?;
        end.ok_or_else(|| ReplicaError::wire("the end of a snapshot was answered without a vote"))
    }

    async fn part(&mut self, part: u8, body: &[u8], within: Duration) -> Result<Option<Vote>, ReplicaError> {
        let mut frame = Vec::with_capacity(body.len() + 2);
        frame.extend_from_slice(&[Tag::Snapshot as u8, part]);
        frame.extend_from_slice(body);
        let answer = self.call(&frame, within).await?;
        let refused = |reason| ReplicaError::SnapshotRefused { reason };
        let progress: Progress = from_json::<Result<Progress, String>>(&answer)?.map_err(refused)?;
        Ok(progress.vote)
    }
}

/// What became of a snapshot that was sent. That it was refused is told a while later.
async fn told_later(
    sent: impl Future<Output = Result<Vote, ReplicaError>>,
    cancel: impl Future<Output = ReplicationClosed>,
) -> Result<SnapshotResponse<TypeConfig>, StreamingError<TypeConfig>> {
    let told = async {
        let error = match sent.await {
            Ok(vote) => return Ok(SnapshotResponse::new(vote)),
            Err(error) => error,
        };
        tracing::warn!(%error, "a snapshot was not taken over by a member");
        if matches!(error, ReplicaError::SnapshotRefused { .. }) {
            tokio::time::sleep(REFUSED_PAUSE).await;
        }
        Err(StreamingError::Unreachable(Unreachable::new(&error)))
    };
    tokio::select! {
        closed = cancel => Err(StreamingError::Closed(closed)),
        told = told => told,
    }
}

#[cfg(test)]
mod tests {
    use std::future::{pending, ready};

    use tokio::time::Instant;

    use super::*;
    use crate::log::SNAPSHOT_HEADER_BYTES;
    use crate::net::NetError;

    #[test]
    fn a_header_of_zeros_is_none() {
        assert!(SnapshotHeader::decode(&[0; SNAPSHOT_HEADER_BYTES]).is_err());
        assert!(from_json::<Begin>(b"{}").is_err());
    }

    #[tokio::test(start_paused = true)]
    async fn a_refusal_is_told_a_while_later_unless_replication_ends() {
        let refused = || ready(Err(ReplicaError::SnapshotRefused { reason: "upgrade needed".to_owned() }));
        let begun = Instant::now();
        let told = told_later(refused(), pending()).await;
        assert!(matches!(told, Err(StreamingError::Unreachable(_))));
        assert_eq!(begun.elapsed(), REFUSED_PAUSE);

        let (soon, begun) = (Duration::from_secs(1), Instant::now());
        let closed = async {
            tokio::time::sleep(soon).await;
            ReplicationClosed::new("it leads no more")
        };
        assert!(matches!(told_later(refused(), closed).await, Err(StreamingError::Closed(_))));
        assert_eq!(begun.elapsed(), soon);

        let begun = Instant::now();
        let lost = told_later(ready(Err(NetError::Closed.into())), pending()).await;
        assert!(matches!(lost, Err(StreamingError::Unreachable(_))));
        assert_eq!(begun.elapsed(), Duration::ZERO, "it may be there again at once");
    }
}
