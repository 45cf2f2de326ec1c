//! What a net expects of the margins: how near each seat will have come to a win when the game ends ([`crate::game::Game::progress`]).

use tch::{Device, Kind, Tensor};

use super::architecture::Architecture;
use super::choices::Choices;
use super::error::LearnError;
use super::frozen::Position;
use super::infer::{POSITIONS_AT_ONCE_MAX, absolute};
use super::net::Net;
use super::policy_head::Asked;
use super::weights::Weights;
use crate::game::record::{GameRecord, replay_to_end};
use crate::game::{PlaneShape, Planes, SEATS_MAX, Seat};

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

/// How well a net expected the margins of some games.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct MarginMarks {
    /// Positions that it was asked about: all in which there was a choice.
    pub positions: usize,
    /// The mean absolute error over positions and seats.
    pub error: f64,
    /// That of who always says each seat's mean over these positions.
    pub error_of_mean: f64,
    /// The share of positions in which it expected the winner nearest to a win, ties not counted.
    pub winner_nearest: f64,
}

/// Asks a net with a margin head about all positions of these games, which must have a winner each to count.
///
/// # Errors
/// As [`margins`]; [`LearnError::Samples`] when a game does not replay, or when there are no positions with margins.
pub fn examine<G: Planes>(
    game: &G,
    weights: &Weights,
    games: &[GameRecord],
    device: Device,
) -> Result<MarginMarks, LearnError> {
    let (mut positions, mut truths): (Vec<Position<G>>, Vec<[f32; SEATS_MAX]>) = (Vec::new(), Vec::new());
    for (number, record) in games.iter().enumerate() {
        let bad = |reason: String| LearnError::Samples { game: number, reason };
        let (_, last) = replay_to_end(game, record, |view| {
            if view.legal.len() > 1 {
                positions.push((view.state.clone(), view.legal.to_vec()));
            }
        })
        .map_err(|fault| bad(fault.to_string()))?;
        let near = game.progress(&last).ok_or_else(|| bad(format!("{} has no margins", game.key())))?;
        truths.resize(positions.len(), near);
    }
    let mut expected = Vec::with_capacity(positions.len());
    for chunk in positions.chunks(POSITIONS_AT_ONCE_MAX) {
        let Some(said) = margins(game, weights, chunk, device)? else {
            return Err(LearnError::Mismatch {
                field: "margins",
                found: "none".to_owned(),
                wanted: "a head".to_owned(),
            });
        };
        expected.extend(said);
    }
    if expected.is_empty() {
        return Err(LearnError::Samples { game: 0, reason: "no position has a choice".to_owned() });
    }
    Ok(marks(&expected, &truths, game.seats()))
}

/// Compares what was expected with what came, of at least one position.
fn marks(expected: &[[f32; SEATS_MAX]], truths: &[[f32; SEATS_MAX]], seats: usize) -> MarginMarks {
    let count = expected.len() as f64;
    let of = |seat: Seat| truths.iter().map(move |truth| f64::from(truth[seat.index()]));
    let (mut error, mut error_of_mean) = (0.0, 0.0);
    for seat in Seat::all(seats) {
        let mean = of(seat).sum::<f64>() / count;
        error_of_mean += of(seat).map(|truth| (truth - mean).abs()).sum::<f64>();
        let said = expected.iter().map(|it| f64::from(it[seat.index()]));
        error += said.zip(of(seat)).map(|(said, truth)| (said - truth).abs()).sum::<f64>();
    }
    // Whoever won came all the way: 1, and nobody else did.
    let is_right = |(said, truth): &(&[f32; SEATS_MAX], &[f32; SEATS_MAX])| {
        let winner = Seat::all(seats).find(|seat| truth[seat.index()] >= 1.0);
        winner.is_some_and(|winner| {
            Seat::all(seats).filter(|seat| *seat != winner).all(|seat| said[seat.index()] < said[winner.index()])
        })
    };
    let right = expected.iter().zip(truths).filter(is_right).count();
    let all = count * seats as f64;
    MarginMarks {
        positions: expected.len(),
        error: error / all,
        error_of_mean: error_of_mean / all,
        winner_nearest: right as f64 / count,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_compare_with_the_mean_and_with_the_winner() {
        let truths = [[1.0, 0.5, 0.0, 0.0], [0.5, 1.0, 0.0, 0.0], [1.0, 0.0, 0.0, 0.0]];
        let right = marks(&truths, &truths, 2);
        assert_eq!((right.positions, right.error, right.winner_nearest), (3, 0.0, 1.0));
        // Seat 0: mean 5/6, off by 1/6, 1/3, 1/6; seat 1: mean 1/2, off by 0, 1/2, 1/2.
        assert!((right.error_of_mean - (2.0 / 3.0 + 1.0) / 6.0).abs() < 1e-6, "{right:?}");
        let said = [[0.8, 0.2, 0.0, 0.0], [0.8, 0.2, 0.0, 0.0], [0.5, 0.5, 0.0, 0.0]];
        let found = marks(&said, &truths, 2);
        assert!((found.error - (0.2 + 0.3 + 0.3 + 0.8 + 0.5 + 0.5) / 6.0).abs() < 1e-6, "{found:?}");
        assert!((found.winner_nearest - 1.0 / 3.0).abs() < 1e-9, "a tie names nobody: {found:?}");
    }
}
