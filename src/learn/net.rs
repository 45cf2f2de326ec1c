//! A net in libtorch: its tensors by name, and the tower that uses them.

use std::collections::BTreeMap;

use tch::{Device, Kind, Tensor};

use super::architecture::{Architecture, Family};
use super::error::LearnError;
use super::layout::Layout;
use super::policy_head::{Asked, PolicyHead};
use super::precision::Precision;
use super::tower::{Folded, Heads, Linear, Normed, SeatsHead, Tower};
use super::weights::Weights;

/// A trainable net on a device.
pub struct Net {
    architecture: Architecture,
    device: Device,
    layout: Layout,
    flat: Tensor,
    trained: Vec<Tensor>,
    tower: Tower<Normed>,
    /// The numbers in which its layers multiply; the weights are of 32 bits.
    kind: Kind,
}

impl Net {
    /// A net with these weights.
    ///
    /// # Errors
    /// [`LearnError::Torch`] when the device cannot hold it.
    pub fn new(weights: &Weights, device: Device) -> Result<Net, LearnError> {
        let architecture = weights.architecture().clone();
        let layout = Layout::new(architecture.tensors()?);
        let flat = layout.gather(layout.all().iter().map(|spec| &weights.tensors()[&spec.name]), device)?;
        let mut tensors = layout.views(&flat)?;
        for (spec, tensor) in layout.all().iter().zip(&mut tensors) {
            *tensor = tensor.f_detach()?.f_set_requires_grad(spec.role.trains())?;
        }
        let by_name: BTreeMap<&str, &Tensor> =
            layout.all().iter().map(|spec| spec.name.as_str()).zip(&tensors).collect();
        let tower = build(&architecture, architecture.family()?, &by_name);
        tensors.truncate(layout.trained().len());
        Ok(Net { architecture, device, layout, flat, trained: tensors, tower, kind: Kind::Float })
    }

    /// Lets layers multiply in these numbers from now on, in training and without.
    pub(super) fn compute_in(&mut self, precision: Precision) {
        self.kind = precision.kind();
    }

    /// The weights as they are now, on the host.
    ///
    /// # Errors
    /// [`LearnError::Weights`] when a value is no longer finite.
    pub fn weights(&self) -> Result<Weights, LearnError> {
        Weights::new(self.architecture.clone(), self.layout.host(&self.flat)?)
    }

    /// What the net is.
    pub fn architecture(&self) -> &Architecture {
        &self.architecture
    }

    /// Where the net is.
    pub fn device(&self) -> Device {
        self.device
    }

    /// How its tensors lie in [`Net::flat`].
    pub(super) fn layout(&self) -> &Layout {
        &self.layout
    }

    /// All its numbers, in the memory of its tensors: who changes them changes the net.
    pub(super) fn flat(&self) -> &Tensor {
        &self.flat
    }

    /// The tensors that the optimiser changes, as they lie.
    pub(super) fn trained(&self) -> &[Tensor] {
        &self.trained
    }

    /// Runs a batch. In training, normalisation uses the batch's statistics and updates the running ones.
    pub(super) fn forward(&self, input: &Tensor, asked: &Asked, training: bool) -> Result<Heads, LearnError> {
        self.tower.forward(&input.f_to_kind(self.kind)?, asked, training)
    }

    /// The net for inference, in this number format.
    pub(super) fn fold(&self, kind: Kind) -> Result<Tower<Folded>, LearnError> {
        tch::no_grad(|| self.tower.fold(kind))
    }
}

/// Wires named tensors into layers. The names are those of [`Architecture::tensors`], which made the map.
fn build(architecture: &Architecture, family: Family, tensors: &BTreeMap<&str, &Tensor>) -> Tower<Normed> {
    let get = |name: String| tensors[name.as_str()].shallow_clone();
    let normed = |name: &str| Normed {
        weight: get(format!("{name}.conv.weight")),
        scale: get(format!("{name}.norm.weight")),
        shift: get(format!("{name}.norm.bias")),
        mean: get(format!("{name}.norm.running_mean")),
        variance: get(format!("{name}.norm.running_var")),
    };
    let linear = |name: &str| Linear { weight: get(format!("{name}.weight")), bias: get(format!("{name}.bias")) };
    let seats = |name: &str| SeatsHead {
        reduce: normed(name),
        hidden: linear(&format!("{name}.hidden")),
        out: linear(&format!("{name}.out")),
    };
    Tower {
        stem: normed("stem"),
        blocks: (0..family.blocks)
            .map(|block| [normed(&format!("blocks.{block}.a")), normed(&format!("blocks.{block}.b"))])
            .collect(),
        policy: PolicyHead {
            reduce: normed("policy"),
            kinds: linear("policy.kinds"),
            roles: linear("policy.roles"),
            pairs: (architecture.policy.families > 0).then(|| [linear("policy.query"), linear("policy.key")]),
            rank: family.rank,
        },
        value: seats("value"),
        margin: (architecture.margins > 0).then(|| seats("margin")),
    }
}
