//! The exponential moving average of a net's weights: what is evaluated, and what becomes the model.

use tch::Tensor;

use crate::learn::error::LearnError;
use crate::learn::net::Net;
use crate::learn::weights::Weights;

/// The average of all numbers, running statistics included, as [`Net::flat`] lies.
pub(in crate::learn) struct Average {
    flat: Tensor,
    decay: f64,
}

impl Average {
    /// The net as it is now.
    pub fn new(net: &Net, decay: f64) -> Result<Average, LearnError> {
        Ok(Average { flat: net.flat().f_detach_copy()?, decay })
    }

    /// Moves towards the net. The first steps count more, so that the start is soon forgotten: `min(decay, (1 + t) / (10 + t))`.
    pub fn follow(&mut self, net: &Net, step: u32) -> Result<(), LearnError> {
        let _no_gradients = tch::no_grad_guard();
        let age = f64::from(step) + 1.0;
        let decay = self.decay.min((1.0 + age) / (10.0 + age));
        let _ = self.flat.f_lerp_(net.flat(), 1.0 - decay)?;
        Ok(())
    }

    /// The average on the host.
    pub fn weights(&self, net: &Net) -> Result<Weights, LearnError> {
        Weights::new(net.architecture().clone(), net.layout().host(&self.flat)?)
    }

    /// Takes over an average of the same net.
    pub fn load(&mut self, net: &Net, weights: &Weights) -> Result<(), LearnError> {
        let host = net.layout().all().iter().map(|spec| &weights.tensors()[&spec.name]);
        self.flat = net.layout().gather(host, net.device())?;
        Ok(())
    }
}
