//! Stochastic gradient descent with Nesterov momentum, and the clipping of gradients.
//!
//! Written here rather than taken from `tch::nn`, whose optimiser can neither save nor load its momentum.

use std::collections::BTreeMap;

use tch::Tensor;

use super::architecture::TensorSpec;
use super::error::LearnError;
use super::net::{Net, to_device, to_host};
use super::tensorfile::HostTensor;
use super::weights::check_tensor;

/// The optimiser's state: one velocity for each trained tensor, in the net's order.
pub(super) struct Nesterov {
    velocity: Vec<Tensor>,
    momentum: f64,
    weight_decay: f64,
}

impl Nesterov {
    /// An optimiser at rest.
    pub fn new(net: &Net, momentum: f64, weight_decay: f64) -> Result<Nesterov, LearnError> {
        let zeros = |(_, tensor): (&TensorSpec, &Tensor)| Ok(tensor.f_detach()?.f_zeros_like()?);
        let velocity = net.trained().map(zeros).collect::<Result<_, LearnError>>()?;
        Ok(Nesterov { velocity, momentum, weight_decay })
    }

    /// One step against the gradients: `v = m v + g`, `p = p - rate (g + m v)`, with decay in `g` for weights only.
    pub fn step(&mut self, net: &Net, rate: f64) -> Result<(), LearnError> {
        let _no_gradients = tch::no_grad_guard();
        for ((spec, tensor), velocity) in net.trained().zip(&mut self.velocity) {
            let mut gradient = tensor.f_grad()?;
            if spec.role.decays() {
                let _ = gradient.f_add_(&tensor.f_detach()?.f_mul_scalar(self.weight_decay)?)?;
            }
            let _ = velocity.f_mul_scalar_(self.momentum)?.f_add_(&gradient)?;
            let _ = gradient.f_add_(&velocity.f_mul_scalar(self.momentum)?)?.f_mul_scalar_(-rate)?;
            let _ = tensor.f_detach()?.f_add_(&gradient)?;
        }
        Ok(())
    }

    /// The velocities by the names of their tensors.
    pub fn to_host(&self, net: &Net) -> Result<BTreeMap<String, HostTensor>, LearnError> {
        let both = net.trained().zip(&self.velocity);
        both.map(|((spec, _), velocity)| Ok((spec.name.clone(), to_host(velocity, &spec.shape)?))).collect()
    }

    /// Takes over velocities; all or none.
    pub fn load(&mut self, net: &Net, host: &BTreeMap<String, HostTensor>) -> Result<(), LearnError> {
        let mut velocity = Vec::new();
        for (spec, _) in net.trained() {
            let tensor = host.get(&spec.name);
            check_tensor(spec, tensor)?;
            velocity.extend(tensor.map(|tensor| to_device(tensor, net.device())).transpose()?);
        }
        self.velocity = velocity;
        Ok(())
    }
}

/// Forgets the gradients of the last step.
pub(super) fn clear_gradients(net: &Net) -> Result<(), LearnError> {
    for mut gradient in gradients(net)? {
        let _ = gradient.f_detach_()?.f_zero_()?;
    }
    Ok(())
}

/// Length of the gradient over all trained tensors.
pub(super) fn gradient_norm(net: &Net) -> Result<f64, LearnError> {
    let _no_gradients = tch::no_grad_guard();
    let norms: Vec<Tensor> =
        gradients(net)?.iter().map(|gradient| Ok(gradient.f_norm()?)).collect::<Result<_, LearnError>>()?;
    Ok(Tensor::f_stack(&norms, 0)?.f_norm()?.f_double_value(&[])?)
}

/// Shortens the gradient to `norm_max` when it is longer. Returns its length before.
pub(super) fn clip_gradients(net: &Net, norm_max: f64) -> Result<f64, LearnError> {
    let norm = gradient_norm(net)?;
    if norm > norm_max {
        let _no_gradients = tch::no_grad_guard();
        for mut gradient in gradients(net)? {
            let _ = gradient.f_mul_scalar_(norm_max / norm)?;
        }
    }
    Ok(norm)
}

/// The gradients of those tensors that have one.
fn gradients(net: &Net) -> Result<Vec<Tensor>, LearnError> {
    let all: Vec<Tensor> = net.trained().map(|(_, tensor)| Ok(tensor.f_grad()?)).collect::<Result<_, LearnError>>()?;
    Ok(all.into_iter().filter(Tensor::defined).collect())
}
