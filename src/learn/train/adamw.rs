//! Adam with decoupled weight decay (Loshchilov and Hutter 2019).

use tch::Tensor;

use super::gradients::Gradient;
use super::optimizer::{Moments, decay, zeros};
use crate::event::training::AdamW as Figures;
use crate::learn::error::LearnError;
use crate::learn::net::Net;

/// Added to the root of the mean square.
const EPSILON: f64 = 1e-8;

/// The mean and the mean square of the gradient, number by number.
pub(in crate::learn) struct AdamW {
    mean: Tensor,
    square: Tensor,
    beta1: f64,
    beta2: f64,
    weight_decay: f64,
}

impl AdamW {
    pub(super) fn new(net: &Net, figures: &Figures) -> Result<AdamW, LearnError> {
        Ok(AdamW {
            mean: zeros(net)?,
            square: zeros(net)?,
            beta1: figures.beta1.to_f64(),
            beta2: figures.beta2.to_f64(),
            weight_decay: figures.weight_decay.to_f64(),
        })
    }

    /// `p = p (1 - rate d) - rate m' / (sqrt(v') + e)`, where `m'` and `v'` are freed from their bias towards 0 and `d` is 0 for
    /// norms and biases. `step` counts from 0.
    pub(super) fn step(&mut self, net: &Net, gradient: &Gradient, rate: f64, step: u32) -> Result<(), LearnError> {
        let age = f64::from(step) + 1.0;
        let unbias = |beta: f64| 1.0 - beta.powf(age);
        let gradient = gradient.flat();
        let _ = self.mean.f_lerp_(gradient, 1.0 - self.beta1)?;
        let _ = self.square.f_lerp_(&gradient.f_square()?, 1.0 - self.beta2)?;
        let mut root = self.square.f_div_scalar(unbias(self.beta2))?.f_sqrt_()?.f_add_scalar_(EPSILON)?;
        // The mean over the root, in the root's memory.
        let _ = root.f_reciprocal_()?.f_mul_(&self.mean)?.f_mul_scalar_(-rate / unbias(self.beta1))?;
        decay(net, 1.0 - rate * self.weight_decay)?;
        let _ = net.flat().f_narrow(0, 0, net.layout().trained_len())?.f_add_(&root)?;
        Ok(())
    }

    pub(super) fn moments(&mut self) -> Moments<'_> {
        vec![("mean", &mut self.mean), ("square", &mut self.square)]
    }
}
