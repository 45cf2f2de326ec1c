//! The number format in which a net runs when it only plays.

use tch::{Device, Kind};

use super::error::LearnError;
use super::frozen::{self, Answers};
use super::infer::NetEvaluator;
use super::weights::Weights;
use crate::game::Planes;
use crate::search::Evaluator;

/// How far logits and values of the frozen positions may lie from those in the model file, which are of 32 bits too: other machines
/// and libraries add in another order.
const F32_LIMITS: [f32; 2] = [1e-2, 2e-3];
/// How far they may lie from those of 32 bits when the net runs in fewer. A tenth in a logit changes a move's share by a tenth of
/// itself; three hundredths are less than the noise of a value after a few simulations.
const BF16_LIMITS: [f32; 2] = [0.15, 0.03];

/// A number format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Precision {
    /// 32 bits.
    F32,
    /// 16 bits with the exponent of 32 (bfloat16); sums are of 32 bits.
    Bf16,
}

impl Precision {
    /// The name in logs and flags.
    pub fn name(self) -> &'static str {
        match self {
            Precision::F32 => "f32",
            Precision::Bf16 => "bf16",
        }
    }

    pub(super) fn kind(self) -> Kind {
        match self {
            Precision::F32 => Kind::Float,
            Precision::Bf16 => Kind::BFloat16,
        }
    }

    /// Whether the device computes in this format by itself. Emulated, it is slower than 32 bits.
    pub fn is_native(self, device: Device) -> bool {
        match (self, device) {
            (Precision::F32, _) | (_, Device::Cuda(_)) => true,
            #[cfg(target_arch = "x86_64")]
            (Precision::Bf16, Device::Cpu) => std::arch::is_x86_feature_detected!("avx512bf16"),
            _ => false,
        }
    }
}

/// An evaluator that is safe to use: it says of the frozen positions what the model file says, if the file says anything.
///
/// # Errors
/// [`LearnError::Frozen`] when it does not.
pub fn checked<G: Planes>(game: &G, weights: &Weights, device: Device) -> Result<NetEvaluator<G>, LearnError> {
    let mut evaluator = NetEvaluator::new(game, weights, device)?;
    if let Some(expected) = weights.frozen() {
        expected.check(&answers(game, &mut evaluator)?, F32_LIMITS)?;
    }
    Ok(evaluator.forget_leaves())
}

/// The evaluator of the fastest precision that the device has and that agrees with 32 bits on the frozen positions.
///
/// # Errors
/// As [`checked`].
pub fn fastest<G: Planes>(game: &G, weights: &Weights, device: Device) -> Result<NetEvaluator<G>, LearnError> {
    let mut exact = checked(game, weights, device)?;
    if !Precision::Bf16.is_native(device) {
        tracing::info!(precision = exact.precision().name(), "net loaded");
        return Ok(exact);
    }
    let mut fast = NetEvaluator::in_precision(game, weights, device, Precision::Bf16)?;
    let agreed = answers(game, &mut exact)?.check(&answers(game, &mut fast)?, BF16_LIMITS);
    let chosen = if agreed.is_ok() { fast } else { exact };
    tracing::info!(precision = chosen.precision().name(), refused = ?agreed.err(), "net loaded");
    Ok(chosen.forget_leaves())
}

/// The weights with what their net says of the frozen positions, for the model file.
///
/// # Errors
/// When the net cannot run.
pub fn sign<G: Planes>(game: &G, weights: Weights) -> Result<Weights, LearnError> {
    let mut evaluator = NetEvaluator::new(game, &weights, Device::Cpu)?;
    let answers = answers(game, &mut evaluator)?;
    Ok(weights.with_frozen(answers))
}

/// What an evaluator says of the frozen positions.
///
/// # Errors
/// When it cannot run.
pub fn answers<G: Planes>(game: &G, evaluator: &mut NetEvaluator<G>) -> Result<Answers, LearnError> {
    let positions = frozen::positions(game);
    let batch: Vec<_> = positions.iter().map(|(state, legal)| (state, legal.as_slice())).collect();
    Ok(Answers::new(&evaluator.evaluate(game, &batch)?, game.seats()))
}
