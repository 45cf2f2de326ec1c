//! The losses of a batch.

use tch::{Device, Kind, Tensor};

use crate::learn::batch::Batch;
use crate::learn::error::LearnError;
use crate::learn::tower::{Heads, channels_last};

/// Stands for minus infinity where a position has fewer actions than another: its softmax is exactly 0, and 0 times it is 0.
const FILLING_LOGIT: f32 = -1e9;

/// A batch's positions on the device, channels innermost: the layers keep that layout, forward and backward.
pub(in crate::learn) fn to_input(batch: &Batch, shape: [i64; 3], device: Device) -> Result<Tensor, LearnError> {
    let [channels, height, width] = shape;
    let shape = [batch.len as i64, channels, height, width];
    channels_last(&Tensor::f_from_slice(&batch.planes)?.f_reshape(shape)?.f_to_device(device)?)
}

/// Mean cross-entropies of policy (over legal actions) and value, each sample by its weight.
pub(in crate::learn) fn losses(heads: &Heads, batch: &Batch, device: Device) -> Result<(Tensor, Tensor), LearnError> {
    let table = |flat: &[f32]| -> Result<Tensor, LearnError> {
        Ok(Tensor::f_from_slice(flat)?.f_reshape([batch.len as i64, -1])?.f_to_device(device)?)
    };
    let rows = Tensor::f_from_slice(&batch.choices.rows())?.f_to_device(device)?;
    let filling = Tensor::f_from_slice(&[FILLING_LOGIT])?.f_to_device(device)?;
    let logits =
        Tensor::f_cat(&[&heads.policy, &filling], 0)?.f_index_select(0, &rows)?.f_reshape([batch.len as i64, -1])?;
    let policy = table(&batch.choices.spread(&batch.policy))?;
    let weights = match batch.weight.as_slice() {
        [] => None,
        weights => Some(Tensor::f_from_slice(weights)?.f_to_device(device)?),
    };
    let value = cross_entropy(&heads.value, &table(&batch.value)?, weights.as_ref())?;
    Ok((cross_entropy(&logits, &policy, weights.as_ref())?, value))
}

/// Cross-entropy of soft targets, mean over rows.
fn cross_entropy(logits: &Tensor, targets: &Tensor, weights: Option<&Tensor>) -> Result<Tensor, LearnError> {
    let sums = (logits.f_log_softmax(1, Kind::Float)? * targets).f_sum_dim_intlist(1, false, Kind::Float)?;
    let sums = match weights {
        Some(weights) => sums.f_mul(weights)?,
        None => sums,
    };
    Ok(sums.f_mean(Kind::Float)?.f_neg()?)
}
