//! A net in libtorch: its tensors by name, and the tower that uses them.

use std::collections::BTreeMap;

use tch::{Device, Kind, Tensor};

use super::architecture::{Architecture, Family, TensorSpec};
use super::error::LearnError;
use super::policy_head::{Asked, PolicyHead};
use super::tensorfile::HostTensor;
use super::tower::{Folded, Heads, Linear, Normed, Tower, ValueHead};
use super::weights::Weights;

/// A trainable net on a device.
pub struct Net {
    architecture: Architecture,
    device: Device,
    tensors: Vec<(TensorSpec, Tensor)>,
    tower: Tower<Normed>,
}

impl Net {
    /// A net with these weights.
    ///
    /// # Errors
    /// [`LearnError::Torch`] when the device cannot hold it.
    pub fn new(weights: &Weights, device: Device) -> Result<Net, LearnError> {
        let architecture = weights.architecture().clone();
        let mut tensors = Vec::new();
        for spec in architecture.tensors()? {
            let host = &weights.tensors()[&spec.name];
            let tensor = to_device(host, device)?.f_set_requires_grad(spec.role.trains())?;
            tensors.push((spec, tensor));
        }
        let by_name: BTreeMap<&str, &Tensor> =
            tensors.iter().map(|(spec, tensor)| (spec.name.as_str(), tensor)).collect();
        let tower = build(&architecture, architecture.family()?, &by_name);
        Ok(Net { architecture, device, tower, tensors })
    }

    /// The weights as they are now, on the host.
    ///
    /// # Errors
    /// [`LearnError::Weights`] when a value is no longer finite.
    pub fn weights(&self) -> Result<Weights, LearnError> {
        let host = |(spec, tensor): &(TensorSpec, Tensor)| Ok((spec.name.clone(), to_host(tensor, &spec.shape)?));
        let tensors = self.tensors.iter().map(host).collect::<Result<_, LearnError>>()?;
        Weights::new(self.architecture.clone(), tensors)
    }

    /// What the net is.
    pub fn architecture(&self) -> &Architecture {
        &self.architecture
    }

    /// Where the net is.
    pub fn device(&self) -> Device {
        self.device
    }

    /// All tensors, in the layers' order.
    pub(super) fn tensors(&self) -> impl Iterator<Item = (&TensorSpec, &Tensor)> {
        self.tensors.iter().map(|(spec, tensor)| (spec, tensor))
    }

    /// The tensors that the optimiser changes, in the layers' order.
    pub(super) fn trained(&self) -> impl Iterator<Item = (&TensorSpec, &Tensor)> {
        self.tensors.iter().filter(|(spec, _)| spec.role.trains()).map(|(spec, tensor)| (spec, tensor))
    }

    /// Runs a batch. In training, normalisation uses the batch's statistics and updates the running ones.
    pub(super) fn forward(&self, input: &Tensor, asked: &Asked, training: bool) -> Result<Heads, LearnError> {
        self.tower.forward(input, asked, training)
    }

    /// The net for inference, in this number format.
    pub(super) fn fold(&self, kind: Kind) -> Result<Tower<Folded>, LearnError> {
        tch::no_grad(|| self.tower.fold(kind))
    }
}

/// A host tensor on the device.
pub(super) fn to_device(host: &HostTensor, device: Device) -> Result<Tensor, LearnError> {
    let shape: Vec<i64> = host.shape.iter().map(|side| *side as i64).collect();
    Ok(Tensor::f_from_slice(&host.data)?.f_reshape(shape)?.f_to_device(device)?)
}

/// A tensor's elements on the host.
pub(super) fn to_host(tensor: &Tensor, shape: &[usize]) -> Result<HostTensor, LearnError> {
    let flat = tensor.f_detach()?.f_to_device(Device::Cpu)?.f_to_kind(Kind::Float)?.f_contiguous()?;
    let mut data = vec![0.0; shape.iter().product()];
    flat.f_copy_data(&mut data, flat.numel())?;
    Ok(HostTensor { shape: shape.to_vec(), data })
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
        value: ValueHead { reduce: normed("value"), hidden: linear("value.hidden"), out: linear("value.out") },
    }
}
