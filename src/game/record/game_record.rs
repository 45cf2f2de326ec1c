//! The record of one game.

use std::fmt;

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

/// Bytes of a hash that are shown.
const SHOWN_BYTES: usize = 6;

impl Generator {
    /// A search of this budget: with the net of these weights, or without one by the game's own judgement. That is who plays a self-play job, so
    /// what is recorded and what is compared with it are made here.
    pub fn search(weights: Option<[u8; 32]>, simulations: u32, considered: u32, gumbel_scale: f32) -> Generator {
        let gumbel_scale_millionths = (f64::from(gumbel_scale) * 1e6).round() as u32;
        match weights {
            Some(weights) => Generator::Model { weights, simulations, considered, gumbel_scale_millionths },
            None => Generator::Planner { simulations, considered },
        }
    }
}

impl fmt::Display for Generator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Generator::Random => f.write_str("random play"),
            Generator::AlphaBeta { depth } => write!(f, "alpha-beta of depth {depth}"),
            Generator::Greedy => f.write_str("the game's judgement one ply ahead"),
            Generator::Planner { simulations, considered } => {
                write!(f, "the game's judgement with {simulations} simulations a move, {considered} actions considered")
            }
            Generator::Model { weights, simulations, considered, gumbel_scale_millionths } => {
                f.write_str("weights ")?;
                weights.iter().take(SHOWN_BYTES).try_for_each(|byte| write!(f, "{byte:02x}"))?;
                let scale = f64::from(*gumbel_scale_millionths) / 1e6;
                write!(f, " with {simulations} simulations a move, {considered} actions considered, noise {scale}")
            }
        }
    }
}
