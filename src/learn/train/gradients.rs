//! The gradient of a net: one list of numbers, measured and clipped.

use tch::Tensor;

use crate::learn::error::LearnError;
use crate::learn::net::Net;

/// A clipped gradient may be longer than allowed by this share: rounding.
const SLACK: f64 = 1e-3;

/// The gradient of a loss, as [`Net::flat`] lies, as far as that is trained. Zero where the loss does not depend on the net.
pub(in crate::learn) struct Gradient(Tensor);

impl Gradient {
    /// The gradient of `loss`. It is made anew at each step and nowhere added up, so nothing need be cleared.
    pub fn of(loss: &Tensor, net: &Net) -> Result<Gradient, LearnError> {
        let parts = Tensor::f_run_backward(&[loss], net.trained(), false, false)?;
        let _no_gradients = tch::no_grad_guard();
        let flat = |(part, tensor): (Tensor, &Tensor)| -> Result<Tensor, LearnError> {
            let part = if part.defined() { part } else { tensor.f_zeros_like()? };
            Ok(part.f_reshape([-1])?)
        };
        let parts = parts.into_iter().zip(net.trained()).map(flat).collect::<Result<Vec<_>, _>>()?;
        Ok(Gradient(Tensor::f_cat(&parts, 0)?))
    }

    /// The numbers.
    pub fn flat(&self) -> &Tensor {
        &self.0
    }

    /// Its length, still on the device.
    pub fn norm(&self) -> Result<Tensor, LearnError> {
        Ok(self.0.f_norm()?)
    }

    /// Shortens a gradient of length `norm` to `norm_max` when it is longer, and measures it again: a clip that does nothing must not
    /// pass unseen.
    pub fn clip(&mut self, norm: f64, norm_max: f64) -> Result<(), LearnError> {
        if !norm.is_finite() || norm <= norm_max {
            return Ok(());
        }
        let _ = self.0.f_mul_scalar_(norm_max / norm)?;
        let after = self.norm()?.f_double_value(&[])?;
        if after > norm_max * (1.0 + SLACK) {
            return Err(LearnError::Torch(format!("a gradient clipped to {norm_max} has the norm {after}")));
        }
        Ok(())
    }
}
