//! What can go wrong while games are played.

/// A search was asked for something impossible, or was answered with something senseless.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum SearchError {
    /// A number of a recipe or a plan is outside its bounds.
    #[error("{what} is {found}, allowed is {allowed}")]
    Bounds {
        /// Which number.
        what: &'static str,
        /// Its value.
        found: String,
        /// What is allowed, in words.
        allowed: &'static str,
    },
    /// The evaluator answered with another number of logits than the position has legal actions, or of evaluations than the
    /// batch has positions.
    #[error("the evaluator gave {found} {what}, expected {expected}: do the model and the game fit together?")]
    Count {
        /// What was counted.
        what: &'static str,
        /// How many came.
        found: usize,
        /// How many were needed.
        expected: usize,
    },
    /// The evaluator answered with a number that is none, or with a value that is no probability.
    #[error("the evaluator gave the {what} {found}: the weights are damaged or the training diverged")]
    Senseless {
        /// Logit or value.
        what: &'static str,
        /// The number.
        found: f32,
    },
    /// An evaluation was supplied that nobody asked for.
    #[error("an evaluation was supplied that nobody asked for")]
    Unasked,
    /// A game went on beyond its own bound: its rules are wrong.
    #[error("a game is still going on after {plies} plies, more than its rules allow")]
    Endless {
        /// Plies played.
        plies: usize,
    },
    /// All random openings ended the game.
    #[error(
        "no opening of {plies} random plies was found that leaves a game to play, in {tries} tries: shorten the opening"
    )]
    NoOpening {
        /// Plies of the opening.
        plies: u32,
        /// Openings tried.
        tries: u32,
    },
}

/// Why a run of games ended before its time. Games of such a run are void.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PlayError<E: std::error::Error + Send + Sync + 'static> {
    /// The evaluator failed.
    #[error("cannot evaluate a batch of positions: {0}")]
    Evaluator(#[source] E),
    /// The search failed.
    #[error(transparent)]
    Search(#[from] SearchError),
    /// The caller no longer wants the games.
    #[error("stopped as asked")]
    Stopped,
}
