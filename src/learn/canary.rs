//! A device is examined before work is accepted: a small net has to say there what it says on the processor, and to learn from one step.
//! A device that computes nonsense would otherwise cost many games before judgement finds out.

use tch::{Device, Kind};

use super::architecture::{Architecture, Family};
use super::batch::Batch;
use super::choices::Choices;
use super::error::LearnError;
use super::frozen::{self, Answers};
use super::infer::NetEvaluator;
use super::net::Net;
use super::policy_head::Asked;
use super::precision::{F32_LIMITS, answers};
use super::train::gradients::Gradient;
use super::train::losses::{losses, to_input};
use super::train::optimizer::Optimizer;
use super::weights::Weights;
use crate::event::training::{Nesterov, Optimizer as Figures};
use crate::event::unit::Real;
use crate::game::connect4::ConnectFour;
use crate::game::{Game, Planes};

/// The family of the net.
const NET: &str = "tiny";
/// Seed of its weights.
const SEED: u64 = 1;
/// Rate of the step: so small that the loss of the same batch has to fall.
const RATE: f64 = 0.01;
/// How far the loss and the gradient's length may lie from the processor's, as a share of those: GPUs round the factors of convolutions.
const SHARE_MAX: f64 = 0.02;

/// Examines a device. The processor is compared with itself: what it computes must be finite, and a step must help.
///
/// # Errors
/// [`LearnError::Device`] with what is wrong.
pub fn examine(device: Device) -> Result<(), LearnError> {
    compare(&Task::sound()?, device)
}

/// What a device is given to do. Tests give it something that a faulty device would make of it.
struct Task {
    weights: Weights,
    rate: f64,
}

/// What came of it.
struct Findings {
    answers: Answers,
    loss: f64,
    gradient_norm: f64,
    /// The loss of the same batch after the step.
    loss_after: f64,
}

impl Task {
    fn sound() -> Result<Task, LearnError> {
        let weights = Weights::random(Architecture::of(&ConnectFour, Family::named(NET)?), SEED)?;
        Ok(Task { weights, rate: RATE })
    }

    fn run(&self, device: Device) -> Result<Findings, LearnError> {
        let answers = answers(&ConnectFour, &mut NetEvaluator::new(&ConnectFour, &self.weights, device)?)?;
        let net = Net::new(&self.weights, device)?;
        let figures = Nesterov { learning_rate: Real::ONE, momentum: Real::ZERO, weight_decay: Real::ZERO };
        let mut optimizer = Optimizer::new(&net, &Figures::Nesterov(figures))?;
        let batch = batch();
        let (loss, gradient) = learn(&net, &batch, device)?;
        let gradient_norm = gradient.norm()?.f_double_value(&[])?;
        optimizer.step(&net, &gradient, self.rate, 0)?;
        let (loss_after, _) = learn(&net, &batch, device)?;
        Ok(Findings { answers, loss, gradient_norm, loss_after })
    }
}

/// Runs the task on the device, and judges it by what the processor makes of the sound one.
fn compare(task: &Task, device: Device) -> Result<(), LearnError> {
    let sick = |what: String| LearnError::Device { device: format!("{device:?}").to_lowercase(), what };
    let expected = Task::sound()?.run(Device::Cpu)?;
    let found = task.run(device).map_err(|error| sick(error.to_string()))?;
    let distances = expected.answers.distance(&found.answers);
    for ((what, distance), limit) in ["logits", "values"].into_iter().zip(distances).zip(F32_LIMITS) {
        if distance.is_nan() || distance > limit {
            return Err(sick(format!(
                "a net's {what} of the frozen positions differ from the processor's by {distance}, and {limit} is allowed"
            )));
        }
    }
    for (what, found, expected) in
        [("loss", found.loss, expected.loss), ("length of the gradient", found.gradient_norm, expected.gradient_norm)]
    {
        let distance = (found - expected).abs();
        if distance.is_nan() || distance > SHARE_MAX * expected.abs() {
            return Err(sick(format!("the {what} of a training step is {found}, and {expected} on the processor")));
        }
    }
    if found.loss_after.is_nan() || found.loss_after > found.loss {
        return Err(sick(format!("a training step brought the loss from {} to {}", found.loss, found.loss_after)));
    }
    Ok(())
}

/// The loss of the batch and its gradient.
fn learn(net: &Net, batch: &Batch, device: Device) -> Result<(f64, Gradient), LearnError> {
    let shape = ConnectFour.plane_shape();
    let shape = [shape.channels, shape.height, shape.width].map(|side| side as i64);
    let asked = Asked::new(&batch.choices, device)?;
    let heads = net.forward(&to_input(batch, shape, device)?, &asked, true)?;
    let loss = losses(&heads, batch, device)?.total(1.0)?;
    let gradient = Gradient::of(&loss, net)?;
    Ok((loss.f_to_kind(Kind::Double)?.f_double_value(&[])?, gradient))
}

/// The frozen positions with something to learn: to play the first legal move, and that the mover wins.
fn batch() -> Batch {
    let shape = ConnectFour.plane_shape();
    let positions = frozen::positions(&ConnectFour);
    let mut planes = vec![0.0; shape.len() * positions.len()];
    let mut choices = Choices::new(ConnectFour.policy_shape(), shape.height * shape.width);
    let mut policy = Vec::new();
    for ((state, legal), into) in positions.iter().zip(planes.chunks_exact_mut(shape.len())) {
        ConnectFour.encode(state, into);
        choices.push(legal.iter().map(|action| ConnectFour.sketch(action)));
        policy.extend((0..legal.len()).map(|index| f32::from(u8::from(index == 0))));
    }
    let seats = ConnectFour.seats();
    let value = (0..positions.len() * seats).map(|index| f32::from(u8::from(index % seats == 0))).collect();
    Batch { len: positions.len(), planes, choices, policy, value, margin: Vec::new(), weight: Vec::new() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(task: &Task) -> String {
        let error = compare(task, Device::Cpu).expect_err("a fault");
        assert!(matches!(error, LearnError::Device { .. }) && !error.may_pass_later(), "{error}");
        error.to_string()
    }

    #[test]
    fn a_sound_device_passes_with_room_to_spare() {
        examine(Device::Cpu).expect("the processor is sound");
        let found = Task::sound().and_then(|task| task.run(Device::Cpu)).expect("runs");
        assert!(found.loss_after < 0.99 * found.loss, "from {} to {}", found.loss, found.loss_after);
    }

    #[test]
    fn a_device_that_computes_something_else_is_found_out() {
        let sound = Task::sound().expect("known family");
        let (architecture, mut tensors) = sound.weights.clone().into_parts();
        tensors.get_mut("stem.conv.weight").expect("there").data[7] += 2.0;
        let weights = Weights::new(architecture, tensors).expect("finite");
        let message = refusal(&Task { weights, ..sound });
        assert!(message.contains("device cpu") && message.contains("frozen positions"), "{message}");
    }

    #[test]
    fn a_device_that_learns_the_wrong_way_is_found_out() {
        for rate in [-RATE, 1e30, f64::NAN] {
            let message = refusal(&Task { rate, ..Task::sound().expect("known family") });
            assert!(message.contains("a training step brought the loss from"), "{rate}: {message}");
        }
    }
}
