//! The losses of a batch.

use tch::{Device, Kind, Reduction, Tensor};

use crate::learn::batch::Batch;
use crate::learn::error::LearnError;
use crate::learn::tower::{Heads, channels_last};

/// Stands for minus infinity where a position has fewer actions than another: its softmax is exactly 0, and 0 times it is 0.
const FILLING_LOGIT: f32 = -1e9;

/// What the margins' loss counts against the value's. No gradient of it goes beyond the margin head; it only shares the clipping with the others.
const MARGIN_SHARE: f64 = 0.25;

/// The losses of a batch, in nats.
pub(in crate::learn) struct Losses {
    /// Cross-entropy of the policy, over legal actions.
    pub policy: Tensor,
    /// Cross-entropy of the value.
    pub value: Tensor,
    /// Binary cross-entropy of the margins, mean over seats; 0 where the net or the samples have none.
    pub margin: Tensor,
}

impl Losses {
    /// What a step makes smaller.
    pub fn total(&self, value_weight: f64) -> Result<Tensor, LearnError> {
        let outcome = (&self.value + self.margin.f_mul_scalar(MARGIN_SHARE)?).f_mul_scalar(value_weight)?;
        Ok(&self.policy + outcome)
    }
}

/// A batch's positions on the device, channels innermost: the layers keep that layout, forward and backward.
pub(in crate::learn) fn to_input(batch: &Batch, shape: [i64; 3], device: Device) -> Result<Tensor, LearnError> {
    let [channels, height, width] = shape;
    let shape = [batch.len as i64, channels, height, width];
    channels_last(&Tensor::f_from_slice(&batch.planes)?.f_reshape(shape)?.f_to_device(device)?)
}

/// The mean losses of a batch, each sample by its weight.
pub(in crate::learn) fn losses(heads: &Heads, batch: &Batch, device: Device) -> Result<Losses, LearnError> {
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
    let weights = weights.as_ref();
    let margin = match &heads.margin {
        Some(logits) if !batch.margin.is_empty() => binary_cross_entropy(logits, &table(&batch.margin)?, weights)?,
        _ => Tensor::f_zeros([0i64; 0], (Kind::Float, device))?,
    };
    let value = cross_entropy(&heads.value, &table(&batch.value)?, weights)?;
    Ok(Losses { policy: cross_entropy(&logits, &policy, weights)?, value, margin })
}

/// Cross-entropy of soft targets, mean over rows.
fn cross_entropy(logits: &Tensor, targets: &Tensor, weights: Option<&Tensor>) -> Result<Tensor, LearnError> {
    let sums = (logits.f_log_softmax(1, Kind::Float)? * targets).f_sum_dim_intlist(1, false, Kind::Float)?;
    Ok(weighted_mean(sums, weights)?.f_neg()?)
}

/// Cross-entropy of a share for each seat on its own, mean over seats and rows.
fn binary_cross_entropy(logits: &Tensor, targets: &Tensor, weights: Option<&Tensor>) -> Result<Tensor, LearnError> {
    let none: Option<&Tensor> = None;
    let each =
        logits.f_to_kind(Kind::Float)?.f_binary_cross_entropy_with_logits(targets, none, none, Reduction::None)?;
    weighted_mean(each.f_mean_dim(1i64, false, Kind::Float)?, weights)
}

fn weighted_mean(rows: Tensor, weights: Option<&Tensor>) -> Result<Tensor, LearnError> {
    let rows = match weights {
        Some(weights) => rows.f_mul(weights)?,
        None => rows,
    };
    Ok(rows.f_mean(Kind::Float)?)
}
