//! What turns gradients into steps.
//!
//! Written here rather than taken from `tch::nn`, whose optimisers can neither save nor load what they remember.

use std::collections::BTreeMap;

use tch::Tensor;

use super::adamw::AdamW;
use super::gradients::Gradient;
use super::nesterov::Nesterov;
use crate::event::training;
use crate::learn::architecture::TensorSpec;
use crate::learn::error::LearnError;
use crate::learn::net::Net;
use crate::learn::tensorfile::HostTensor;
use crate::learn::weights::check_tensor;

/// What an optimiser remembers: lists of numbers as the trained part of [`Net::flat`] lies, by name.
pub(super) type Moments<'a> = Vec<(&'static str, &'a mut Tensor)>;

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

    /// One step against the gradient; `step` counts from 0.
    pub fn step(&mut self, net: &Net, gradient: &Gradient, rate: f64, step: u32) -> Result<(), LearnError> {
        let _no_gradients = tch::no_grad_guard();
        match self {
            Optimizer::Nesterov(it) => it.step(net, gradient, rate),
            Optimizer::AdamW(it) => it.step(net, gradient, rate, step),
        }
    }

    /// What it remembers, as `NAME.TENSOR`.
    pub fn remembered(&mut self, net: &Net) -> Result<BTreeMap<String, HostTensor>, LearnError> {
        let mut host = BTreeMap::new();
        for (name, flat) in self.moments() {
            let tensors = net.layout().host(flat)?;
            host.extend(tensors.into_iter().map(|(tensor, values)| (format!("{name}.{tensor}"), values)));
        }
        Ok(host)
    }

    /// Takes over what another remembered; all or none.
    pub fn load(&mut self, net: &Net, host: &BTreeMap<String, HostTensor>) -> Result<(), LearnError> {
        let read = |name: &str, spec: &TensorSpec| -> Result<&HostTensor, LearnError> {
            let Some(tensor) = host.get(&format!("{name}.{}", spec.name)) else {
                return Err(LearnError::Weights {
                    reason: format!("the optimiser's {name} of {} is missing", spec.name),
                });
            };
            check_tensor(spec, Some(tensor))?;
            Ok(tensor)
        };
        let mut loaded = Vec::new();
        for (name, _) in self.moments() {
            let tensors = net.layout().trained().iter().map(|spec| read(name, spec)).collect::<Result<Vec<_>, _>>()?;
            loaded.push(net.layout().gather(tensors, net.device())?);
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

/// Shortens the weights by `factor`; norms and biases stay.
pub(super) fn decay(net: &Net, factor: f64) -> Result<(), LearnError> {
    let _ = net.flat().f_narrow(0, 0, net.layout().decaying_len())?.f_mul_scalar_(factor)?;
    Ok(())
}

/// A zero for each trained number.
pub(super) fn zeros(net: &Net) -> Result<Tensor, LearnError> {
    Ok(net.flat().f_narrow(0, 0, net.layout().trained_len())?.f_zeros_like()?)
}
