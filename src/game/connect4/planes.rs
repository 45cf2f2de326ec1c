//! How a net sees Connect Four: the mover's stones, the other's stones, and ones that mark the board's cells.

use super::board::{HEIGHT, WIDTH, cell};
use super::rules::{Column, ConnectFour};
use crate::game::{ActionId, Game, PlaneShape, Planes, PolicyShape, Sketch};

/// Cells of one plane.
const PLANE: usize = WIDTH * HEIGHT;

impl Planes for ConnectFour {
    fn plane_shape(&self) -> PlaneShape {
        PlaneShape { channels: 3, height: HEIGHT, width: WIDTH }
    }

    fn encoder_version(&self) -> u32 {
        2
    }

    /// Row 0 of a plane is the bottom row of the board.
    fn encode(&self, state: &Self::State, into: &mut [f32]) {
        let mover = self.to_move(state);
        let own = state.stones(mover);
        let other = state.stones(mover.next(2));
        let (own_plane, rest) = into.split_at_mut(PLANE);
        let (other_plane, ones) = rest.split_at_mut(PLANE);
        for row in 0..HEIGHT {
            for column in 0..WIDTH {
                let bit = cell(column, row);
                own_plane[row * WIDTH + column] = f32::from(own & bit != 0);
                other_plane[row * WIDTH + column] = f32::from(other & bit != 0);
            }
        }
        ones.fill(1.0);
    }

    /// One kind, and a role for each row: the head sees a column as the sum of its cells, each row with weights of its own.
    fn policy_shape(&self) -> PolicyShape {
        PolicyShape { kinds: 1, roles: HEIGHT, families: 0 }
    }

    fn sketch(&self, action: &Column) -> Sketch {
        (0..HEIGHT).fold(Sketch::of(0), |sketch, row| sketch.spot(row, row * WIDTH + action.index()))
    }

    fn named(&self, id: ActionId) -> Option<Column> {
        Column::new(id.0 as usize)
    }

    /// The identity, and the mirror image from left to right.
    fn symmetries(&self) -> usize {
        2
    }

    fn transform_planes(&self, index: usize, planes: &[f32], into: &mut [f32]) {
        into.copy_from_slice(planes);
        if index == 1 {
            into.chunks_exact_mut(WIDTH).for_each(<[f32]>::reverse);
        }
    }

    fn transform_action(&self, index: usize, id: ActionId) -> Option<ActionId> {
        Some(if index == 1 { ActionId(WIDTH as u32 - 1 - id.0) } else { id })
    }
}
