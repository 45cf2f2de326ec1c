//! One long-lived stream to a peer, or from one.

use std::time::Duration;

use bytes::Bytes;

use super::wire::FRAME_BYTES_MAX;
use crate::net::{Connection, FrameLimits, NetError, RecvStream, SendStream, read_frame, write_frame};

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
    send: SendStream,
    receive: RecvStream,
}

impl Stream {
    /// Opens a stream to the peer.
    ///
    /// # Errors
    /// When the connection is lost.
    pub async fn open(connection: Connection) -> Result<Stream, NetError> {
        let (send, receive) = connection.open().await?;
        Ok(Stream { _connection: connection, send, receive })
    }

    /// The same, in its place among the streams of the connection.
    pub fn ranked(self, rank: Rank) -> Stream {
        // Fails only for a stream that has ended, and then so does the next write.
        self.send.set_priority(rank as i32).ok();
        self
    }

    /// The next stream that the peer opens; `None` when the connection has closed.
    ///
    /// # Errors
    /// When the connection is lost.
    pub async fn accept(connection: &Connection) -> Result<Option<Stream>, NetError> {
        let stream = connection.accept().await?;
        Ok(stream.map(|(send, receive)| Stream { _connection: connection.clone(), send, receive }))
    }

    /// Sends a frame.
    ///
    /// # Errors
    /// When the peer does not take it.
    pub async fn write(&mut self, frame: &[u8]) -> Result<(), NetError> {
        write_frame(&mut self.send, frame, &FrameLimits::up_to(FRAME_BYTES_MAX)).await
    }

    /// The next frame; `None` when the peer has finished the stream. `idle` bounds the wait for its beginning.
    ///
    /// # Errors
    /// When the peer is silent, sends too much, or is lost.
    pub async fn read(&mut self, idle: Option<Duration>) -> Result<Option<Bytes>, NetError> {
        let limits = FrameLimits { idle, ..FrameLimits::up_to(FRAME_BYTES_MAX) };
        read_frame(&mut self.receive, &limits).await
    }
}
