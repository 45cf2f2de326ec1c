//! The number format in which a net runs when it only plays.

use tch::{Device, Kind};

use super::error::LearnError;
use super::frozen::{self, Answers};
use super::infer::NetEvaluator;
use super::speeds::{Speeds, Trial, choose};
use super::weights::Weights;
use crate::game::Planes;
use crate::search::{Evaluation, Evaluator};

/// How far logits and values of the frozen positions may lie from those in the model file, which are of 32 bits too: other machines
/// and libraries add in another order.
pub(super) const F32_LIMITS: [f32; 2] = [1e-2, 2e-3];
/// How far a move's share of the policy, and a value, may lie from those of 32 bits when the net runs in fewer: less than the noise of a
/// search with a few simulations. Logits are not compared: those of moves that nobody would play are large, and so are their errors.
const FEWER_BITS_LIMITS: [f32; 2] = [0.04, 0.03];

/// A number format.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Precision {
    /// 32 bits.
    F32,
    /// 16 bits with the exponent of 32 (bfloat16); sums are of 32 bits.
    Bf16,
    /// Whole numbers of 8 bits in the residual blocks, 32 bits around them.
    Int8,
}

impl Precision {
    /// All of them; the one that is always right comes first.
    pub const ALL: [Precision; 3] = [Precision::F32, Precision::Bf16, Precision::Int8];

    /// The name in logs and flags.
    pub fn name(self) -> &'static str {
        match self {
            Precision::F32 => "f32",
            Precision::Bf16 => "bf16",
            Precision::Int8 => "int8",
        }
    }

    /// Bits of a number.
    pub fn bits(self) -> u32 {
        match self {
            Precision::F32 => 32,
            Precision::Bf16 => 16,
            Precision::Int8 => 8,
        }
    }

    /// The kind of the tensors between layers.
    pub(super) fn kind(self) -> Kind {
        match self {
            Precision::F32 | Precision::Int8 => Kind::Float,
            Precision::Bf16 => Kind::BFloat16,
        }
    }

    /// Whether the device computes in this format by itself. What it only emulates is not tried: one batch of it may take a minute.
    pub fn is_native(self, device: Device) -> bool {
        match (self, device) {
            (Precision::F32, _) | (_, Device::Cuda(_)) => true,
            #[cfg(target_arch = "x86_64")]
            (Precision::Bf16, Device::Cpu) => std::arch::is_x86_feature_detected!("avx512bf16"),
            #[cfg(target_arch = "x86_64")]
            (Precision::Int8, Device::Cpu) => std::arch::is_x86_feature_detected!("avx512vnni"),
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

/// A net in the precision that was chosen for it, and why.
pub struct Chosen<G> {
    /// The net, as if it had evaluated nothing yet.
    pub evaluator: NetEvaluator<G>,
    /// What was tried, 32 bits first.
    pub trials: Vec<Trial>,
}

/// The evaluator of the precision that is measured to be fastest on this device, among those that agree with 32 bits on the frozen
/// positions. `speeds` remembers what was measured: agreement is a matter of the weights and checked each time, speed one of the
/// architecture.
///
/// # Errors
/// As [`checked`].
pub fn fastest<G: Planes>(
    game: &G,
    weights: &Weights,
    device: Device,
    speeds: &mut Speeds,
) -> Result<Chosen<G>, LearnError> {
    let mut exact = checked(game, weights, device)?;
    let expected = opinions(game, &mut exact)?;
    let (mut candidates, mut trials) = (vec![exact], vec![Trial::untimed(Precision::F32, None)]);
    for precision in Precision::ALL.into_iter().skip(1).filter(|it| it.is_native(device)) {
        let other = agreeing(game, weights, device, precision, &expected);
        trials.push(Trial::untimed(precision, other.as_ref().err().map(ToString::to_string)));
        candidates.extend(other);
    }
    speeds.fill(game, weights.architecture(), device, &mut candidates, &mut trials)?;
    let trial = &trials[choose(&trials)];
    let at = candidates.iter().position(|it| it.precision() == trial.precision).unwrap_or(0);
    let evaluator = candidates.swap_remove(at).forget_leaves().with_speed_up(trial.speed_up);
    for trial in &trials {
        let Trial { positions_per_second, speed_up, ref refused, .. } = *trial;
        tracing::debug!(
            precision = trial.precision.name(),
            positions_per_second,
            speed_up,
            ?refused,
            "precision tried"
        );
    }
    tracing::info!(precision = evaluator.precision().name(), speed_up = evaluator.speed_up(), "net loaded");
    Ok(Chosen { evaluator, trials })
}

/// The evaluator as if it had evaluated nothing yet, and how many games at once use it well on its device: a batch has one position of each.
///
/// # Errors
/// When the net cannot run.
pub fn sized<G: Planes>(
    game: &G,
    weights: &Weights,
    mut evaluator: NetEvaluator<G>,
    speeds: &mut Speeds,
) -> Result<(NetEvaluator<G>, usize), LearnError> {
    let games = speeds.batch(game, weights.architecture(), &mut evaluator)?;
    Ok((evaluator.forget_leaves(), games))
}

/// The net in this precision, if it can run and says what is expected.
fn agreeing<G: Planes>(
    game: &G,
    weights: &Weights,
    device: Device,
    precision: Precision,
    expected: &[Evaluation],
) -> Result<NetEvaluator<G>, LearnError> {
    let mut evaluator = NetEvaluator::in_precision(game, weights, device, precision)?;
    let distance = frozen::difference(expected, &opinions(game, &mut evaluator)?);
    for (what, distance, limit) in
        [("policy shares", distance[0], FEWER_BITS_LIMITS[0]), ("values", distance[1], FEWER_BITS_LIMITS[1])]
    {
        if distance.is_nan() || distance > limit {
            return Err(LearnError::Precision { precision: precision.name(), what, distance, limit });
        }
    }
    Ok(evaluator)
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
    Ok(Answers::new(&opinions(game, evaluator)?, game.seats()))
}

fn opinions<G: Planes>(game: &G, evaluator: &mut NetEvaluator<G>) -> Result<Vec<Evaluation>, LearnError> {
    let positions = frozen::positions(game);
    let batch: Vec<_> = positions.iter().map(|(state, legal)| (state, legal.as_slice())).collect();
    evaluator.evaluate(game, &batch)
}
