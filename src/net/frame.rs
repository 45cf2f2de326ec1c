//! Messages on a stream: `u32 length (little endian) | bytes`.

use std::future::Future;
use std::time::Duration;

use bytes::{BufMut, Bytes, BytesMut};
use quinn::SendStream;
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::time::timeout;

use super::error::NetError;

/// Bytes of the length in front of each message.
const PREFIX_BYTES: usize = 4;
/// Memory for a message grows by this much at most ahead of its bytes, and so much has to arrive, or be taken by the peer,
/// within [`FrameLimits::stall`].
pub const CHUNK_BYTES: usize = 64 * 1024;
/// Default of [`FrameLimits::stall`].
pub const STALL_TIMEOUT: Duration = Duration::from_secs(10);

/// What one side grants the other on a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FrameLimits {
    /// The largest message. A longer one is refused as soon as its length is known, and the stream is of no more use.
    pub bytes_max: usize,
    /// How long the peer may be silent between two messages; `None` for as long as the connection lives.
    pub idle: Option<Duration>,
    /// How long each [`CHUNK_BYTES`] of a message that has begun may take, in either direction.
    pub stall: Duration,
}

impl FrameLimits {
    /// Messages of at most `bytes_max`, any silence between them, [`STALL_TIMEOUT`] within them.
    pub fn up_to(bytes_max: usize) -> Self {
        Self { bytes_max, idle: None, stall: STALL_TIMEOUT }
    }
}

/// Writes one message. Returns when the stream has taken it, which is before the peer has it.
pub async fn write_frame(stream: &mut SendStream, message: &[u8], limits: &FrameLimits) -> Result<(), NetError> {
    let prefix = prefix(message.len(), limits)?;
    // The prefix travels with the first bytes, so that a small message is one packet.
    let (first, rest) = message.split_at(message.len().min(CHUNK_BYTES));
    write_chunk(stream, [&prefix, first].concat().into(), limits.stall).await?;
    for chunk in rest.chunks(CHUNK_BYTES) {
        write_chunk(stream, Bytes::copy_from_slice(chunk), limits.stall).await?;
    }
    Ok(())
}

/// Writes one message that lies in several places, and copies nothing but the beginning. Keep the first part small.
pub async fn write_parts(stream: &mut SendStream, parts: Vec<Bytes>, limits: &FrameLimits) -> Result<(), NetError> {
    let prefix = prefix(parts.iter().map(Bytes::len).sum(), limits)?;
    let mut parts = parts.into_iter();
    let first = parts.next().unwrap_or_default();
    for mut part in std::iter::once([&prefix, &first[..]].concat().into()).chain(parts) {
        while !part.is_empty() {
            write_chunk(stream, part.split_to(part.len().min(CHUNK_BYTES)), limits.stall).await?;
        }
    }
    Ok(())
}

fn prefix(bytes: usize, limits: &FrameLimits) -> Result<[u8; PREFIX_BYTES], NetError> {
    let length = u32::try_from(bytes).ok().filter(|_| bytes <= limits.bytes_max);
    let length = length.ok_or(NetError::TooLarge { bytes: bytes as u64, bytes_max: limits.bytes_max as u64 })?;
    Ok(length.to_le_bytes())
}

async fn write_chunk(stream: &mut SendStream, chunk: Bytes, stall: Duration) -> Result<(), NetError> {
    within(stall, "sending a message", stream.write_chunk(chunk)).await
}

/// Reads one message; `None` when the peer has finished the stream after a whole one.
pub async fn read_frame(
    stream: &mut (impl AsyncRead + Unpin),
    limits: &FrameLimits,
) -> Result<Option<Bytes>, NetError> {
    let Some(length) = read_prefix(stream, limits).await? else { return Ok(None) };
    if length > limits.bytes_max {
        return Err(NetError::TooLarge { bytes: length as u64, bytes_max: limits.bytes_max as u64 });
    }
    let mut message = BytesMut::new();
    while message.len() < length {
        let missing = CHUNK_BYTES.min(length - message.len());
        message.reserve(missing);
        within(limits.stall, "receiving a message", read_whole(stream, (&mut message).limit(missing))).await?;
    }
    Ok(Some(message.freeze()))
}

/// Fills a buffer, without writing zeros into it first.
async fn read_whole(stream: &mut (impl AsyncRead + Unpin), mut into: impl BufMut) -> std::io::Result<()> {
    while into.has_remaining_mut() {
        if stream.read_buf(&mut into).await? == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
    }
    Ok(())
}

async fn read_prefix(stream: &mut (impl AsyncRead + Unpin), limits: &FrameLimits) -> Result<Option<usize>, NetError> {
    let mut prefix = [0; PREFIX_BYTES];
    let got = match limits.idle {
        Some(idle) => within(idle, "waiting for a message", stream.read(&mut prefix)).await?,
        None => stream.read(&mut prefix).await.map_err(broken("waiting for a message"))?,
    };
    if got == 0 {
        return Ok(None);
    }
    within(limits.stall, "receiving a message", stream.read_exact(&mut prefix[got..])).await?;
    Ok(Some(u32::from_le_bytes(prefix) as usize))
}

async fn within<T, E: std::fmt::Display>(
    limit: Duration,
    doing: &'static str,
    work: impl Future<Output = Result<T, E>>,
) -> Result<T, NetError> {
    match timeout(limit, work).await {
        Ok(outcome) => outcome.map_err(broken(doing)),
        Err(_) => Err(NetError::Silent { doing, waited_ms: u64::try_from(limit.as_millis()).unwrap_or(u64::MAX) }),
    }
}

fn broken<E: std::fmt::Display>(doing: &'static str) -> impl FnOnce(E) -> NetError {
    move |error| NetError::Stream { doing, reason: error.to_string() }
}
