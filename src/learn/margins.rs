//! What a net expects of the margins: how near each seat will have come to a win when the game ends ([`crate::game::Game::progress`]).

use tch::{Device, Kind, Tensor};

use super::architecture::Architecture;
use super::choices::Choices;
use super::error::LearnError;
use super::frozen::Position;
use super::infer::absolute;
use super::net::Net;
use super::policy_head::Asked;
use super::weights::Weights;
use crate::game::{PlaneShape, Planes, SEATS_MAX};

/// The margins that a net expects of these positions, from 0 to 1 for each seat; 0 for unused seats. None when it has no margin head.
///
/// # Errors
/// [`LearnError::Mismatch`] when the weights are for another game, [`LearnError::Torch`] when the device cannot run them.
pub fn margins<G: Planes>(
    game: &G,
    weights: &Weights,
    positions: &[Position<G>],
    device: Device,
) -> Result<Option<Vec<[f32; SEATS_MAX]>>, LearnError> {
    let architecture: &Architecture = weights.architecture();
    architecture.check_fits(game)?;
    let (shape, seats) = (game.plane_shape(), game.seats());
    let PlaneShape { channels, height, width } = shape;
    let mut planes = vec![0.0; shape.len() * positions.len()];
    let mut choices = Choices::new(game.policy_shape(), height * width);
    for ((state, legal), into) in positions.iter().zip(planes.chunks_exact_mut(shape.len())) {
        game.encode(state, into);
        choices.push(legal.iter().map(|action| game.sketch(action)));
    }
    let _no_gradients = tch::no_grad_guard();
    let sides = [positions.len(), channels, height, width].map(|side| side as i64);
    let input = Tensor::f_from_slice(&planes)?.f_reshape(sides)?.f_to_device(device)?;
    let heads = Net::new(weights, device)?.forward(&input, &Asked::new(&choices, device)?, false)?;
    let Some(logits) = heads.margin else { return Ok(None) };
    let shares = logits.f_to_kind(Kind::Float)?.f_sigmoid()?.f_to_device(Device::Cpu)?.f_contiguous()?;
    let mut relative = vec![0.0; positions.len() * seats];
    shares.f_copy_data(&mut relative, positions.len() * seats)?;
    let seated = relative.chunks_exact(seats).zip(positions);
    Ok(Some(seated.map(|(relative, (state, _))| absolute(relative, game.to_move(state))).collect()))
}
