//! Stochastic gradient descent with Nesterov momentum.

use tch::Tensor;

use super::optimizer::{Moments, gradient_of, zeros};
use crate::event::training::Nesterov as Figures;
use crate::learn::error::LearnError;
use crate::learn::net::Net;

/// One velocity for each trained tensor, in the net's order.
pub(in crate::learn) struct Nesterov {
    velocity: Vec<Tensor>,
    momentum: f64,
    weight_decay: f64,
}

impl Nesterov {
    pub(super) fn new(net: &Net, figures: &Figures) -> Result<Nesterov, LearnError> {
        let (momentum, weight_decay) = (figures.momentum.to_f64(), figures.weight_decay.to_f64());
        Ok(Nesterov { velocity: zeros(net)?, momentum, weight_decay })
    }

    /// One step against the gradients: `v = m v + g`, `p = p - rate (g + m v)`, with decay in `g` for weights only.
    pub(super) fn step(&mut self, net: &Net, rate: f64) -> Result<(), LearnError> {
        for ((spec, tensor), velocity) in net.trained().zip(&mut self.velocity) {
            let mut gradient = gradient_of(tensor)?;
            if spec.role.decays() {
                let _ = gradient.f_add_(&tensor.f_detach()?.f_mul_scalar(self.weight_decay)?)?;
            }
            let _ = velocity.f_mul_scalar_(self.momentum)?.f_add_(&gradient)?;
            let _ = gradient.f_add_(&velocity.f_mul_scalar(self.momentum)?)?.f_mul_scalar_(-rate)?;
            let _ = tensor.f_detach()?.f_add_(&gradient)?;
        }
        Ok(())
    }

    pub(super) fn moments(&mut self) -> Moments<'_> {
        vec![("velocity", &mut self.velocity)]
    }
}
