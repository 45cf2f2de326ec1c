//! Adam with decoupled weight decay (Loshchilov and Hutter 2019).

use tch::Tensor;

use super::optimizer::{Moments, gradient_of, zeros};
use crate::event::training::AdamW as Figures;
use crate::learn::error::LearnError;
use crate::learn::net::Net;

/// Added to the root of the mean square.
const EPSILON: f64 = 1e-8;

/// The mean and the mean square of each trained tensor's gradient, in the net's order.
pub(in crate::learn) struct AdamW {
    mean: Vec<Tensor>,
    square: Vec<Tensor>,
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
    pub(super) fn step(&mut self, net: &Net, rate: f64, step: u32) -> Result<(), LearnError> {
        let age = f64::from(step) + 1.0;
        let unbias = |beta: f64| 1.0 - beta.powf(age);
        let (unbias_mean, unbias_square) = (unbias(self.beta1), unbias(self.beta2));
        let moments = self.mean.iter_mut().zip(&mut self.square);
        for ((spec, tensor), (mean, square)) in net.trained().zip(moments) {
            let gradient = gradient_of(tensor)?;
            let _ = mean.f_lerp_(&gradient, 1.0 - self.beta1)?;
            let _ = square.f_lerp_(&gradient.f_mul(&gradient)?, 1.0 - self.beta2)?;
            let root = square.f_div_scalar(unbias_square)?.f_sqrt()?.f_add_scalar(EPSILON)?;
            let update = mean.f_div(&root)?.f_mul_scalar(-rate / unbias_mean)?;
            let mut weights = tensor.f_detach()?;
            if spec.role.decays() {
                let _ = weights.f_mul_scalar_(1.0 - rate * self.weight_decay)?;
            }
            let _ = weights.f_add_(&update)?;
        }
        Ok(())
    }

    pub(super) fn moments(&mut self) -> Moments<'_> {
        vec![("mean", &mut self.mean), ("square", &mut self.square)]
    }
}
