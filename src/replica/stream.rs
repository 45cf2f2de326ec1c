//! One long-lived stream to a peer, or from one.

use std::time::Duration;

use bytes::Bytes;

use super::wire::FRAME_BYTES_MAX;
use crate::net::{Connection, FrameLimits, NetError, RecvStream, SendStream, read_frame, write_frame, write_parts};

/// Which frames of a connection are sent first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rank {
    /// Before all others.
    Heartbeats = 1,
    /// As usual.
    Log = 0,
    /// When nothing else waits.
    Bulk = -1,
}

/// A stream in both directions. It keeps its connection open.
pub struct Stream {
    _connection: Connection,
    send: Sending,
    receive: Receiving,
}

/// The direction to the peer.
pub struct Sending(SendStream);

/// The direction from the peer.
pub struct Receiving(RecvStream);

impl Sending {
    /// Sends a frame.
    ///
    /// # Errors
    /// When the peer does not take it.
    pub async fn write(&mut self, frame: &[u8]) -> Result<(), NetError> {
        write_frame(&mut self.0, frame, &FrameLimits::up_to(FRAME_BYTES_MAX)).await
    }

    /// Sends a frame that lies in several parts.
    ///
    /// # Errors
    /// When the peer does not take it.
    pub async fn write_parts(&mut self, parts: Vec<Bytes>) -> Result<(), NetError> {
        write_parts(&mut self.0, parts, &FrameLimits::up_to(FRAME_BYTES_MAX)).await
    }
}

impl Receiving {
    /// The next frame; `None` when the peer has finished the stream. `idle` bounds the wait for its beginning.
    ///
    /// # Errors
    /// When the peer is silent, sends too much, or is lost.
    pub async fn read(&mut self, idle: Option<Duration>) -> Result<Option<Bytes>, NetError> {
        let limits = FrameLimits { idle, ..FrameLimits::up_to(FRAME_BYTES_MAX) };
        read_frame(&mut self.0, &limits).await
    }
}

impl Stream {
    /// Opens a stream to the peer.
    ///
    /// # Errors
    /// When the connection is lost.
    pub async fn open(connection: Connection) -> Result<Stream, NetError> {
        let (send, receive) = connection.open().await?;
        Ok(Stream { _connection: connection, send: Sending(send), receive: Receiving(receive) })
    }

    /// The same, in its place among the streams of the connection.
    pub fn ranked(self, rank: Rank) -> Stream {
        // Fails only for a stream that has ended, and then so does the next write.
        self.send.0.set_priority(rank as i32).ok();
        self
    }

    /// The next stream that the peer opens; `None` when the connection has closed.
    ///
    /// # Errors
    /// When the connection is lost.
    pub async fn accept(connection: &Connection) -> Result<Option<Stream>, NetError> {
        let Some((send, receive)) = connection.accept().await? else { return Ok(None) };
        Ok(Some(Stream { _connection: connection.clone(), send: Sending(send), receive: Receiving(receive) }))
    }

    /// Sends a frame.
    ///
    /// # Errors
    /// When the peer does not take it.
    pub async fn write(&mut self, frame: &[u8]) -> Result<(), NetError> {
        self.send.write(frame).await
    }

    /// See [`Sending::write_parts`].
    ///
    /// # Errors
    /// When the peer does not take it.
    pub async fn write_parts(&mut self, parts: Vec<Bytes>) -> Result<(), NetError> {
        self.send.write_parts(parts).await
    }

    /// The next answer. `idle` bounds the wait for its beginning.
    ///
    /// # Errors
    /// When the connection is lost, or the peer finishes the stream instead.
    pub async fn answer(&mut self, idle: Option<Duration>) -> Result<Bytes, NetError> {
        let ended = NetError::Stream { doing: "waiting for an answer", reason: "the peer finished it".into() };
        self.read(idle).await?.ok_or(ended)
    }

    /// The next frame; `None` when the peer has finished the stream. `idle` bounds the wait for its beginning.
    ///
    /// # Errors
    /// When the peer is silent, sends too much, or is lost.
    pub async fn read(&mut self, idle: Option<Duration>) -> Result<Option<Bytes>, NetError> {
        self.receive.read(idle).await
    }

    /// Both directions, each for itself.
    pub fn split(&mut self) -> (&mut Sending, &mut Receiving) {
        (&mut self.send, &mut self.receive)
    }
}
