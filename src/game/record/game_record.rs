//! The record of one game.

use super::findings::Findings;
use crate::game::{ActionId, Outcome};

/// One game, complete. Its configuration stands in the header of the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GameRecord {
    /// Seed of all randomness in the game.
    pub seed: u64,
    /// Who chose the actions, for each seat in order.
    pub generators: Vec<Generator>,
    /// What was played, in order.
    pub plies: Vec<PlyRecord>,
    /// How the game ended, as the player says.
    pub outcome: Outcome,
}

/// One action, and what the search found before it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlyRecord {
    /// The action.
    pub action: ActionId,
    /// What the search found; none when nothing was searched (random openings, forced moves, players without search).
    pub findings: Option<Findings>,
}

/// Who chose the actions of a seat.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Generator {
    /// Uniformly random play.
    Random,
    /// Alpha-beta search.
    AlphaBeta {
        /// To this many plies.
        depth: u32,
    },
    /// One ply ahead, by the game's own judgement.
    Greedy,
    /// Monte Carlo tree search whose leaves the game itself judges.
    Planner {
        /// Simulations a move.
        simulations: u32,
        /// Actions considered at the root.
        considered: u32,
    },
    /// A net with Gumbel search.
    Model {
        /// BLAKE3 hash of the weights that were really loaded.
        weights: [u8; 32],
        /// Simulations a move.
        simulations: u32,
        /// Actions considered at the root.
        considered: u32,
        /// Scale of the Gumbel noise at the root, in millionths.
        gumbel_scale_millionths: u32,
    },
}
