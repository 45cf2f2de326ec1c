//! The record: an event with its place in history. Drawn byte by byte in `docs/format.md`.
//!
//! ```text
//!  0  u32  length of the whole record        16  u64  recorded_at   (ms since the epoch, leader's clock)
//!  4  u32  CRC32C of bytes 8..length         24  u64  observed_at   (ms since the epoch, origin's clock)
//!  8  u16  kind                              32  u64  origin        (node id)
//! 10  u16  version                           40  u64  origin_seq    (0: not numbered)
//! 12  u16  number of causes                  48  u64  causes…       then the body's rkyv bytes
//! 14  u16  reserved, 0
//! ```
//! All integers are little endian. `seq` and `term` are not in the record: they follow from its place in the log.

use serde::Serialize;
use serde_json::Value;

use super::error::EventError;
use super::id::NodeId;
use super::registry::{Event, Kind};
use super::unit::{Millis, Seq, Term};

/// Bytes before the causes.
const HEADER_BYTES: usize = 48;
/// The longest record that is written or read. Larger content belongs into blobs.
pub const RECORD_BYTES_MAX: usize = 1 << 20;
/// The most causes that a record names; the rest is dropped (the first ones are the closest).
pub const CAUSES_MAX: usize = 64;

/// A record before it has a place: all but `seq` and `term`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Draft {
    /// The leader's clock, never earlier than the record before.
    pub recorded_at: Millis,
    /// The origin's clock.
    pub observed_at: Millis,
    /// The node that proposed it.
    pub origin: NodeId,
    /// The number of the proposal at its origin; 0 when it has none.
    pub origin_seq: u64,
    /// The records that led to this one.
    pub caused_by: Vec<Seq>,
    /// The fact.
    pub event: Event,
}

/// A fact with its place in history.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// The position in the log, without gaps.
    pub seq: Seq,
    /// The term of the leader that admitted it.
    pub term: Term,
    /// All the rest.
    pub draft: Draft,
}

/// A record whose checksum holds, with its body not decoded yet.
#[derive(Clone, Copy, Debug)]
pub struct RawRecord<'a> {
    bytes: &'a [u8],
}

impl Draft {
    /// Appends the record's bytes to `into`, in the newest version that this build knows.
    pub fn encode_into(&self, into: &mut Vec<u8>) {
        self.encode(self.event.kind().version(), self.event.encode(), into);
    }

    /// Appends the record's bytes to `into`, in the newest version that all members of a cluster of this format version read. What none of
    /// them could read is held back before it comes here; it is written in the newest version.
    pub fn encode_for(&self, format: u32, into: &mut Vec<u8>) {
        let version = self.event.version_for(format);
        debug_assert!(version.is_some(), "{} is written before everybody can read it", self.event.kind());
        match version.and_then(|version| Some((version, self.event.encode_as(version)?))) {
            Some((version, body)) => self.encode(version, body, into),
            None => self.encode_into(into),
        }
    }

    fn encode(&self, version: u16, body: Vec<u8>, into: &mut Vec<u8>) {
        let start = into.len();
        let causes = &self.caused_by[..self.caused_by.len().min(CAUSES_MAX)];
        let length = HEADER_BYTES + 8 * causes.len() + body.len();
        let kind = self.event.kind();
        into.reserve(length);
        into.extend_from_slice(&(length as u32).to_le_bytes());
        into.extend_from_slice(&[0; 4]);
        into.extend_from_slice(&kind.number().to_le_bytes());
        into.extend_from_slice(&version.to_le_bytes());
        into.extend_from_slice(&(causes.len() as u16).to_le_bytes());
        into.extend_from_slice(&[0; 2]);
        for value in [self.recorded_at.0, self.observed_at.0, self.origin.0, self.origin_seq] {
            into.extend_from_slice(&value.to_le_bytes());
        }
        for cause in causes {
            into.extend_from_slice(&cause.0.to_le_bytes());
        }
        into.extend_from_slice(&body);
        let crc = crc32c::crc32c(&into[start + 8..]);
        into[start + 4..start + 8].copy_from_slice(&crc.to_le_bytes());
    }
}

impl<'a> RawRecord<'a> {
    /// Reads the record at `offset` of `bytes` and checks its checksum. Returns the offset after it too.
    ///
    /// # Errors
    /// [`EventError::Record`] when the bytes are cut short, the length is absurd, or the checksum is wrong.
    pub fn read(bytes: &'a [u8], offset: usize) -> Result<(RawRecord<'a>, usize), EventError> {
        let fail = |reason| EventError::Record { offset, reason };
        let rest = bytes.get(offset..).ok_or_else(|| fail("offset beyond the end"))?;
        let length = rest.first_chunk::<4>().ok_or_else(|| fail("cut short in the length"))?;
        let length = u32::from_le_bytes(*length) as usize;
        if !(HEADER_BYTES..=RECORD_BYTES_MAX).contains(&length) {
            return Err(fail("absurd length"));
        }
        let record = RawRecord { bytes: rest.get(..length).ok_or_else(|| fail("cut short"))? };
        if crc32c::crc32c(&record.bytes[8..]) != record.u32_at(4) {
            return Err(fail("checksum mismatch"));
        }
        if record.body_start() > length {
            return Err(fail("causes beyond the end"));
        }
        Ok((record, offset + length))
    }

