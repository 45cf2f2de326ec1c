//! All tensors of a net as one list of numbers: an optimiser step is then a few operations on long tensors, not a dozen on each of fifty
//! short ones.

use std::collections::BTreeMap;

use tch::{Device, Tensor};

use super::architecture::TensorSpec;
use super::error::LearnError;
use super::tensorfile::HostTensor;

/// Where each tensor lies: those that decay first, then the others that are trained, then running statistics. So what is trained, and what
/// decays, is one piece each.
pub(super) struct Layout {
    specs: Vec<TensorSpec>,
    decaying: usize,
    trained: usize,
}

impl Layout {
    /// A layout for these tensors.
    pub fn new(mut specs: Vec<TensorSpec>) -> Layout {
        specs.sort_by_key(|spec| (!spec.role.trains(), !spec.role.decays()));
        let count =
            |wanted: fn(&TensorSpec) -> bool| specs.iter().filter(|spec| wanted(spec)).map(TensorSpec::len).sum();
        let (decaying, trained) = (count(|spec| spec.role.decays()), count(|spec| spec.role.trains()));
        Layout { specs, decaying, trained }
    }

    /// All tensors, in the order in which they lie.
    pub fn all(&self) -> &[TensorSpec] {
        &self.specs
    }

    /// The tensors that the optimiser changes, in the order in which they lie.
    pub fn trained(&self) -> &[TensorSpec] {
        &self.specs[..self.specs.iter().take_while(|spec| spec.role.trains()).count()]
    }

    /// The numbers that the optimiser changes.
    pub fn trained_len(&self) -> i64 {
        self.trained as i64
    }

    /// The numbers to which weight decay applies.
    pub fn decaying_len(&self) -> i64 {
        self.decaying as i64
    }

    /// These tensors, of those in `specs` order, one behind the other on the device.
    pub fn gather<'a>(
        &self,
        tensors: impl IntoIterator<Item = &'a HostTensor>,
        device: Device,
    ) -> Result<Tensor, LearnError> {
        let flat: Vec<f32> = tensors.into_iter().flat_map(|tensor| tensor.data.iter().copied()).collect();
        Ok(Tensor::f_from_slice(&flat)?.f_to_device(device)?)
    }

    /// The tensors in `flat`, each in its shape, sharing its memory.
    pub fn views(&self, flat: &Tensor) -> Result<Vec<Tensor>, LearnError> {
        let mut start = 0;
        let view = |spec: &TensorSpec| {
            let shape: Vec<i64> = spec.shape.iter().map(|side| *side as i64).collect();
            let part = flat.f_narrow(0, start, spec.len() as i64)?.f_view(shape.as_slice())?;
            start += spec.len() as i64;
            Ok(part)
        };
        self.specs.iter().map(view).collect()
    }

    /// The tensors in `flat` on the host, by name: all, or those that are trained where `flat` is only as long as they are.
    pub fn host(&self, flat: &Tensor) -> Result<BTreeMap<String, HostTensor>, LearnError> {
        let mut rest = vec![0.0; flat.numel()];
        flat.f_detach()?.f_to_device(Device::Cpu)?.f_copy_data(&mut rest, flat.numel())?;
        let specs = if rest.len() == self.trained { self.trained() } else { self.all() };
        let mut rest = rest.as_slice();
        let mut host = BTreeMap::new();
        for spec in specs {
            let (data, after) = rest.split_at(spec.len());
            host.insert(spec.name.clone(), HostTensor { shape: spec.shape.clone(), data: data.to_vec() });
            rest = after;
        }
        Ok(host)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::learn::tests::tiny;

    #[test]
    fn what_decays_lies_first_and_nothing_is_lost() {
        let weights = tiny(1);
        let layout = Layout::new(weights.architecture().tensors().expect("known"));
        let lens = |specs: &[TensorSpec]| specs.iter().map(TensorSpec::len).sum::<usize>() as i64;
        let decays = layout.all().iter().take_while(|spec| spec.role.decays()).count();
        assert!(layout.all()[decays..].iter().all(|spec| !spec.role.decays()));
        assert_eq!(layout.decaying_len(), lens(&layout.all()[..decays]));
        assert!(layout.trained().iter().all(|spec| spec.role.trains()));
        assert_eq!(layout.trained_len() as u64, weights.architecture().parameters().expect("known"));
        assert_eq!(layout.trained_len(), lens(layout.trained()));

        let host = layout.all().iter().map(|spec| &weights.tensors()[&spec.name]);
        let flat = layout.gather(host, Device::Cpu).expect("fits");
        assert_eq!(flat.numel() as i64, lens(layout.all()));
        assert_eq!(&layout.host(&flat).expect("readable"), weights.tensors());
        let trained = layout.host(&flat.narrow(0, 0, layout.trained_len())).expect("readable");
        assert_eq!(trained.len(), layout.trained().len());
        assert!(trained.iter().all(|(name, tensor)| &weights.tensors()[name] == tensor));
        let views = layout.views(&flat).expect("fits");
        for (spec, view) in layout.all().iter().zip(views) {
            let shape: Vec<i64> = spec.shape.iter().map(|side| *side as i64).collect();
            assert_eq!(view.size(), shape, "{}", spec.name);
        }
    }
}
