//! The mark: a small file beside sled that remembers whose outbox this is and the last number that was acknowledged.
//!
//! A flipped bit in the right place makes sled open an older state, or an empty one, without a word. The mark is written
//! after every commit and before anybody is told of it, so a database that ends before it has lost something.
//!
//! ```text
//! two slots, at bytes 0 and 512, written in turn; the one with the higher generation holds
//!  0  u32  CRC32C of bytes 4..32      8  u64  owner (node id)      24  u64  generation
//!  4  u32  format, 1                 16  u64  last number given
//! ```

use std::fs::File;
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::FileExt;
use std::path::Path;

const FORMAT: u32 = 1;
const SLOT_BYTES: usize = 512;
const USED_BYTES: usize = 32;

/// What the mark says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Mark {
    pub(super) owner: u64,
    pub(super) last: u64,
    generation: u64,
}

/// The open file and what it says.
pub(super) struct MarkFile {
    file: File,
    mark: Mark,
}

impl MarkFile {
    /// Opens the mark at `path`; none when there is no such file. A file without any valid slot is [`ErrorKind::InvalidData`].
    pub(super) fn open(path: &Path) -> io::Result<Option<MarkFile>> {
        let file = match File::options().read(true).write(true).open(path) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            other => other?,
        };
        let slots = [0, SLOT_BYTES].into_iter().filter_map(|offset| read_slot(&file, offset));
        let newest = slots.max_by_key(|mark| mark.generation);
        let mark =
            newest.ok_or_else(|| io::Error::new(ErrorKind::InvalidData, "both slots of its mark are damaged"))?;
        Ok(Some(MarkFile { file, mark }))
    }

    /// Makes the mark of a new outbox. It is there completely or not at all.
    pub(super) fn create(path: &Path, owner: u64) -> io::Result<MarkFile> {
        let new = path.with_extension("new");
        let mark = Mark { owner, last: 0, generation: 0 };
        let mut bytes = vec![0; 2 * SLOT_BYTES];
        bytes[..USED_BYTES].copy_from_slice(&encode(mark));
        let mut file = File::options().read(true).write(true).create(true).truncate(true).open(&new)?;
        file.write_all(&bytes)?;
        file.sync_all()?;
        std::fs::rename(&new, path)?;
        Ok(MarkFile { file, mark })
    }

    /// What it says.
    pub(super) fn mark(&self) -> Mark {
        self.mark
    }

    /// Remembers the last number, durably when it returns.
    pub(super) fn advance(&mut self, last: u64) -> io::Result<()> {
        if last == self.mark.last {
            return Ok(());
        }
        let mark = Mark { last, generation: self.mark.generation + 1, ..self.mark };
        self.file.write_all_at(&encode(mark), (mark.generation % 2) * SLOT_BYTES as u64)?;
        self.file.sync_data()?;
        self.mark = mark;
        Ok(())
    }
}

fn encode(mark: Mark) -> [u8; USED_BYTES] {
    let mut bytes = [0; USED_BYTES];
    bytes[4..8].copy_from_slice(&FORMAT.to_le_bytes());
    bytes[8..16].copy_from_slice(&mark.owner.to_le_bytes());
    bytes[16..24].copy_from_slice(&mark.last.to_le_bytes());
    bytes[24..].copy_from_slice(&mark.generation.to_le_bytes());
    let crc = crc32c::crc32c(&bytes[4..]);
    bytes[..4].copy_from_slice(&crc.to_le_bytes());
    bytes
}

/// For the fuzz suite: reads the file at `path`, and returns the slot that holds.
pub(super) fn reread(path: &Path) -> Option<Vec<u8>> {
    let file = MarkFile::open(path).ok().flatten()?;
    Some(encode(file.mark).to_vec())
}

/// For the fuzz suite: the bytes of a mark with two slots.
pub(super) fn sample() -> Vec<u8> {
    let mut bytes = vec![0; 2 * SLOT_BYTES];
    bytes[..USED_BYTES].copy_from_slice(&encode(Mark { owner: 7, last: 4, generation: 4 }));
    bytes[SLOT_BYTES..SLOT_BYTES + USED_BYTES].copy_from_slice(&encode(Mark { owner: 7, last: 9, generation: 5 }));
    bytes
}

fn read_slot(file: &File, offset: usize) -> Option<Mark> {
    let mut bytes = [0; USED_BYTES];
    file.read_exact_at(&mut bytes, offset as u64).ok()?;
    let number = |at: usize| u64::from_le_bytes(std::array::from_fn(|index| bytes[at + index]));
    let mark = Mark { owner: number(8), last: number(16), generation: number(24) };
    (encode(mark) == bytes).then_some(mark)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_damaged_slot_falls_back_to_the_one_before_and_two_are_refused() {
        let dir = tempfile::tempdir().expect("a folder");
        let path = dir.path().join("mark");
        assert!(MarkFile::open(&path).expect("readable").is_none());
        let mut file = MarkFile::create(&path, 7).expect("writable");
        file.advance(5).expect("writable");
        file.advance(9).expect("writable");
        let read = |path: &Path| MarkFile::open(path).map(|file| file.expect("there").mark());
        assert_eq!(read(&path).expect("whole"), Mark { owner: 7, last: 9, generation: 2 });
        let raw = File::options().write(true).open(&path).expect("writable");
        raw.write_all_at(&[1], 20).expect("writable");
        assert_eq!(read(&path).expect("one slot"), Mark { owner: 7, last: 5, generation: 1 });
        raw.write_all_at(&[1], 512 + 20).expect("writable");
        assert_eq!(read(&path).expect_err("no slot").kind(), ErrorKind::InvalidData);
    }
}
