//! Files of records: header, then length-framed, checksummed games. The layout stands in [the module](super).

use super::codec::{Bytes, read_game, write_game};
use super::fault::{FileFault, RecordFault};
use super::game_record::GameRecord;
use crate::game::{Game, SEATS_MAX};

/// The first bytes of a file.
pub const MAGIC: [u8; 8] = *b"KIFUGAME";
/// The newest version that this program reads. It writes the lowest version that can hold the games, so that older programs read
/// whatever they can.
pub const FORMAT_VERSION: u16 = 2;
/// Where the version stands.
const VERSION_AT: usize = 8;
/// The most games in a file. A job of self-play makes some dozens to some thousands.
pub const GAMES_MAX: u32 = 1 << 20;
/// The most bytes of one game. The longest RingRift games (thousands of plies, hundreds of legal actions) need less.
pub const GAME_BYTES_MAX: usize = 1 << 24;
/// The longest key of a game.
pub const KEY_BYTES_MAX: usize = 64;

/// Where the number of games stands.
const GAMES_AT: usize = 16;

/// What all games of a file have in common.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileHeader {
    /// The game's key.
    pub game: String,
    /// Version of the game's rules.
    pub rules_version: u32,
    /// The game's number of seats.
    pub seats: usize,
    /// Games in the file.
    pub games: u32,
    /// The file's format version.
    pub version: u16,
}

/// Makes a file, game by game.
#[derive(Debug)]
pub struct RecordWriter {
    bytes: Vec<u8>,
    header_bytes: usize,
    seats: usize,
    games: u32,
    version: u16,
}

impl RecordWriter {
    /// A file for games of `game`, still empty.
    ///
    /// # Panics
    /// When the game's key is longer than [`KEY_BYTES_MAX`]: no game of the registry is.
    pub fn new<G: Game>(game: &G) -> RecordWriter {
        let (key, seats) = (game.key(), game.seats());
        assert!(key.len() <= KEY_BYTES_MAX, "the key {key} is longer than {KEY_BYTES_MAX} bytes");
        let mut bytes = Vec::new();
        bytes.extend(MAGIC);
        bytes.extend(1u16.to_le_bytes());
        bytes.extend([seats as u8, key.len() as u8]);
        bytes.extend(game.rules_version().to_le_bytes());
        bytes.extend(0u32.to_le_bytes());
        bytes.extend(key.as_bytes());
        let header_bytes = bytes.len();
        bytes.extend([0; 4]);
        RecordWriter { bytes, header_bytes, seats, games: 0, version: 1 }
    }

    /// Adds a game.
    ///
    /// # Errors
    /// When a bound would be broken; the file is unchanged then.
    pub fn push(&mut self, game: &GameRecord) -> Result<(), RecordFault> {
        if self.games == GAMES_MAX {
            let limit = GAMES_MAX as usize;
            return Err(RecordFault::TooLarge { what: "number of games", found: limit + 1, limit });
        }
        check_seats(game, self.seats)?;
        let mut payload = Vec::new();
        let version = write_game(game, &mut payload)?;
        if payload.len() > GAME_BYTES_MAX {
            let found = payload.len();
            return Err(RecordFault::TooLarge { what: "length of a game", found, limit: GAME_BYTES_MAX });
        }
        self.bytes.extend((payload.len() as u32).to_le_bytes());
        self.bytes.extend(crc32c::crc32c(&payload).to_le_bytes());
        self.bytes.extend(payload);
        self.games += 1;
        self.version = self.version.max(version);
        Ok(())
    }

    /// The complete file.
    pub fn finish(mut self) -> Vec<u8> {
        self.bytes[VERSION_AT..VERSION_AT + 2].copy_from_slice(&self.version.to_le_bytes());
        self.bytes[GAMES_AT..GAMES_AT + 4].copy_from_slice(&self.games.to_le_bytes());
        let checksum = crc32c::crc32c(&self.bytes[..self.header_bytes]);
        self.bytes[self.header_bytes..self.header_bytes + 4].copy_from_slice(&checksum.to_le_bytes());
        self.bytes
    }
}

