//! What turns gradients into steps.
//!
//! Written here rather than taken from `tch::nn`, whose optimisers can neither save nor load what they remember.

use std::collections::BTreeMap;

use tch::Tensor;

use super::adamw::AdamW;
use super::nesterov::Nesterov;
use crate::event::training;
use crate::learn::architecture::TensorSpec;
use crate::learn::error::LearnError;
use crate::learn::net::{Net, to_device, to_host};
use crate::learn::tensorfile::HostTensor;
use crate::learn::weights::check_tensor;

/// What an optimiser remembers: lists of tensors, each in the net's order, by name.
pub(super) type Moments<'a> = Vec<(&'static str, &'a mut Vec<Tensor>)>;

/// An optimiser with what it remembers.
pub(in crate::learn) enum Optimizer {
    /// SGD.
    Nesterov(Nesterov),
    /// Adam.
    AdamW(AdamW),
}

impl Optimizer {
    /// An optimiser at rest.
    pub fn new(net: &Net, figures: &training::Optimizer) -> Result<Optimizer, LearnError> {
        Ok(match figures {
            training::Optimizer::Nesterov(figures) => Optimizer::Nesterov(Nesterov::new(net, figures)?),
            training::Optimizer::AdamW(figures) => Optimizer::AdamW(AdamW::new(net, figures)?),
        })
    }

    /// One step against the gradients; `step` counts from 0.
    pub fn step(&mut self, net: &Net, rate: f64, step: u32) -> Result<(), LearnError> {
        let _no_gradients = tch::no_grad_guard();
        match self {
            Optimizer::Nesterov(it) => it.step(net, rate),
            Optimizer::AdamW(it) => it.step(net, rate, step),
        }
    }

    /// What it remembers, as `NAME.TENSOR`.
    pub fn remembered(&mut self, net: &Net) -> Result<BTreeMap<String, HostTensor>, LearnError> {
        let mut host = BTreeMap::new();
        for (name, tensors) in self.moments() {
            for ((spec, _), tensor) in net.trained().zip(tensors.iter()) {
                host.insert(format!("{name}.{}", spec.name), to_host(tensor, &spec.shape)?);
            }
        }
        Ok(host)
    }

    /// Takes over what another remembered; all or none.
    pub fn load(&mut self, net: &Net, host: &BTreeMap<String, HostTensor>) -> Result<(), LearnError> {
        let read = |name: &str, spec: &TensorSpec| {
            let Some(tensor) = host.get(&format!("{name}.{}", spec.name)) else {
                return Err(LearnError::Weights {
                    reason: format!("the optimiser's {name} of {} is missing", spec.name),
                });
            };
            check_tensor(spec, Some(tensor))?;
            to_device(tensor, net.device())
        };
        let mut loaded = Vec::new();
        for (name, _) in self.moments() {
            loaded.push(net.trained().map(|(spec, _)| read(name, spec)).collect::<Result<Vec<_>, _>>()?);
        }
        for ((_, into), from) in self.moments().into_iter().zip(loaded) {
            *into = from;
        }
        Ok(())
    }

    fn moments(&mut self) -> Moments<'_> {
        match self {
            Optimizer::Nesterov(it) => it.moments(),
            Optimizer::AdamW(it) => it.moments(),
        }
    }
}

/// The tensor's gradient: zero where the loss did not depend on it. After a resume there is none at all where a run that was not
/// cut off has the zeros of an earlier step; both must do the same.
pub(super) fn gradient_of(tensor: &Tensor) -> Result<Tensor, LearnError> {
    let gradient = tensor.f_grad()?;
    if gradient.defined() { Ok(gradient) } else { Ok(tensor.f_detach()?.f_zeros_like()?) }
}

/// A zero for each trained tensor.
pub(super) fn zeros(net: &Net) -> Result<Vec<Tensor>, LearnError> {
    net.trained().map(|(_, tensor)| Ok(tensor.f_detach()?.f_zeros_like()?)).collect()
}
