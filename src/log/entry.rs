//! Entries of the Raft log, and how each follows from the one before it.

use bytes::Bytes;

use crate::event::record::{self, RawRecord};
use crate::event::{EventError, Hash, NodeId, Seq, Term};

/// Bytes of an entry's header before the chain and `synced`: the part that is hashed.
pub(super) const HASHED_BYTES: usize = 40;

/// What an entry carries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Payload {
    /// Nothing: a new leader's first entry.
    Blank,
    /// A Raft membership, in the bytes of the Raft room.
    Membership(Bytes),
    /// Records, one after another, as [`crate::event::Draft::encode_into`] writes them.
    Records {
        /// How many.
        count: u32,
        /// Their bytes.
        bytes: Bytes,
    },
}

/// An entry that is to be appended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewEntry {
    /// Its place in the Raft log, from 0, without gaps.
    pub index: u64,
    /// The term of the leader that made it.
    pub term: Term,
    /// That leader.
    pub leader: NodeId,
    /// What it carries.
    pub payload: Payload,
}

/// An entry with its place in the history.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its place in the Raft log, from 0, without gaps.
    pub index: u64,
    /// The term of the leader that made it.
    pub term: Term,
    /// That leader.
    pub leader: NodeId,
    /// The seq of its first record, or the one that the next record would have.
    pub first_seq: Seq,
    /// Hash of the entry and of the chain before it.
    pub chain: Hash,
    /// What it carries.
    pub payload: Payload,
}

/// The position of an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LogPosition {
    /// The entry's index.
    pub index: u64,
    /// Its term.
    pub term: Term,
    /// The leader of that term.
    pub leader: NodeId,
    /// The last record up to and including the entry; 0 when there is none.
    pub seq: Seq,
    /// The chain up to and including the entry.
    pub chain: Hash,
}

/// The end of a log: what the next entry follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Tip {
    pub next_index: u64,
    pub next_seq: Seq,
    pub term: Term,
    pub leader: NodeId,
    pub chain: Hash,
}

/// Why an entry does not follow a tip.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Mismatch {
    /// A field is not what it must be.
    Field(String),
    /// All fields fit but the chain does not.
    Chain,
}

impl Payload {
    /// The number in the entry's header.
    pub(super) fn kind(&self) -> u8 {
        match self {
            Payload::Blank => 1,
            Payload::Membership(_) => 2,
            Payload::Records { .. } => 3,
        }
    }

    /// How many records it carries.
    pub fn count(&self) -> u32 {
        match self {
            Payload::Records { count, .. } => *count,
            Payload::Blank | Payload::Membership(_) => 0,
        }
    }

    /// The bytes after the entry's header.
    pub fn content(&self) -> &[u8] {
        match self {
            Payload::Blank => &[],
            Payload::Membership(bytes) | Payload::Records { bytes, .. } => bytes,
        }
    }

    /// Checks that the records are as many as said and that each checksum holds.
    pub(super) fn check(&self) -> Result<(), EventError> {
        let Payload::Records { count, bytes } = self else { return Ok(()) };
        let mut found = 0u32;
        for raw in record::records(bytes) {
            raw?;
            found += 1;
        }
        if found == *count {
            return Ok(());
        }
        Err(EventError::Record { offset: bytes.len(), reason: "not as many records as the entry says" })
    }
}

impl Entry {
    /// The position of this entry.
    pub fn position(&self) -> LogPosition {
        let Entry { index, term, leader, chain, .. } = *self;
        LogPosition { index, term, leader, seq: Seq(self.next_seq().0 - 1), chain }
    }

    /// The seq of the first record after this entry.
    pub fn next_seq(&self) -> Seq {
        Seq(self.first_seq.0 + u64::from(self.payload.count()))
    }

    /// Walks the records with their seqs. Stops after the first error.
    pub fn records(&self) -> impl Iterator<Item = Result<(Seq, RawRecord<'_>), EventError>> {
        let bytes = match &self.payload {
            Payload::Records { bytes, .. } => bytes.as_ref(),
            Payload::Blank | Payload::Membership(_) => &[],
        };
        record::records(bytes).zip(self.first_seq.0..).map(|(raw, seq)| raw.map(|raw| (Seq(seq), raw)))
    }

    /// Bytes that the entry takes in memory, roughly.
    pub(super) fn weight(&self) -> usize {
        std::mem::size_of::<Entry>() + self.payload.content().len()
    }

    /// The part of the header that is hashed.
    pub(super) fn hashed_header(&self) -> [u8; HASHED_BYTES] {
        let mut bytes = [0; HASHED_BYTES];
        bytes[0] = self.payload.kind();
        bytes[4..8].copy_from_slice(&self.payload.count().to_le_bytes());
        bytes[8..16].copy_from_slice(&self.index.to_le_bytes());
        bytes[16..24].copy_from_slice(&self.term.0.to_le_bytes());
        bytes[24..32].copy_from_slice(&self.leader.0.to_le_bytes());
        bytes[32..40].copy_from_slice(&self.first_seq.0.to_le_bytes());
        bytes
    }

    fn chain_after(&self, before: &Hash) -> Hash {
        let mut hasher = blake3::Hasher::new();
        hasher.update(&before.0);
        hasher.update(&self.hashed_header());
        hasher.update(self.payload.content());
        Hash(*hasher.finalize().as_bytes())
    }
}

impl Tip {
    /// The tip of a log without entries.
    pub(super) fn genesis(cluster: Hash) -> Tip {
        Tip { next_index: 0, next_seq: Seq(1), term: Term(0), leader: NodeId(0), chain: cluster }
    }

    /// The tip after `entry`.
    pub(super) fn after(entry: &Entry) -> Tip {
        Tip {
            next_index: entry.index + 1,
            next_seq: entry.next_seq(),
            term: entry.term,
            leader: entry.leader,
            chain: entry.chain,
        }
    }

    /// The tip of a log that ends at `position`.
    pub(super) fn at(position: &LogPosition) -> Tip {
        let LogPosition { index, term, leader, seq, chain } = *position;
        Tip { next_index: index + 1, next_seq: seq.next(), term, leader, chain }
    }

    /// The last entry's position, if there is one.
    pub(super) fn position(&self) -> Option<LogPosition> {
        Some(LogPosition {
            index: self.next_index.checked_sub(1)?,
            term: self.term,
            leader: self.leader,
            seq: Seq(self.next_seq.0 - 1),
            chain: self.chain,
        })
    }

    /// Gives the next entry its place and moves on.
    pub(super) fn stamp(&mut self, new: NewEntry) -> Entry {
        let NewEntry { index, term, leader, payload } = new;
        let mut entry = Entry { index, term, leader, first_seq: self.next_seq, chain: self.chain, payload };
        entry.chain = entry.chain_after(&self.chain);
        *self = Tip::after(&entry);
        entry
    }

    /// Moves on to an entry that was read, if it is the one that follows.
    pub(super) fn accept(&mut self, entry: &Entry) -> Result<(), Mismatch> {
        let differs = |what, found: u64, expected: u64| {
            Err(Mismatch::Field(format!("{what} {found} where {expected} was expected")))
        };
        if entry.index != self.next_index {
            return differs("index", entry.index, self.next_index);
        }
        if entry.first_seq != self.next_seq {
            return differs("seq", entry.first_seq.0, self.next_seq.0);
        }
        if entry.term < self.term {
            return differs("term", entry.term.0, self.term.0);
        }
        if entry.chain != entry.chain_after(&self.chain) {
            return Err(Mismatch::Chain);
        }
        *self = Tip::after(entry);
        Ok(())
    }
}
