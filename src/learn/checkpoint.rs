//! A training run half-way: weights, momentum and the step. Lets a run that was cut off go on where it was.

use std::collections::BTreeMap;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::architecture::Architecture;
use super::error::LearnError;
use super::tensorfile::{self, HostTensor};
use super::weights::Weights;

/// What the metadata calls the file.
const FORMAT: &str = "kifu-checkpoint";
/// In front of the names of velocities.
const VELOCITY: &str = "velocity.";

/// A run between two steps.
#[derive(Clone, Debug, PartialEq)]
pub struct Checkpoint {
    /// Steps done.
    pub step: u32,
    /// Whatever identifies the run: a checkpoint of another run is of no use.
    pub run: String,
    /// The loss of the first step, against which divergence is judged.
    pub first_loss: f64,
    /// The net, running statistics included.
    pub weights: Weights,
    /// The optimiser's velocities by tensor.
    pub velocity: BTreeMap<String, HostTensor>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct About {
    architecture: Architecture,
    step: u32,
    run: String,
    first_loss: f64,
}

impl Checkpoint {
    /// Writes the checkpoint beside `path` and moves it there, so that a crash leaves the old one or the new one.
    ///
    /// # Errors
    /// [`LearnError::Io`] when the file cannot be written.
    pub fn write(self, path: &Path) -> Result<(), LearnError> {
        let (architecture, mut tensors) = self.weights.into_parts();
        tensors.extend(self.velocity.into_iter().map(|(name, tensor)| (format!("{VELOCITY}{name}"), tensor)));
        let about = About { architecture, step: self.step, run: self.run, first_loss: self.first_loss };
        let bytes = tensorfile::encode(FORMAT, &about, &tensors)?;
        let io = |source| LearnError::Io { doing: "write", path: path.to_owned(), source };
        let fresh = path.with_extension("new");
        std::fs::write(&fresh, bytes).map_err(io)?;
        std::fs::rename(&fresh, path).map_err(io)
    }

    /// Reads a checkpoint.
    ///
    /// # Errors
    /// As [`Weights::read`].
    pub fn read(path: &Path) -> Result<Checkpoint, LearnError> {
        let (about, tensors) = tensorfile::decode::<About>(FORMAT, &tensorfile::read(path)?)?;
        let mut weights = BTreeMap::new();
        let mut velocity = BTreeMap::new();
        for (name, tensor) in tensors {
            match name.strip_prefix(VELOCITY) {
                Some(name) => velocity.insert(name.to_owned(), tensor),
                None => weights.insert(name, tensor),
            };
        }
        let weights = Weights::new(about.architecture, weights)?;
        Ok(Checkpoint { step: about.step, run: about.run, first_loss: about.first_loss, weights, velocity })
    }
}
