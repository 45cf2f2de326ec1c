//! Stochastic gradient descent with Nesterov momentum.

use tch::Tensor;

use super::gradients::Gradient;
use super::optimizer::{Moments, zeros};
use crate::event::training::Nesterov as Figures;
use crate::learn::error::LearnError;
use crate::learn::net::Net;

/// The velocity, number by number.
pub(in crate::learn) struct Nesterov {
    velocity: Tensor,
    momentum: f64,
    weight_decay: f64,
}

impl Nesterov {
    pub(super) fn new(net: &Net, figures: &Figures) -> Result<Nesterov, LearnError> {
        let (momentum, weight_decay) = (figures.momentum.to_f64(), figures.weight_decay.to_f64());
        Ok(Nesterov { velocity: zeros(net)?, momentum, weight_decay })
    }

    /// One step against the gradients: `v = m v + g`, `p = p - rate (g + m v)`, with decay in `g` for weights only.
    pub(super) fn step(&mut self, net: &Net, gradient: &Gradient, rate: f64) -> Result<(), LearnError> {
        let mut gradient = gradient.flat().f_detach_copy()?;
        let (trained, decaying) = (net.layout().trained_len(), net.layout().decaying_len());
        let decay = net.flat().f_narrow(0, 0, decaying)?.f_mul_scalar(self.weight_decay)?;
        let _ = gradient.f_narrow(0, 0, decaying)?.f_add_(&decay)?;
        let _ = self.velocity.f_mul_scalar_(self.momentum)?.f_add_(&gradient)?;
        let _ = gradient.f_add_(&self.velocity.f_mul_scalar(self.momentum)?)?.f_mul_scalar_(-rate)?;
        let _ = net.flat().f_narrow(0, 0, trained)?.f_add_(&gradient)?;
        Ok(())
    }

    pub(super) fn moments(&mut self) -> Moments<'_> {
        vec![("velocity", &mut self.velocity)]
    }
}
