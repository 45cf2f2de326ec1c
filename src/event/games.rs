//! Recorded games. Bytes live in blobs; these facts say where they came from and whether they hold.

use super::body::body;
use super::id::{GameKey, Hash, JobId, ModelId, NodeId};

body! {
    /// `GAMES_RECORDED`: a blob of games was stored. Nobody has checked it yet.
    pub struct GamesRecorded {
        /// The blob.
        pub batch: Hash,
        /// The job that made it.
        pub job: JobId,
        /// The host that made it.
        pub host: NodeId,
        /// The game.
        pub game: GameKey,
        /// The generation that it is for.
        pub generation: u32,
        /// The model that played.
        pub model: ModelId,
        /// Games in the blob, as the host says.
        pub games: u32,
        /// Positions in the blob, as the host says.
        pub positions: u64,
        /// Simulations really spent, as the host says.
        pub simulations: u64,
    }

    /// `GAMES_VERIFIED`: a replay of every game agreed with the record. Counts are the verifier's own.
    pub struct GamesVerified {
        /// The blob.
        pub batch: Hash,
        /// The host that replayed it.
        pub host: NodeId,
        /// What the replay counted.
        pub tally: GamesTally,
    }

    /// `GAMES_QUARANTINED`: the blob is not what it should be, and is never used.
    pub struct GamesQuarantined {
        /// The blob.
        pub batch: Hash,
        /// The host that looked.
        pub host: NodeId,
        /// Index of the first bad game, when the blob could be read that far.
        pub game: Option<u32>,
        /// Why, in words.
        pub reason: String,
    }

    /// What a replay of a blob counts.
    pub struct GamesTally {
        /// Games.
        pub games: u32,
        /// Positions with a decision.
        pub positions: u64,
        /// Games that were won, for each seat in order.
        pub wins: Vec<u32>,
        /// Games without a single winner.
        pub draws: u32,
        /// Distinct sequences of actions.
        pub distinct: u32,
        /// Positions that carry a policy target.
        pub targets: u64,
        /// Simulations that the records attest.
        pub simulations: u64,
    }
}