    /// The record whose bytes [`RawRecord::read`] has accepted before: not checked again.
    pub(crate) fn accepted(bytes: &'a [u8]) -> RawRecord<'a> {
        debug_assert!(RawRecord::read(bytes, 0).is_ok_and(|(_, end)| end == bytes.len()), "these bytes are no record");
        RawRecord { bytes }
    }

    /// The record's bytes.
    pub fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// The kind's number.
    pub fn kind_number(&self) -> u16 {
        self.u16_at(8)
    }

    /// The kind, when this build knows it.
    pub fn kind(&self) -> Option<Kind> {
        Kind::from_number(self.kind_number())
    }

    /// The version of the body.
    pub fn version(&self) -> u16 {
        self.u16_at(10)
    }

    /// The leader's clock.
    pub fn recorded_at(&self) -> Millis {
        Millis(self.u64_at(16))
    }

    /// The node that proposed it.
    pub fn origin(&self) -> NodeId {
        NodeId(self.u64_at(32))
    }

    /// Decodes the body and gives the record its place.
    ///
    /// # Errors
    /// As [`Event::decode`].
    pub fn decode(&self, seq: Seq, term: Term) -> Result<Record, EventError> {
        let body = &self.bytes[self.body_start()..];
        let causes = usize::from(self.u16_at(12));
        Ok(Record {
            seq,
            term,
            draft: Draft {
                recorded_at: self.recorded_at(),
                observed_at: Millis(self.u64_at(24)),
                origin: self.origin(),
                origin_seq: self.u64_at(40),
                caused_by: (0..causes).map(|index| Seq(self.u64_at(HEADER_BYTES + 8 * index))).collect(),
                event: Event::decode(self.kind_number(), self.version(), body)?,
            },
        })
    }

    fn body_start(&self) -> usize {
        HEADER_BYTES + 8 * usize::from(self.u16_at(12))
    }

    fn u16_at(&self, at: usize) -> u16 {
        u16::from_le_bytes([self.bytes[at], self.bytes[at + 1]])
    }

    fn u32_at(&self, at: usize) -> u32 {
        let mut four = [0; 4];
        four.copy_from_slice(&self.bytes[at..at + 4]);
        u32::from_le_bytes(four)
    }

    fn u64_at(&self, at: usize) -> u64 {
        let mut eight = [0; 8];
        eight.copy_from_slice(&self.bytes[at..at + 8]);
        u64::from_le_bytes(eight)
    }
}

/// Walks the records of a batch. Stops after the first error.
pub fn records(bytes: &[u8]) -> impl Iterator<Item = Result<RawRecord<'_>, EventError>> {
    let mut next = Some(0);
    std::iter::from_fn(move || {
        let offset = next.filter(|&offset| offset < bytes.len())?;
        let read = RawRecord::read(bytes, offset);
        next = read.as_ref().ok().map(|(_, end)| *end);
        Some(read.map(|(record, _)| record))
    })
}

/// A record as every surface shows it.
#[derive(Clone, Debug, PartialEq, Serialize, serde::Deserialize)]
pub struct RecordJson {
    /// The position in the log.
    pub seq: Seq,
    /// The leader's term.
    pub term: Term,
    /// The leader's clock.
    pub recorded_at: Millis,
    /// The origin's clock.
    pub observed_at: Millis,
    /// The node that proposed it.
    pub origin: NodeId,
    /// The proposal's number at its origin.
    pub origin_seq: u64,
    /// The records that led to it.
    pub caused_by: Vec<Seq>,
    /// The kind's name.
    pub kind: String,
    /// The version of the body as shown, the newest; an older one in the log is lifted to it.
    pub version: u16,
    /// The body.
    pub body: Value,
}

impl From<&Record> for RecordJson {
    fn from(record: &Record) -> Self {
        let Record { seq, term, draft } = record;
        let kind = draft.event.kind();
        RecordJson {
            seq: *seq,
            term: *term,
            recorded_at: draft.recorded_at,
            observed_at: draft.observed_at,
            origin: draft.origin,
            origin_seq: draft.origin_seq,
            caused_by: draft.caused_by.clone(),
            kind: kind.name().to_owned(),
            version: kind.version(),
            body: draft.event.body_json(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::cluster::LeaderElected;

    fn draft() -> Draft {
        Draft {
            recorded_at: Millis(2_000),
            observed_at: Millis(1_000),
            origin: NodeId(7),
            origin_seq: 3,
            caused_by: vec![Seq(4), Seq(5)],
            event: LeaderElected { leader: NodeId(7), term: Term(2), previous: None }.into(),
        }
    }

    #[test]
    fn a_record_reads_back_as_it_was_written() {
        let mut bytes = vec![];
        draft().encode_into(&mut bytes);
        draft().encode_into(&mut bytes);
        let read: Vec<_> = records(&bytes).map(|raw| raw.expect("a record")).collect();
        assert_eq!(read.len(), 2);
        let record = read[1].decode(Seq(9), Term(2)).expect("a known kind");
        assert_eq!(record, Record { seq: Seq(9), term: Term(2), draft: draft() });
    }

    #[test]
    fn no_flipped_bit_and_no_cut_goes_unnoticed() {
        let mut bytes = vec![];
        draft().encode_into(&mut bytes);
        for bit in 0..bytes.len() * 8 {
            let mut flipped = bytes.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert!(RawRecord::read(&flipped, 0).is_err(), "bit {bit}");
        }
        for length in 0..bytes.len() {
            assert!(RawRecord::read(&bytes[..length], 0).is_err(), "cut at {length}");
        }
    }

    #[test]
    fn an_unknown_kind_asks_for_an_upgrade() {
        assert_eq!(Event::decode(0xffff, 1, &[]), Err(EventError::Unknown { kind: 0xffff, version: 1 }));
    }
}
