//! What can go wrong with nets, samples and training.

/// Learning failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LearnError {
    /// A file or folder could not be used.
    #[error("could not {doing} {path}: {source}")]
    Io {
        /// What was tried.
        doing: &'static str,
        /// On which path.
        path: std::path::PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The bytes are not a model file, or a damaged one. No other attempt can help.
    #[error("not a usable model file: {reason}")]
    Weights {
        /// What is wrong with it.
        reason: String,
    },
    /// A model file is intact, but made for something else.
    #[error("the model file has {field} {found}, and {wanted} is needed")]
    Mismatch {
        /// The field of the metadata.
        field: &'static str,
        /// What the file says.
        found: String,
        /// What would fit.
        wanted: String,
    },
    /// A model file was written by another version of the program, whose nets are built otherwise.
    #[error(
        "the model file is of {found}, and this build reads {wanted}: its nets are built otherwise, so the weights cannot be taken over; \
         begin again with a fresh model (a new generation 0) and train it on the recorded games, or use the program that wrote the file"
    )]
    Outdated {
        /// What the file says.
        found: String,
        /// What this build reads.
        wanted: String,
    },
    /// A net does not say of the frozen positions what its model file says: it computes something else than when it was written.
    #[error(
        "the net's {what} of the frozen positions differ from those in the model file by {distance}, and {limit} is allowed: \
         this build or this machine computes other numbers from the same weights; do not use it"
    )]
    Frozen {
        /// Logits or values.
        what: &'static str,
        /// The greatest difference.
        distance: f32,
        /// The greatest that is allowed.
        limit: f32,
    },
    /// In fewer bits a net says something else than in 32.
    #[error(
        "in {precision} the net's {what} of the frozen positions differ from those in 32 bits by {distance}, and {limit} is allowed"
    )]
    Precision {
        /// The fewer bits.
        precision: &'static str,
        /// Policy shares or values.
        what: &'static str,
        /// The greatest difference.
        distance: f32,
        /// The greatest that is allowed.
        limit: f32,
    },
    /// A device does not compute what the processor computes, or does not learn.
    #[error("the device {device} failed its check: {what}")]
    Device {
        /// The device.
        device: String,
        /// What it did wrong.
        what: String,
    },
    /// There is no family of nets with this name.
    #[error("net family {0:?} is unknown; known are tiny, small, base and large")]
    Family(String),
    /// Recorded games cannot be turned into samples.
    #[error("game {game} of a batch cannot be learned from: {reason}")]
    Samples {
        /// Index of the game in its batch.
        game: usize,
        /// What is wrong with it.
        reason: String,
    },
    /// The recipe cannot be followed.
    #[error("the training recipe is unusable: {0}")]
    Recipe(&'static str),
    /// The losses became non-finite or exploded. Another attempt with the same seed would do the same.
    #[error("training diverged at step {step}: {what}; lower the learning rate")]
    Diverged {
        /// The step, counted from 1.
        step: u32,
        /// Which figure, and its value.
        what: String,
    },
    /// A run came to its end and knows less than its parent. Another attempt with the same seed would do the same.
    #[error(
        "training collapsed in {steps} steps: {what}; lower the learning rate or the weight decay, or train on more games"
    )]
    Collapsed {
        /// Steps done.
        steps: u32,
        /// The losses that show it.
        what: String,
    },
    /// The caller asked for a stop.
    #[error("stopped on request")]
    Cancelled,
    /// libtorch refused an operation.
    #[error("libtorch failed: {0}")]
    Torch(String),
}

impl LearnError {
    /// Whether another attempt with the same inputs could succeed.
    pub fn may_pass_later(&self) -> bool {
        matches!(self, LearnError::Io { .. } | LearnError::Torch(_) | LearnError::Cancelled)
    }
}

#[cfg(feature = "torch")]
impl From<tch::TchError> for LearnError {
    /// Keeps the first line: the rest is libtorch's own stack.
    fn from(error: tch::TchError) -> Self {
        let text = error.to_string();
        LearnError::Torch(text.lines().next().unwrap_or_default().to_owned())
    }
}
