//! Reads the records that pass a filter from a log that is being written, a piece at a time.

use super::error::ReplayError;
use super::filter::Sieve;
use crate::event::{Record, Seq};
use crate::log::{Entry, Log};

/// Bytes of the log that are looked at in one piece: the bound on what a reader holds, however slow it is.
const PIECE_BYTES: usize = 256 << 10;

/// A place in a log from which records are read on.
pub struct Feed {
    log: Log,
    sieve: Sieve,
    next: Seq,
    /// The entry where `next` is looked for, once it is known. It never lies behind an entry that may still be replaced.
    index: Option<u64>,
    over: bool,
}

impl Feed {
    /// Reads on from record `from`.
    pub fn new(log: Log, from: Seq, sieve: Sieve) -> Feed {
        Feed { log, sieve, next: from.max(Seq(1)), index: None, over: false }
    }

    /// The next record that will be looked at.
    pub fn next(&self) -> Seq {
        self.next
    }

    /// Whether all that was wanted has been read, whatever may come.
    pub fn is_over(&self) -> bool {
        self.over
    }

    /// The wanted records of the next piece, none of them after `upto`. Nothing was wanted in the piece when it is empty;
    /// everything up to `upto` was looked at when [`Feed::next`] is beyond it.
    ///
    /// # Errors
    /// When the log cannot be read there.
    pub fn read(&mut self, upto: Seq) -> Result<Vec<Record>, ReplayError> {
        let mut wanted = vec![];
        if self.over || self.next > upto {
            return Ok(wanted);
        }
        let index = match self.index {
            Some(index) => index,
            None => match self.log.entry_of_seq(self.next)? {
                Some(entry) => entry.index,
                None => return Ok(wanted),
            },
        };
        self.index = Some(index);
        let mut at = index;
        // Entries without records are passed over for good only when a record stands behind them that is committed.
        while self.index == Some(index) {
            let piece = self.log.read(at, u64::MAX, PIECE_BYTES)?;
            let Some(last) = piece.last() else { break };
            at = last.index + 1;
            if self.look(piece, upto, &mut wanted)? {
                break;
            }
        }
        Ok(wanted)
    }

    /// Looks at a piece. True when nothing behind it may be looked at now.
    fn look(&mut self, piece: Vec<Entry>, upto: Seq, wanted: &mut Vec<Record>) -> Result<bool, ReplayError> {
        for entry in piece {
            for record in entry.records() {
                let (seq, raw) = record.map_err(|source| ReplayError::Record { seq: self.next, source })?;
                if seq > upto {
                    return Ok(true);
                }
                if seq < self.next {
                    continue;
                }
                if self.sieve.is_over(&raw) {
                    self.over = true;
                    return Ok(true);
                }
                if self.sieve.passes(&raw) {
                    let record = raw.decode(seq, entry.term);
                    wanted.push(record.map_err(|source| ReplayError::Record { seq, source })?);
                }
                self.next = seq.next();
            }
            if entry.payload.count() > 0 {
                self.index = Some(entry.index + 1);
            }
        }
        Ok(false)
    }
}
