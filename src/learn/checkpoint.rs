//! A training run half-way: weights, what the optimiser remembers, averages, and the losses so far. Lets a run that was cut
//! off go on where it was.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Write as _;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::architecture::Architecture;
use super::curve::{Curve, bits};
use super::error::LearnError;
use super::tensorfile::{self, HostTensor};
use super::weights::Weights;

/// What the metadata calls the file.
const FORMAT: &str = "kifu-checkpoint";
/// In front of the names of the net's tensors.
const NET: &str = "net.";
/// In front of the names of what the optimiser remembers.
const OPTIMIZER: &str = "optimizer.";
/// In front of the names of the averaged tensors.
const AVERAGE: &str = "average.";
/// In front of the names of the best tensors.
const BEST: &str = "best.";

/// A run between two steps.
#[derive(Clone, Debug, PartialEq)]
pub struct Checkpoint {
    /// Where the run stands.
    pub progress: RunProgress,
    /// The net, running statistics included.
    pub weights: Weights,
    /// What the optimiser remembers, by name.
    pub optimizer: BTreeMap<String, HostTensor>,
    /// The average of the weights, when the recipe wants one.
    pub average: Option<Weights>,
    /// The weights with the best validation loss, when there was a look.
    pub best: Option<Weights>,
}

/// Where a run stands, without its tensors.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RunProgress {
    /// Whatever identifies the run: a checkpoint of another run is of no use.
    pub run: String,
    /// Steps done.
    pub step: u32,
    /// The loss of the first step, against which divergence is judged.
    #[serde(with = "bits")]
    pub first_loss: f64,
    /// The step of the best look at the held-out games; 0 when there was none.
    pub best_step: u32,
    /// The loss of that look.
    #[serde(with = "bits")]
    pub best_loss: f64,
    /// Looks since then.
    pub worse: u32,
    /// The losses so far.
    pub curve: Curve,
    /// Bits of the numbers in which losses and gradients are computed; 32 in checkpoints that do not say.
    #[serde(default = "bits_by_default")]
    pub bits: u32,
}

fn bits_by_default() -> u32 {
    32
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct About {
    architecture: Architecture,
    progress: RunProgress,
}

impl Checkpoint {
    /// Writes the checkpoint beside `path` and moves it there, so that a crash leaves the old one or the new one.
    ///
    /// # Errors
    /// [`LearnError::Io`] when the file cannot be written.
    pub fn write(self, path: &Path) -> Result<(), LearnError> {
        let mut tensors = BTreeMap::new();
        let mut put = |prefix: &str, part: BTreeMap<String, HostTensor>| {
            tensors.extend(part.into_iter().map(|(name, tensor)| (format!("{prefix}{name}"), tensor)));
        };
        let (architecture, net) = self.weights.into_parts();
        put(NET, net);
        put(OPTIMIZER, self.optimizer);
        for (prefix, weights) in [(AVERAGE, self.average), (BEST, self.best)] {
            put(prefix, weights.map(|weights| weights.into_parts().1).unwrap_or_default());
        }
        let bytes = tensorfile::encode(FORMAT, &About { architecture, progress: self.progress }, &tensors)?;
        let io = |source| LearnError::Io { doing: "write", path: path.to_owned(), source };
        // Of this process alone: an attempt that was given up may still be writing its own.
        let fresh = path.with_extension(format!("{}.new", std::process::id()));
        let write = || {
            let mut file = File::create(&fresh)?;
            file.write_all(&bytes)?;
            // Or a power cut may leave the name and not the content.
            file.sync_data()
        };
        write().map_err(io)?;
        std::fs::rename(&fresh, path).map_err(io)
    }

    /// Reads a checkpoint.
    ///
    /// # Errors
    /// As [`Weights::read`].
    pub fn read(path: &Path) -> Result<Checkpoint, LearnError> {
        let (about, tensors) = tensorfile::decode::<About>(FORMAT, &tensorfile::read(path)?)?;
        let take = |prefix: &str| -> BTreeMap<String, HostTensor> {
            let named = tensors.iter().filter_map(|(name, tensor)| Some((name.strip_prefix(prefix)?, tensor)));
            named.map(|(name, tensor)| (name.to_owned(), tensor.clone())).collect()
        };
        let weights = |tensors| Weights::new(about.architecture.clone(), tensors);
        let some = |tensors: BTreeMap<_, _>| (!tensors.is_empty()).then(|| weights(tensors)).transpose();
        Ok(Checkpoint {
            weights: weights(take(NET))?,
            optimizer: take(OPTIMIZER),
            average: some(take(AVERAGE))?,
            best: some(take(BEST))?,
            progress: about.progress,
        })
    }
}
