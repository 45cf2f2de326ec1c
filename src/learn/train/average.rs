//! The exponential moving average of a net's weights: what is evaluated, and what becomes the model.

use tch::Tensor;

use crate::learn::error::LearnError;
use crate::learn::net::{Net, to_device, to_host};
use crate::learn::weights::Weights;

/// The average of all tensors, running statistics included, in the net's order.
pub(in crate::learn) struct Average {
    tensors: Vec<Tensor>,
    decay: f64,
}

impl Average {
    /// The net as it is now.
    pub fn new(net: &Net, decay: f64) -> Result<Average, LearnError> {
        let copy = |tensor: &Tensor| Ok(tensor.f_detach_copy()?);
        let tensors = net.tensors().map(|(_, tensor)| copy(tensor)).collect::<Result<_, LearnError>>()?;
        Ok(Average { tensors, decay })
    }

    /// Moves towards the net. The first steps count more, so that the start is soon forgotten: `min(decay, (1 + t) / (10 + t))`.
    pub fn follow(&mut self, net: &Net, step: u32) -> Result<(), LearnError> {
        let _no_gradients = tch::no_grad_guard();
        let age = f64::from(step) + 1.0;
        let decay = self.decay.min((1.0 + age) / (10.0 + age));
        for ((_, tensor), average) in net.tensors().zip(&mut self.tensors) {
            let _ = average.f_lerp_(&tensor.f_detach()?, 1.0 - decay)?;
        }
        Ok(())
    }

    /// The average on the host.
    pub fn weights(&self, net: &Net) -> Result<Weights, LearnError> {
        let both = net.tensors().zip(&self.tensors);
        let tensors = both.map(|((spec, _), average)| Ok((spec.name.clone(), to_host(average, &spec.shape)?)));
        Weights::new(net.architecture().clone(), tensors.collect::<Result<_, LearnError>>()?)
    }

    /// Takes over an average of the same net.
    pub fn load(&mut self, net: &Net, weights: &Weights) -> Result<(), LearnError> {
        let tensors = net.tensors().map(|(spec, _)| to_device(&weights.tensors()[&spec.name], net.device()));
        self.tensors = tensors.collect::<Result<_, LearnError>>()?;
        Ok(())
    }
}
