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

    /// `GAMES_MEASURED`: more of what the replay of a blob counted, for its quality. It comes before the blob's `GAMES_VERIFIED`.
    pub struct GamesMeasured {
        /// The blob.
        pub batch: Hash,
        /// The host that replayed it.
        pub host: NodeId,
        /// What the replay counted.
        pub measures: GamesMeasures,
    }

    /// What a replay of a blob counts for its quality.
    pub struct GamesMeasures {
        /// Positions with a choice between at least two actions.
        pub choices: u64,
        /// Positions with a choice that carry a policy target.
        pub choices_targeted: u64,
        /// Positions that carry a policy target, for each seat in order.
        pub targets_of_seats: Vec<u64>,
        /// Simulations that the records attest, for each seat in order.
        pub simulations_of_seats: Vec<u64>,
        /// Sum over games of the squares of their numbers of positions.
        pub length_squares: u64,
        /// The smallest hashes of some of the positions, up to the board's symmetries; see [`crate::game::record::SKETCH_MAX`].
        pub sketch: Vec<u64>,
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
