//! Tells a torn tail from damage in the middle, by the rules in `docs/format.md`.

use std::io;

use super::disk::LogFile;
use super::frame;

/// What a disk writes at once.
const SECTOR_BYTES: u64 = 512;
/// Zeros at the edge of a sector that count as a sector that was never written.
const EDGE_BYTES: u64 = 64;
/// The same where the missing frame begins: no frame begins with a length of zero.
const LENGTH_BYTES: u64 = 4;

/// What stands where no good frame stands.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Tail {
    /// Zeros: the log ends here.
    Clean,
    /// This many bytes of a write that never completed.
    Torn { bytes: u64 },
    /// Bytes that had been durable.
    Damaged { reason: String },
}

/// Judges the last segment from `offset`, where entry `missing` should stand and `bad` was found instead (none: zeros
/// where a length should be).
pub(super) fn judge(file: &dyn LogFile, offset: u64, missing: u64, bad: Option<&str>) -> io::Result<Tail> {
    let mut rest = vec![0; usize::try_from(file.bytes()?.saturating_sub(offset)).unwrap_or(usize::MAX)];
    let read = file.read_at(&mut rest, offset)?;
    rest.truncate(read);
    let Some(last) = rest.iter().rposition(|byte| *byte != 0) else { return Ok(Tail::Clean) };
    let bytes = last as u64 + 1;
    let Some((at, index, synced)) = next_good_frame(&rest, missing) else { return Ok(Tail::Torn { bytes }) };
    let found = bad.unwrap_or("zeros");
    if synced > missing {
        let reason = format!("{found}, but entry {index} at byte {} shows that it was durable", offset + at as u64);
        return Ok(Tail::Damaged { reason });
    }
    if sector_missing(&rest[..at], offset) {
        return Ok(Tail::Torn { bytes });
    }
    let reason = format!("{found}, but entry {index} at byte {}, written with it, is whole", offset + at as u64);
    Ok(Tail::Damaged { reason })
}

/// The first good frame of an entry after `missing`: where it stands, its index, and what was durable before it.
fn next_good_frame(rest: &[u8], missing: u64) -> Option<(usize, u64, u64)> {
    (1..rest.len()).find_map(|at| {
        let bytes = &rest[at..];
        if !frame::plausible(bytes, missing) {
            return None;
        }
        frame::decode_copy(bytes).ok().map(|(entry, synced)| (at, entry.index, synced))
    })
}

/// Is there a sector in `bytes`, which stand at `offset`, that reads as if it had never been written?
fn sector_missing(bytes: &[u8], offset: u64) -> bool {
    let end = offset + bytes.len() as u64;
    let mut from = offset;
    while from < end {
        let to = ((from / SECTOR_BYTES + 1) * SECTOR_BYTES).min(end);
        let part = &bytes[(from - offset) as usize..(to - offset) as usize];
        let least = if from == offset { LENGTH_BYTES } else { EDGE_BYTES };
        if to - from >= least && part.iter().all(|byte| *byte == 0) {
            return true;
        }
        from = to;
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sector_that_was_never_written_shows_by_how_a_frame_begins() {
        let missing = |zeros: usize, offset| sector_missing(&[vec![0; zeros], vec![7; 47]].concat(), offset);
        // 41 bytes before the edge of a sector: the frame's length among them.
        assert!(missing(41, 14_295));
        assert!(!missing(3, SECTOR_BYTES - 3), "a length may end with zeros");
        // Behind the edge a few zeros are nothing unusual.
        assert!(!sector_missing(&[vec![7; 41], vec![0; 47]].concat(), 14_295));
        assert!(sector_missing(&[vec![7; 41], vec![0; 64]].concat(), 14_295));
    }
}
