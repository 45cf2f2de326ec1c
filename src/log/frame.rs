//! Frames: an entry with its length and checksum, as in `docs/format.md`.

use std::io;
use std::sync::Arc;

use bytes::Bytes;

use super::disk::LogFile;
use super::entry::{Entry, HASHED_BYTES, Payload};
use super::fields::Fields;
use crate::event::{Hash, NodeId, Seq, Term};

/// The largest content of an entry. A leader's batch is far smaller; beyond it a length is taken for garbage.
pub const ENTRY_BYTES_MAX: usize = 16 << 20;
/// Length and checksum.
pub(super) const FRAME_HEADER_BYTES: usize = 8;
/// The entry's header.
pub(super) const ENTRY_HEADER_BYTES: usize = 80;
/// The least that is read from the disk at a time.
const READ_BYTES: usize = 256 << 10;

/// A frame that was read, and where it stands.
#[derive(Debug)]
pub(super) struct Frame {
    pub entry: Entry,
    pub offset: u64,
    pub end: u64,
}

/// What stands at an offset.
#[derive(Debug)]
pub(super) enum Found {
    Frame(Frame),
    /// The length is zero, or the file ends.
    End,
    Bad(&'static str),
}

/// Bytes of the frame of `entry`.
pub(super) fn frame_bytes(entry: &Entry) -> u64 {
    (FRAME_HEADER_BYTES + ENTRY_HEADER_BYTES + entry.payload.content().len()) as u64
}

/// Appends the frame of `entry` to `into`.
pub(super) fn encode(entry: &Entry, synced: u64, into: &mut Vec<u8>) {
    let content = entry.payload.content();
    let start = into.len();
    into.extend_from_slice(&((ENTRY_HEADER_BYTES + content.len()) as u32).to_le_bytes());
    into.extend_from_slice(&[0; 4]);
    into.extend_from_slice(&entry.hashed_header());
    into.extend_from_slice(&synced.to_le_bytes());
    into.extend_from_slice(&entry.chain.0);
    into.extend_from_slice(content);
    let crc = checksum(&into[start..]);
    into[start + 4..start + 8].copy_from_slice(&crc.to_le_bytes());
}

/// The CRC32C of a frame: of its length and its payload.
fn checksum(frame: &[u8]) -> u32 {
    crc32c::crc32c_append(crc32c::crc32c(&frame[..4]), &frame[FRAME_HEADER_BYTES..])
}

/// The length of the whole frame that `head` (at least four bytes) begins.
fn frame_length(head: &[u8]) -> Result<Option<usize>, &'static str> {
    let Some(length) = Fields(head).u32() else { return Ok(None) };
    match length as usize {
        0 => Ok(None),
        ENTRY_HEADER_BYTES.. if length as usize <= ENTRY_HEADER_BYTES + ENTRY_BYTES_MAX => {
            Ok(Some(FRAME_HEADER_BYTES + length as usize))
        }
        _ => Err("absurd length"),
    }
}

/// Reads the frame at the start of `bytes`, if a good one stands there completely: its entry, and the index below which
/// all entries were durable when it was written. The entry's content is a part of `bytes`, not a copy.
pub(super) fn decode(bytes: &Bytes) -> Result<(Entry, u64), &'static str> {
    let length = frame_length(bytes)?.ok_or("no frame")?;
    let frame = bytes.get(..length).ok_or("cut short")?;
    let stored = Fields(&frame[4..]).u32().ok_or("cut short")?;
    if checksum(frame) != stored {
        return Err("checksum mismatch");
    }
    decode_payload(&bytes.slice(FRAME_HEADER_BYTES..length))
}

/// As [`decode`], but the entry's content is a copy.
pub(super) fn decode_copy(bytes: &[u8]) -> Result<(Entry, u64), &'static str> {
    let length = frame_length(bytes)?.ok_or("no frame")?;
    decode(&Bytes::copy_from_slice(bytes.get(..length).ok_or("cut short")?))
}

fn decode_payload(payload: &Bytes) -> Result<(Entry, u64), &'static str> {
    let mut fields = Fields(payload);
    let (entry, synced) = decode_header(&mut fields).ok_or("cut short")?;
    let content = payload.slice(payload.len() - fields.0.len()..);
    let payload = match (payload[0], entry.payload.count()) {
        (1, 0) if content.is_empty() => Payload::Blank,
        (2, 0) => Payload::Membership(content),
        (3, count) => Payload::Records { count, bytes: content },
        _ => return Err("unknown kind of entry"),
    };
    Ok((Entry { payload, ..entry }, synced))
}

