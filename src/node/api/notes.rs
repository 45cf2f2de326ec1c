//! Notes on the wire: many in a frame, one answer a frame.
//!
//! ```text
//! notes:   u64 number of the first   u32 count   count × (u32 length, UTF-8)
//! answer:  u8 status   u64 last number settled   u64 seq of its record   words (UTF-8, to the end)
//! ```
//! All integers are little endian. Notes are numbered from 1 without gaps.

use bytes::{Buf, BufMut, Bytes};

/// Notes in one frame at most.
pub const NOTES_PER_FRAME_MAX: usize = 4_096;
/// The largest frame of notes.
pub const NOTES_FRAME_BYTES_MAX: usize = 2 << 20;
/// Bytes of a note's number and count.
const HEADER_BYTES: usize = 12;

/// What became of a frame of notes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settled {
    /// Whether all of the frame is in the log.
    pub status: Status,
    /// The last number up to which all notes are in the log, durable on a quorum.
    pub upto: u64,
    /// The record of the frame's last note; 0 when it was in the log before.
    pub seq: u64,
    /// Why not all of them are.
    pub words: String,
}

/// See [`Settled`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Status {
    /// All of the frame is in the log.
    All = 0,
    /// The note after `upto` is not allowed.
    Refused = 1,
    /// Nobody can say what became of the notes after `upto`: send them again.
    Unknown = 2,
}

/// A frame of notes, the first of which has the number `first`.
pub fn notes_frame<T: AsRef<str>>(first: u64, texts: &[T]) -> Vec<u8> {
    let bytes: usize = texts.iter().map(|text| 4 + text.as_ref().len()).sum();
    let mut frame = Vec::with_capacity(HEADER_BYTES + bytes);
    frame.put_u64_le(first);
    frame.put_u32_le(texts.len() as u32);
    for text in texts {
        frame.put_u32_le(text.as_ref().len() as u32);
        frame.put_slice(text.as_ref().as_bytes());
    }
    frame
}

/// Reads a frame of notes: the number of the first, and the texts.
///
/// # Errors
/// What is wrong with it.
pub fn read_notes(mut frame: Bytes) -> Result<(u64, Vec<String>), &'static str> {
    if frame.remaining() < HEADER_BYTES {
        return Err("cut short in the header");
    }
    let first = frame.get_u64_le();
    let count = frame.get_u32_le() as usize;
    if count == 0 || count > NOTES_PER_FRAME_MAX {
        return Err("no notes, or too many");
    }
    if first == 0 || first.checked_add(count as u64).is_none() {
        return Err("notes are numbered from 1");
    }
    let mut texts = Vec::with_capacity(count.min(frame.remaining() / 4));
    for _ in 0..count {
        if frame.remaining() < 4 {
            return Err("cut short in a length");
        }
        let length = frame.get_u32_le() as usize;
        if frame.remaining() < length {
            return Err("cut short in a note");
        }
        let text = std::str::from_utf8(&frame[..length]).map_err(|_| "a note that is not UTF-8")?;
        texts.push(text.to_owned());
        frame.advance(length);
    }
    match frame.has_remaining() {
        true => Err("bytes after the last note"),
        false => Ok((first, texts)),
    }
}

/// An answer as a frame.
pub fn settled_frame(settled: &Settled) -> Vec<u8> {
    let mut frame = vec![settled.status as u8];
    frame.put_u64_le(settled.upto);
    frame.put_u64_le(settled.seq);
    frame.put_slice(settled.words.as_bytes());
    frame
}

/// Reads an answer.
///
/// # Errors
/// What is wrong with it.
pub fn read_settled(mut frame: Bytes) -> Result<Settled, &'static str> {
    if frame.remaining() < 17 {
        return Err("cut short");
    }
    let status = match frame.get_u8() {
        0 => Status::All,
        1 => Status::Refused,
        2 => Status::Unknown,
        _ => return Err("unknown status"),
    };
    let (upto, seq) = (frame.get_u64_le(), frame.get_u64_le());
    let words = String::from_utf8(frame.to_vec()).map_err(|_| "words that are not UTF-8")?;
    Ok(Settled { status, upto, seq, words })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_have_these_bytes_and_read_back() {
        let frame = notes_frame(7, &["a", "é"]);
        assert_eq!(frame, b"\x07\0\0\0\0\0\0\0\x02\0\0\0\x01\0\0\0a\x02\0\0\0\xc3\xa9");
        assert_eq!(read_notes(frame.into()), Ok((7, vec!["a".to_owned(), "é".to_owned()])));
        let settled = Settled { status: Status::Refused, upto: 6, seq: 9, words: "no".into() };
        let frame = settled_frame(&settled);
        assert_eq!(frame, b"\x01\x06\0\0\0\0\0\0\0\x09\0\0\0\0\0\0\0no");
        assert_eq!(read_settled(frame.into()), Ok(settled));
    }

    #[test]
    fn cut_and_absurd_frames_are_errors() {
        let frame = Bytes::from(notes_frame(1, &["first", "second"]));
        for length in 0..frame.len() {
            assert!(read_notes(frame.slice(..length)).is_err(), "cut at {length}");
        }
        assert!(read_notes(Bytes::from([&frame[..], b"x"].concat())).is_err());
        assert!(read_notes(Bytes::from(notes_frame(0, &["x"]))).is_err());
        assert!(read_notes(Bytes::from(notes_frame(u64::MAX, &["x"]))).is_err());
        assert!(read_notes(Bytes::from_static(b"\x01\0\0\0\0\0\0\0\xff\xff\xff\xff")).is_err());
        assert!(read_notes(Bytes::from_static(b"\x01\0\0\0\0\0\0\0\x01\0\0\0\x01\0\0\0\xff")).is_err());
        assert!(read_settled(Bytes::from_static(b"\x03\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0")).is_err());
        assert!(read_settled(Bytes::from_static(b"\0short")).is_err());
    }
}
