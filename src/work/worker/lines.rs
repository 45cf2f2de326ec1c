//! Reads lines of bounded length from a process.

use std::io;

use tokio::io::{AsyncBufReadExt, AsyncRead, BufReader};

/// What was read.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Line {
    /// A line, without its end.
    Whole(Vec<u8>),
    /// The start of a line that is too long. The rest is skipped.
    TooLong(Vec<u8>),
    /// What stood after the last line end when the stream ended; empty when nothing did.
    End(Vec<u8>),
}

/// Holds at most one line of `max` bytes.
pub(super) struct LineReader<R> {
    reader: BufReader<R>,
    line: Vec<u8>,
    max: usize,
    skipping: bool,
}

impl<R: AsyncRead + Unpin> LineReader<R> {
    pub(super) fn new(reader: R, max: usize) -> Self {
        LineReader { reader: BufReader::new(reader), line: vec![], max, skipping: false }
    }

    /// The next line. May be dropped and called again: what was read stays.
    pub(super) async fn next(&mut self) -> io::Result<Line> {
        loop {
            let bytes = self.reader.fill_buf().await?;
            if bytes.is_empty() {
                return Ok(Line::End(std::mem::take(&mut self.line)));
            }
            let end = bytes.iter().position(|&byte| byte == b'\n');
            let part = &bytes[..end.unwrap_or(bytes.len())];
            let room = self.max - self.line.len();
            let too_long = !self.skipping && part.len() > room;
            if !self.skipping {
                self.line.extend_from_slice(&part[..part.len().min(room)]);
            }
            let used = end.map_or(bytes.len(), |end| end + 1);
            self.reader.consume(used);
            let skipped = self.skipping;
            self.skipping = end.is_none() && (skipped || too_long);
            if too_long {
                return Ok(Line::TooLong(std::mem::take(&mut self.line)));
            }
            if end.is_some() && !skipped {
                return Ok(Line::Whole(std::mem::take(&mut self.line)));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn lines(text: &str, max: usize) -> Vec<Line> {
        let mut reader = LineReader::new(text.as_bytes(), max);
        let mut lines = vec![];
        loop {
            let line = reader.next().await.expect("memory");
            let end = matches!(line, Line::End(_));
            lines.push(line);
            if end {
                return lines;
            }
        }
    }

    #[tokio::test]
    async fn lines_are_cut_at_their_ends_and_at_the_bound() {
        let whole = |text: &str| Line::Whole(text.into());
        let end = |text: &str| Line::End(text.into());
        assert_eq!(lines("", 4).await, [end("")]);
        assert_eq!(lines("ab\n\ncdef\nx", 4).await, [whole("ab"), whole(""), whole("cdef"), end("x")]);
        let long = "y".repeat(100_000);
        let text = format!("ab\n{long}\ncd\n");
        assert_eq!(lines(&text, 4).await, [whole("ab"), Line::TooLong("yyyy".into()), whole("cd"), end("")]);
        assert_eq!(lines("abcde", 4).await, [Line::TooLong("abcd".into()), end("")]);
    }
}
