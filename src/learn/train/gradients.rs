//! The gradients of a net: cleared, measured, clipped.

use tch::Tensor;

use crate::learn::error::LearnError;
use crate::learn::net::Net;

/// A clipped gradient may be longer than allowed by this share: rounding.
const SLACK: f64 = 1e-3;

/// Forgets the gradients of the last step.
pub(in crate::learn) fn clear_gradients(net: &Net) -> Result<(), LearnError> {
    for mut gradient in gradients(net)? {
        let _ = gradient.f_detach_()?.f_zero_()?;
    }
    Ok(())
}

/// Length of the gradient over all trained tensors.
pub(in crate::learn) fn gradient_norm(net: &Net) -> Result<f64, LearnError> {
    let _no_gradients = tch::no_grad_guard();
    let norms: Vec<Tensor> =
        gradients(net)?.iter().map(|gradient| Ok(gradient.f_norm()?)).collect::<Result<_, LearnError>>()?;
    Ok(Tensor::f_stack(&norms, 0)?.f_norm()?.f_double_value(&[])?)
}

/// Shortens the gradient to `norm_max` when it is longer, and measures it again: a clip that does nothing must not pass unseen.
/// Returns the length before.
pub(in crate::learn) fn clip_gradients(net: &Net, norm_max: f64) -> Result<f64, LearnError> {
    let norm = gradient_norm(net)?;
    if norm.is_finite() && norm > norm_max {
        let _no_gradients = tch::no_grad_guard();
        for mut gradient in gradients(net)? {
            let _ = gradient.f_mul_scalar_(norm_max / norm)?;
        }
        let after = gradient_norm(net)?;
        if after > norm_max * (1.0 + SLACK) {
            return Err(LearnError::Torch(format!("a gradient clipped to {norm_max} has the norm {after}")));
        }
    }
    Ok(norm)
}

/// The gradients of those tensors that have one.
fn gradients(net: &Net) -> Result<Vec<Tensor>, LearnError> {
    let all: Vec<Tensor> = net.trained().map(|(_, tensor)| Ok(tensor.f_grad()?)).collect::<Result<_, LearnError>>()?;
    Ok(all.into_iter().filter(Tensor::defined).collect())
}
