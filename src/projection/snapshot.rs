//! A state as bytes, and back.
//!
//! ```text
//!  magic "KIFUROWS"   u32 version   u64 seq   u64 term   u64 recorded_at   u32 tables
//!  for each table:    u16 length of name, name, 32 bytes digest, u64 rows
//!      for each row:  u32 length of key, key, u32 length of value, value
//!  32 bytes           BLAKE3 of all before
//! ```
//! All integers are little endian. Reading allocates no more than the bytes that are there, whatever they claim.

use super::error::ProjectionError;
use super::state::State;
use super::table::load_row;
use crate::event::{Hash, Millis, Seq, Term};

const MAGIC: &[u8; 8] = b"KIFUROWS";
/// The version of all row types together. Raised with every change of a row; older rows are folded again from the log.
pub const ROWS_VERSION: u32 = 12;
const HASH_BYTES: usize = 32;

impl State {
    /// The state as bytes. Equal states give equal bytes.
    pub fn snapshot(&self) -> Vec<u8> {
        let mut bytes = MAGIC.to_vec();
        bytes.extend_from_slice(&ROWS_VERSION.to_le_bytes());
        for value in [self.seq.0, self.term.0, self.recorded_at.0] {
            bytes.extend_from_slice(&value.to_le_bytes());
        }
        let tables = self.tables();
        bytes.extend_from_slice(&(tables.len() as u32).to_le_bytes());
        for (name, table) in tables {
            bytes.extend_from_slice(&(name.len() as u16).to_le_bytes());
            bytes.extend_from_slice(name.as_bytes());
            bytes.extend_from_slice(&table.digest().0);
            bytes.extend_from_slice(&(table.rows_len() as u64).to_le_bytes());
            table.visit(&mut |key, value| {
                for part in [key, value] {
                    bytes.extend_from_slice(&(part.len() as u32).to_le_bytes());
                    bytes.extend_from_slice(part);
                }
            });
        }
        let hash = Hash::of(&bytes);
        bytes.extend_from_slice(&hash.0);
        bytes
    }

    /// The state that [`State::snapshot`] wrote. Checksum and digests are verified.
    ///
    /// # Errors
    /// [`ProjectionError`] for bytes that are damaged, not a snapshot, or of another version of the rows.
    pub fn restore(bytes: &[u8]) -> Result<State, ProjectionError> {
        let cut = ProjectionError::Snapshot { offset: bytes.len(), reason: "cut short" };
        let (body, hash) = bytes.split_last_chunk::<HASH_BYTES>().ok_or(cut)?;
        let mut reader = Reader { bytes: body, at: 0 };
        if reader.take(MAGIC.len())? != MAGIC {
            return Err(ProjectionError::Snapshot { offset: 0, reason: "this is not a snapshot of a state" });
        }
        let found = reader.u32()?;
        if found != ROWS_VERSION {
            return Err(ProjectionError::Version { found, expected: ROWS_VERSION });
        }
        if Hash::of(body).0 != *hash {
            return Err(ProjectionError::Snapshot { offset: body.len(), reason: "checksum mismatch" });
        }
        reader.state()
    }
}

/// The version of the rows in a snapshot that begins with these bytes; none when it is not a snapshot.
pub fn rows_version(head: &[u8]) -> Option<u32> {
    let version = head.strip_prefix(MAGIC)?.first_chunk::<4>()?;
    Some(u32::from_le_bytes(*version))
}

struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    fn state(&mut self) -> Result<State, ProjectionError> {
        let (seq, term, recorded_at) = (Seq(self.u64()?), Term(self.u64()?), Millis(self.u64()?));
        let mut state = State { seq, term, recorded_at, ..State::default() };
        let count = self.u32()? as usize;
        if count != State::NAMES.len() {
            return Err(ProjectionError::Tables { name: format!("{count} tables") });
        }
        for (name, table) in state.tables_mut() {
            let length = self.u16()?;
            let found = self.take(length.into())?;
            if found != name.as_bytes() {
                return Err(ProjectionError::Tables { name: String::from_utf8_lossy(found).into_owned() });
            }
            let digest = self.take(HASH_BYTES)?;
            for _ in 0..self.u64()? {
                let key = self.part()?;
                let value = self.part()?;
                load_row(table, name, key, value)?;
            }
            if table.digest().0 != *digest {
                return Err(ProjectionError::Digest { table: name });
            }
        }
        if self.at != self.bytes.len() {
            return Err(self.fail("bytes after the last table"));
        }
        state.reindex();
        Ok(state)
    }

    fn part(&mut self) -> Result<&'a [u8], ProjectionError> {
        let length = self.u32()?;
        self.take(length as usize)
    }

    fn take(&mut self, length: usize) -> Result<&'a [u8], ProjectionError> {
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        let taken = rest.get(..length).ok_or_else(|| self.fail("cut short"))?;
        self.at += length;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], ProjectionError> {
        let mut array = [0; N];
        array.copy_from_slice(self.take(N)?);
        Ok(array)
    }

    fn u16(&mut self) -> Result<u16, ProjectionError> {
        self.array().map(u16::from_le_bytes)
    }

    fn u32(&mut self) -> Result<u32, ProjectionError> {
        self.array().map(u32::from_le_bytes)
    }

    fn u64(&mut self) -> Result<u64, ProjectionError> {
        self.array().map(u64::from_le_bytes)
    }

    fn fail(&self, reason: &'static str) -> ProjectionError {
        ProjectionError::Snapshot { offset: self.at, reason }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::cluster::{HostOnline, LeaderElected, NodeJoined};
    use crate::event::{Event, NodeId};
    use crate::projection::testing::given;

    fn state() -> State {
        let node = NodeId(7);
        given([
            LeaderElected { leader: node, term: Term(1), previous: None }.into(),
            Event::from(NodeJoined {
                node,
                name: "n1".into(),
                address: "127.0.0.1:1".into(),
                fingerprint: Hash::of(b"key"),
                token: None,
            }),
            HostOnline { host: node, incarnation: 5, slots: 1 }.into(),
        ])
    }

    #[test]
    fn a_snapshot_restores_to_the_same_state_and_the_same_bytes() {
        let state = state().then("hosts", &["name", "online", "incarnation_seq"], &["n1 true 3"]);
        let restored = State::restore(&state.snapshot()).expect("own bytes");
        assert_eq!(restored.digest(), state.digest());
        assert_eq!((restored.seq, restored.term, restored.recorded_at), (state.seq, state.term, state.recorded_at));
        assert_eq!(restored.snapshot(), state.snapshot());
    }

    #[test]
    fn no_damage_to_a_snapshot_goes_unnoticed() {
        let bytes = state().snapshot();
        for byte in 0..bytes.len() {
            let mut flipped = bytes.clone();
            flipped[byte] ^= 1;
            assert!(State::restore(&flipped).is_err(), "byte {byte}");
            assert!(State::restore(&bytes[..byte]).is_err(), "cut at {byte}");
        }
    }

    #[test]
    fn absurd_lengths_with_a_right_checksum_are_refused() {
        let good = state().snapshot();
        let body = &good[..good.len() - HASH_BYTES];
        for at in 12..body.len() - 4 {
            let mut bytes = body.to_vec();
            bytes[at..at + 4].copy_from_slice(&[0xff; 4]);
            let hash = Hash::of(&bytes);
            bytes.extend_from_slice(&hash.0);
            // Positions and times may be anything; the rest must be refused. Neither may panic or run away.
            let _ = State::restore(&bytes);
        }
        let mut foreign = good.clone();
        foreign[8..12].copy_from_slice(&(ROWS_VERSION + 1).to_le_bytes());
        assert_eq!(
            State::restore(&foreign).unwrap_err(),
            ProjectionError::Version { found: ROWS_VERSION + 1, expected: ROWS_VERSION }
        );
    }
}