/// The header's fields; the payload is left without its content.
fn decode_header(fields: &mut Fields<'_>) -> Option<(Entry, u64)> {
    const { assert!(HASHED_BYTES + 8 + 32 == ENTRY_HEADER_BYTES) };
    fields.take::<4>()?;
    let count = fields.u32()?;
    let index = fields.u64()?;
    let term = Term(fields.u64()?);
    let leader = NodeId(fields.u64()?);
    let first_seq = Seq(fields.u64()?);
    let synced = fields.u64()?;
    let chain = Hash(fields.take()?);
    let payload = Payload::Records { count, bytes: Bytes::new() };
    Some((Entry { index, term, leader, first_seq, chain, payload }, synced))
}

/// Could a frame of an entry after `index` begin here? Cheap, and right for every real one.
pub(super) fn plausible(bytes: &[u8], index: u64) -> bool {
    let Some(head) = bytes.get(..FRAME_HEADER_BYTES + 16) else { return false };
    matches!(frame_length(head), Ok(Some(length)) if length <= bytes.len())
        && matches!(head[8], 1..=3)
        && head[9..12] == [0; 3]
        && Fields(&head[16..]).u64().is_some_and(|found| found > index)
}

/// Reads frames one after another. What they hold are parts of the buffer, which lives as long as any of them.
pub(super) struct FrameReader {
    file: Arc<dyn LogFile>,
    buffer: Bytes,
    /// Where in the file the buffer begins.
    start: u64,
    offset: u64,
}

impl FrameReader {
    /// Begins at `offset`, where a frame begins.
    pub(super) fn new(file: Arc<dyn LogFile>, offset: u64) -> FrameReader {
        FrameReader { file, buffer: Bytes::new(), start: offset, offset }
    }

    /// Reads from memory that the file is mapped to, if the disk can do that. For files that change no more.
    pub(super) fn map(&mut self) -> io::Result<()> {
        if let Some(mapped) = self.file.map()? {
            (self.buffer, self.start) = (mapped, 0);
        }
        Ok(())
    }

    /// Where the next frame begins.
    pub(super) fn offset(&self) -> u64 {
        self.offset
    }

    /// The file that is read.
    pub(super) fn file(&self) -> &Arc<dyn LogFile> {
        &self.file
    }

    /// Reads the next frame. After [`Found::End`] and [`Found::Bad`] the same place is read again from the disk.
    pub(super) fn next(&mut self) -> io::Result<Found> {
        let found = self.read()?;
        match &found {
            Found::Frame(frame) => self.offset = frame.end,
            Found::End | Found::Bad(_) => self.buffer.clear(),
        }
        Ok(found)
    }

    fn read(&mut self) -> io::Result<Found> {
        let length = match frame_length(&self.fill(4)?) {
            Ok(Some(length)) => length,
            Ok(None) => return Ok(Found::End),
            Err(reason) => return Ok(Found::Bad(reason)),
        };
        let offset = self.offset;
        let bytes = self.fill(length)?;
        if bytes.len() < length {
            return Ok(Found::Bad("cut short"));
        }
        Ok(match decode(&bytes) {
            Ok((entry, _)) => Found::Frame(Frame { entry, offset, end: offset + length as u64 }),
            Err(reason) => Found::Bad(reason),
        })
    }

    /// The bytes from the current offset: at least `wanted` of them unless the file ends before.
    fn fill(&mut self, wanted: usize) -> io::Result<Bytes> {
        let skip = usize::try_from(self.offset - self.start).unwrap_or(usize::MAX).min(self.buffer.len());
        if self.buffer.len() - skip < wanted {
            let mut fresh = Vec::with_capacity(self.buffer.len() - skip + wanted.max(READ_BYTES));
            fresh.extend_from_slice(&self.buffer[skip..]);
            let had = fresh.len();
            fresh.resize(had + wanted.max(READ_BYTES), 0);
            let read = self.file.read_at(&mut fresh[had..], self.offset + had as u64)?;
            fresh.truncate(had + read);
            (self.buffer, self.start) = (Bytes::from(fresh), self.offset);
            return Ok(self.buffer.clone());
        }
        Ok(self.buffer.slice(skip..))
    }
}