/// Reads a file, game by game. Ends after the first fault.
///
/// It checks form only; whether a game holds is for [`super::replay`] to say.
#[derive(Debug)]
pub struct RecordReader<'a> {
    header: FileHeader,
    rest: &'a [u8],
    next: u32,
}

impl<'a> RecordReader<'a> {
    /// Reads the header.
    ///
    /// # Errors
    /// When the bytes are not a file of records, or not one that this program can read.
    pub fn open(file: &'a [u8]) -> Result<RecordReader<'a>, FileFault> {
        let fault = |reason| FileFault { game_index: None, ply: None, reason };
        let (header, rest) = read_header(file).map_err(fault)?;
        Ok(RecordReader { header, rest, next: 0 })
    }

    /// What all games have in common.
    pub fn header(&self) -> &FileHeader {
        &self.header
    }

    fn read_next(&mut self) -> Result<GameRecord, RecordFault> {
        let mut bytes = Bytes(self.rest);
        let length = bytes.u32("length of a game")? as usize;
        if length > GAME_BYTES_MAX {
            return Err(RecordFault::TooLarge { what: "length of a game", found: length, limit: GAME_BYTES_MAX });
        }
        let checksum = bytes.u32("checksum of a game")?;
        let payload = bytes.take("a game", length)?;
        if crc32c::crc32c(payload) != checksum {
            return Err(RecordFault::Checksum { what: "the game" });
        }
        let game = read_game(payload, self.header.seats, self.header.version)?;
        self.rest = bytes.0;
        Ok(game)
    }
}

impl Iterator for RecordReader<'_> {
    type Item = Result<GameRecord, FileFault>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.next == self.header.games {
            let bytes = std::mem::take(&mut self.rest).len();
            let reason = RecordFault::Trailing { what: "the last game", bytes };
            return (bytes > 0).then_some(Err(FileFault { game_index: None, ply: None, reason }));
        }
        let result = self.read_next();
        let fault = |reason| FileFault { game_index: Some(self.next), ply: None, reason };
        let item = result.map_err(fault);
        if item.is_err() {
            self.rest = &[];
            self.next = self.header.games;
        } else {
            self.next += 1;
        }
        Some(item)
    }
}

/// Checks that whatever is given for each seat is given for `seats` of them.
pub(super) fn check_seats(game: &GameRecord, seats: usize) -> Result<(), RecordFault> {
    let check = |what, found| if found == seats { Ok(()) } else { Err(RecordFault::Seats { what, found, seats }) };
    check("generators", game.generators.len())?;
    game.plies.iter().filter_map(|ply| ply.findings.as_ref()).try_for_each(|it| check("values", it.value.len()))
}

fn read_header(file: &[u8]) -> Result<(FileHeader, &[u8]), RecordFault> {
    let mut bytes = Bytes(file);
    if bytes.array::<8>("magic bytes").map_err(|_| RecordFault::Magic)? != MAGIC {
        return Err(RecordFault::Magic);
    }
    let version = u16::from_le_bytes(bytes.array("format version")?);
    if !(1..=FORMAT_VERSION).contains(&version) {
        return Err(RecordFault::FormatVersion { found: version, known: FORMAT_VERSION });
    }
    let seats = usize::from(bytes.byte("seats")?);
    let key_bytes = usize::from(bytes.byte("length of the key")?);
    let rules_version = bytes.u32("version of the rules")?;
    let games = bytes.u32("number of games")?;
    let key = bytes.take("the key", key_bytes)?;
    let covered = file.len() - bytes.left();
    if bytes.u32("checksum of the header")? != crc32c::crc32c(&file[..covered]) {
        return Err(RecordFault::Checksum { what: "the header" });
    }
    let bound = |what, found, limit| {
        if found > limit { Err(RecordFault::TooLarge { what, found, limit }) } else { Ok(()) }
    };
    bound("number of seats", seats, SEATS_MAX)?;
    bound("length of the key", key_bytes, KEY_BYTES_MAX)?;
    bound("number of games", games as usize, GAMES_MAX as usize)?;
    let game = std::str::from_utf8(key)
        .map_err(|error| RecordFault::Meaningless { what: "the key", found: error.valid_up_to() as u64 })?
        .to_owned();
    Ok((FileHeader { game, rules_version, seats, games, version }, bytes.0))
}
