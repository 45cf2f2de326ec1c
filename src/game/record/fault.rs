//! What can be wrong with a record or a file of records.

use crate::game::{IllegalAction, registry::UnknownGame};

/// Why a game's record, or a file's header, does not hold.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RecordFault {
    /// The first bytes are not a record file's.
    #[error("not a file of game records: it does not begin with the magic bytes")]
    Magic,
    /// The file was written by a later program.
    #[error("the file's format version is {found}, this program reads {known}: upgrade this program")]
    FormatVersion {
        /// The file's version.
        found: u16,
        /// The newest version that this program reads.
        known: u16,
    },
    /// The bytes end in the middle of something.
    #[error("the bytes end too early: {what} needs {needed} bytes, {left} are left")]
    Truncated {
        /// What was being read.
        what: &'static str,
        /// Bytes that it takes.
        needed: usize,
        /// Bytes that were left.
        left: usize,
    },
    /// Bytes were changed after they were written.
    #[error("the checksum of {what} does not match its bytes")]
    Checksum {
        /// What was being read.
        what: &'static str,
    },
    /// A number is beyond its bound.
    #[error("{what} is {found}, the limit is {limit}")]
    TooLarge {
        /// Which number.
        what: &'static str,
        /// Its value.
        found: usize,
        /// Its bound.
        limit: usize,
    },
    /// A tag or a mask has a value without meaning.
    #[error("{what} has the value {found}, which means nothing")]
    Meaningless {
        /// Which field.
        what: &'static str,
        /// Its value.
        found: u64,
    },
    /// There is something after the end.
    #[error("{bytes} bytes follow after the end of {what}")]
    Trailing {
        /// What had ended.
        what: &'static str,
        /// How many bytes follow.
        bytes: usize,
    },
    /// No game has the header's key.
    #[error(transparent)]
    UnknownGame(#[from] UnknownGame),
    /// The file is for another game than was asked for.
    #[error("the file holds games of {found:?}, expected {expected:?}")]
    WrongGame {
        /// The file's game.
        found: String,
        /// The game that was asked for.
        expected: String,
    },
    /// The file was played by other rules.
    #[error("the games were played by version {found} of the rules, this program has version {known}")]
    RulesVersion {
        /// The file's version.
        found: u32,
        /// This program's version.
        known: u32,
    },
    /// The number of generators or values is not the game's number of seats.
    #[error("{what} are given for {found} seats, the game has {seats}")]
    Seats {
        /// What is given for each seat.
        what: &'static str,
        /// For how many.
        found: usize,
        /// The game's number of seats.
        seats: usize,
    },
    /// The game was over, and yet somebody moved.
    #[error("the game was over before this ply")]
    PlayedOn,
    /// The position has no action with this id.
    #[error("action number {id} is not possible in phase {phase}")]
    UnknownAction {
        /// The action's number.
        id: u32,
        /// The phase of the position.
        phase: &'static str,
    },
    /// The rules do not allow this.
    #[error(transparent)]
    Illegal(#[from] IllegalAction),
    /// The policy is not about the position's legal actions.
    #[error("the policy is about {found} actions, the position has {legal} legal ones")]
    PolicyLength {
        /// Entries of the policy.
        found: usize,
        /// Legal actions.
        legal: usize,
    },
    /// The policy is no distribution.
    #[error("the policy sums to {found}, not to 65535")]
    PolicySum {
        /// Its sum.
        found: u64,
    },
    /// The actions end before the game does.
    #[error("the game is not over after its last ply")]
    Unfinished,
    /// The declared winners are not those of the replay.
    #[error("the record declares winners {declared:#06b}, the replay gives {derived:#06b} (bit 0 is the first seat)")]
    Outcome {
        /// What the record says.
        declared: u8,
        /// What the replay says.
        derived: u8,
    },
}

/// Why a file does not hold, and where.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}{reason}", place(*game_index, *ply))]
pub struct FileFault {
    /// Index of the first bad game; none when the fault is in the header.
    pub game_index: Option<u32>,
    /// The ply, counted from 0; none when the fault is in no single ply.
    pub ply: Option<u32>,
    /// What is wrong.
    pub reason: RecordFault,
}

/// Why a game does not replay, and at which ply (none for the game as a whole).
pub(super) type PlyFault = (Option<u32>, RecordFault);

fn place(game_index: Option<u32>, ply: Option<u32>) -> String {
    match (game_index, ply) {
        (Some(game), Some(ply)) => format!("game {game}, ply {ply}: "),
        (Some(game), None) => format!("game {game}: "),
        (None, _) => String::new(),
    }
}
