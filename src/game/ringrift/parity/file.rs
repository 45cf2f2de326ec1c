//! A file of vectors, plain or compressed.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;

use flate2::bufread::MultiGzDecoder;

use super::difference::Difference;
use super::lines::Line;
use super::replay::{Compared, Replay, replay};
use crate::game::ringrift::text::StateTextError;

/// The longest line. The longest legal lists take some tens of kilobytes; a longer line makes the file unreadable.
pub const LINE_BYTES_MAX: u64 = 1 << 24;

/// The first bytes of a compressed file.
const GZIP_MAGIC: [u8; 2] = [0x1f, 0x8b];

/// What a file comes to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Parity {
    /// Games and cases.
    pub games: u64,
    /// Plies compared.
    pub plies: u64,
    /// Games and cases that differ. Of each only the first difference counts; the rest of the game would follow from it.
    pub differences: u64,
    /// The first difference of the file.
    pub first: Option<Box<Difference>>,
}

/// Why a file cannot be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Unreadable {
    /// The file cannot be opened or read, or its compression is damaged.
    #[error("cannot read line {line}: {error}")]
    Io {
        /// The line, from 1.
        line: u64,
        /// Why.
        error: io::Error,
    },
    /// A line is none of a vector file.
    #[error("line {line} is no line of a vector file: {reason}")]
    Line {
        /// The line, from 1.
        line: u64,
        /// Why.
        reason: String,
    },
    /// A case begins with a position that cannot be read.
    #[error("line {line}: the position of a case cannot be read: {error}")]
    Position {
        /// The line, from 1.
        line: u64,
        /// Why.
        error: StateTextError,
    },
}

/// Replays every game of the file.
///
/// # Errors
/// When the file is not one of vectors. What was compared before is lost: a file that cannot be read proves nothing.
pub fn check_file(path: &Path) -> Result<Parity, Unreadable> {
    let read = || {
        let mut reader = BufReader::new(File::open(path)?);
        let compressed = reader.fill_buf()?.starts_with(&GZIP_MAGIC);
        Ok((reader, compressed))
    };
    let (reader, compressed) = read().map_err(|error| Unreadable::Io { line: 0, error })?;
    if compressed { check(BufReader::new(MultiGzDecoder::new(reader))) } else { check(reader) }
}

/// Replays every game of a stream of lines.
///
/// # Errors
/// When a line cannot be read.
#[tracing::instrument(skip_all)]
pub fn check(mut input: impl BufRead) -> Result<Parity, Unreadable> {
    let mut walk = Walk::default();
    let mut text = String::new();
    for line in 1.. {
        text.clear();
        let mut limited = (&mut input).take(LINE_BYTES_MAX);
        let bytes = limited.read_line(&mut text).map_err(|error| Unreadable::Io { line, error })?;
        if bytes == 0 {
            return walk.finish(line);
        }
        if bytes as u64 == LINE_BYTES_MAX {
            return Err(Unreadable::Line { line, reason: format!("it is longer than {LINE_BYTES_MAX} bytes") });
        }
        if !text.trim().is_empty() {
            let read = serde_json::from_str(&text).map_err(|error| error.to_string());
            walk.take(line, read.map_err(|reason| Unreadable::Line { line, reason })?)?;
        }
    }
    Ok(walk.parity)
}

/// Where in the file the check is.
#[derive(Default)]
struct Walk {
    parity: Parity,
    current: Current,
}

/// The game that is being read.
#[derive(Default)]
enum Current {
    #[default]
    Between,
    Playing(Box<dyn Replay>),
    /// Its rest follows from a difference.
    Differs,
}

impl Walk {
    fn take(&mut self, line: u64, read: Line) -> Result<(), Unreadable> {
        let bad = |reason: String| Unreadable::Line { line, reason };
        let unknown = |board: &str, players: usize| bad(format!("there is no game {board} for {players} players"));
        match (read, std::mem::take(&mut self.current)) {
            (Line::Game(game), Current::Between) => {
                let replay = replay(&game.id, &game.board, game.players, game.swap);
                let replay = replay.ok_or_else(|| unknown(&game.board, game.players))?;
                self.parity.games += 1;
                let begun = replay.begin(&game);
                self.go_on(begun, replay);
            }
            (Line::Ply(ply), Current::Playing(mut replay)) => {
                self.parity.plies += 1;
                let played = replay.ply(&ply);
                self.go_on(played, replay);
            }
            (Line::End(end), Current::Playing(replay)) => {
                let ended = replay.end(&end);
                self.count(ended);
            }
            (Line::Ply(_), Current::Differs) => {
                self.parity.plies += 1;
                self.current = Current::Differs;
            }
            (Line::End(_), Current::Differs) => {}
            (Line::Case(case), Current::Between) => {
                let mut replay = replay(&case.name, &case.board, case.players, false)
                    .ok_or_else(|| unknown(&case.board, case.players))?;
                self.parity.games += 1;
                self.parity.plies += case.steps.len() as u64;
                let compared = replay.case(&case).map_err(|error| Unreadable::Position { line, error })?;
                self.count(compared);
            }
            (Line::Game(_) | Line::Case(_), _) => return Err(bad("the game before it has no end".to_owned())),
            (Line::Ply(_) | Line::End(_), Current::Between) => return Err(bad("it belongs to no game".to_owned())),
        }
        Ok(())
    }

    fn go_on(&mut self, compared: Compared, replay: Box<dyn Replay>) {
        self.current = if compared.is_ok() { Current::Playing(replay) } else { Current::Differs };
        self.count(compared);
    }

    fn count(&mut self, compared: Compared) {
        if let Err(difference) = compared {
            self.parity.differences += 1;
            self.parity.first.get_or_insert(difference);
        }
    }

    fn finish(self, line: u64) -> Result<Parity, Unreadable> {
        match self.current {
            Current::Between => Ok(self.parity),
            _ => Err(Unreadable::Line { line, reason: "the file ends in the middle of a game".to_owned() }),
        }
    }
}
