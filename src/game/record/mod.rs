//! Games on paper: what was played, by whom, and what the search thought.
//!
//! A record holds only what cannot be derived. Who moved, in which phase, over which legal actions, and who won all follow
//! from replaying the actions ([`replay`]); the result stands in the record too, so that a replay can contradict it.
//! [`verify_file`] replays every game of a file and counts; it is the only judge of a file's worth.
//!
//! # The file, byte by byte
//!
//! All numbers are little-endian. One file holds games of one configuration. A file is a pure function of its records.
//!
//! ```text
//! file     = header, game × games, end of file
//!
//! header   0   8  magic "KIFUGAME"
//!          8   2  format version: 2 when something in the file needs it, else 1
//!         10   1  seats of the game (n)
//!         11   1  length of the game's key (k), 1 to 64
//!         12   4  version of the game's rules
//!         16   4  number of games, at most 2^20
//!         20   k  the game's key, UTF-8
//!       20+k   4  CRC32C of all bytes before
//!
//! game     0   4  length of the payload (p), at most 2^24
//!          4   4  CRC32C of the payload
//!          8   p  payload
//!
//! payload  0   8  seed of all randomness in the game
//!          8   1  who won: bit s is set for seat s; several bits share the win
//!          9   4  number of plies, at most 2^16
//!         13      n generators, in seat order
//!                 plies
//!
//! generator    1  0 random · 1 alpha-beta · 2 model · 3 greedy (version 2) · 4 planner (version 2)
//!              4  alpha-beta only: depth in plies
//!              4  planner only: simulations a move
//!              4  planner only: actions considered at the root
//!             32  model only: BLAKE3 hash of the weights
//!              4  model only: simulations a move
//!              4  model only: actions considered at the root
//!              4  model only: scale of the Gumbel noise, in millionths
//!
//! ply          4  id of the action
//!              1  0 nothing more · 1 the search's findings follow · 2 they follow with a sparse policy (version 2)
//!              4  simulations really spent
//!            2 n  value of the root for each seat, 65535 is a sure win
//!              2  number of legal actions (l)
//!            2 l  improved policy over the legal actions in canonical order; the sum is 65535
//!
//! sparse policy, instead of the last line, when there are at least 32 legal actions and it is shorter
//!              2  number of shares (k)
//!            4 k  place in the legal list and share, 2 bytes each; places rise, shares are above 0
//! ```

mod codec;
mod fault;
mod file;
mod findings;
mod game_record;
mod opening;
mod positions;
mod replay;
#[cfg(test)]
mod tests;
mod verify;

pub use codec::PLIES_MAX;
pub use fault::{FileFault, RecordFault};
pub use file::{
    FORMAT_VERSION, FileHeader, GAME_BYTES_MAX, GAMES_MAX, KEY_BYTES_MAX, MAGIC, RecordReader, RecordWriter,
};
pub use findings::{Findings, POLICY_SCALE};
pub use game_record::{GameRecord, Generator, PlyRecord};
pub use opening::opening_plies_max;
pub use positions::SKETCH_MAX;
pub use replay::{PlyView, Replayed, replay, replay_to_end, replay_with};
pub use verify::{Due, Tally, verify_file};
