//! The weights of a net on the host, and model files.
//!
//! A model file is all or nothing: one wrong name, shape, field or bit, and nothing of it is used.

use std::collections::BTreeMap;
use std::path::Path;

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::architecture::{Architecture, Role, TensorSpec};
use super::error::LearnError;
use super::frozen::Answers;
use super::tensorfile::{self, HostTensor};
use crate::event::Hash;

/// What the metadata of a model file calls it.
const FORMAT: &str = "kifu-model";
/// Width of the start values of a head's last layer against He's.
const OUTPUT_GAIN: f32 = 0.02;
/// The same for the factors of a product.
const BILINEAR_GAIN: f32 = 0.15;

/// All tensors of a net. Complete, of the right shapes, and finite by construction.
#[derive(Clone, Debug, PartialEq)]
pub struct Weights {
    architecture: Architecture,
    tensors: BTreeMap<String, HostTensor>,
    /// What the net said of the frozen positions when the file was written.
    frozen: Option<Answers>,
}

/// Names of the tensors that hold the answers to the frozen positions.
const FROZEN: [&str; 2] = ["frozen.logits", "frozen.values"];

impl Weights {
    /// Random weights by He et al. (2015), uniform. The same seed gives the same weights on every machine.
    ///
    /// # Errors
    /// [`LearnError::Family`] when the architecture's family is unknown.
    pub fn random(architecture: Architecture, seed: u64) -> Result<Weights, LearnError> {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let specs = architecture.tensors()?;
        let tensors = specs.into_iter().map(|spec| {
            let data = start_values(&spec, &mut rng);
            (spec.name, HostTensor { shape: spec.shape, data })
        });
        Ok(Weights { tensors: tensors.collect(), architecture, frozen: None })
    }

    /// Takes tensors that must be exactly those of `architecture`.
    ///
    /// # Errors
    /// [`LearnError::Weights`] when one is missing, of another shape, not finite, or not part of the net.
    pub fn new(architecture: Architecture, tensors: BTreeMap<String, HostTensor>) -> Result<Weights, LearnError> {
        let specs = architecture.tensors()?;
        for spec in &specs {
            check_tensor(spec, tensors.get(&spec.name))?;
        }
        if let Some(extra) = tensors.keys().find(|name| !specs.iter().any(|spec| spec.name == **name)) {
            return Err(LearnError::Weights {
                reason: format!("it holds {extra}, which is not part of {}", architecture.net),
            });
        }
        Ok(Weights { architecture, tensors, frozen: None })
    }

    /// Reads a model file, and the hash of the bytes that were really read.
    ///
    /// # Errors
    /// [`LearnError::Io`], [`LearnError::Weights`] for anything but an intact model file, [`LearnError::Mismatch`].
    pub fn read(path: &Path) -> Result<(Weights, Hash), LearnError> {
        let bytes = tensorfile::read(path)?;
        Ok((Weights::from_bytes(&bytes)?, Hash::of(&bytes)))
    }

    /// Reads the bytes of a model file.
    ///
    /// # Errors
    /// As [`Weights::read`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Weights, LearnError> {
        let (architecture, mut tensors) = tensorfile::decode(FORMAT, bytes)?;
        let frozen = match FROZEN.map(|name| tensors.remove(name)) {
            [Some(logits), Some(values)] => Some(Answers { logits: logits.data, values: values.data }),
            [None, None] => None,
            _ => return Err(LearnError::Weights { reason: "it holds only a part of the frozen answers".to_owned() }),
        };
        Ok(Weights { frozen, ..Weights::new(architecture, tensors)? })
    }

    /// The bytes of the model file. The same weights give the same bytes.
    ///
    /// # Errors
    /// [`LearnError::Weights`] when the format cannot hold them.
    pub fn to_bytes(&self) -> Result<Vec<u8>, LearnError> {
        let Some(frozen) = &self.frozen else {
            return tensorfile::encode(FORMAT, &self.architecture, &self.tensors);
        };
        let mut tensors = self.tensors.clone();
        for (name, data) in FROZEN.into_iter().zip([&frozen.logits, &frozen.values]) {
            tensors.insert(name.to_owned(), HostTensor { shape: vec![data.len()], data: data.clone() });
        }
        tensorfile::encode(FORMAT, &self.architecture, &tensors)
    }

    /// Writes the model file and returns the hash of its bytes.
    ///
    /// # Errors
    /// [`LearnError::Io`] when it cannot be written.
    pub fn write(&self, path: &Path) -> Result<Hash, LearnError> {
        let bytes = self.to_bytes()?;
        let io = |source| LearnError::Io { doing: "write", path: path.to_owned(), source };
        std::fs::write(path, &bytes).map_err(io)?;
        Ok(Hash::of(&bytes))
    }

    /// What the weights fit.
    pub fn architecture(&self) -> &Architecture {
        &self.architecture
    }

    /// What the net said of the frozen positions when it was written; none for weights that were never signed.
    pub fn frozen(&self) -> Option<&Answers> {
        self.frozen.as_ref()
    }

    /// The same weights with these answers.
    pub fn with_frozen(self, answers: Answers) -> Weights {
        Weights { frozen: Some(answers), ..self }
    }

    /// The tensors by name.
    pub fn tensors(&self) -> &BTreeMap<String, HostTensor> {
        &self.tensors
    }

    /// The parts.
    pub fn into_parts(self) -> (Architecture, BTreeMap<String, HostTensor>) {
        (self.architecture, self.tensors)
    }
}

/// Refuses a tensor that is not what `spec` says.
pub(super) fn check_tensor(spec: &TensorSpec, tensor: Option<&HostTensor>) -> Result<(), LearnError> {
    let bad = |what: String| Err(LearnError::Weights { reason: format!("{} {what}", spec.name) });
    let Some(tensor) = tensor else { return bad("is missing".to_owned()) };
    if tensor.shape != spec.shape || tensor.data.len() != spec.len() {
        return bad(format!("has shape {:?} where {:?} is needed", tensor.shape, spec.shape));
    }
    let usable = |value: &f32| value.is_finite() && (spec.role != Role::Variance || *value >= 0.0);
    match tensor.data.iter().find(|value| !usable(value)) {
        Some(value) => bad(format!("holds {value}")),
        None => Ok(()),
    }
}

fn start_values(spec: &TensorSpec, rng: &mut ChaCha8Rng) -> Vec<f32> {
    let inputs: usize = spec.shape.iter().skip(1).product();
    let bound = (6.0 / inputs as f32).sqrt();
    let mut uniform = |bound: f32| (0..spec.len()).map(|_| rng.random_range(-bound..bound)).collect();
    match spec.role {
        Role::Weight => uniform(bound),
        Role::Output => uniform(bound * OUTPUT_GAIN),
        Role::Bilinear => uniform(bound * BILINEAR_GAIN),
        Role::Shift | Role::Mean => vec![0.0; spec.len()],
        Role::Scale | Role::Variance => vec![1.0; spec.len()],
    }
}
