//! How a net sees a position: a stack of planes, rotated so that the mover is seat 0.

use super::rules::{ActionId, Game};
use super::sketch::{PolicyShape, Sketch};

/// The shape of a net's input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PlaneShape {
    /// Number of planes.
    pub channels: usize,
    /// Rows.
    pub height: usize,
    /// Columns.
    pub width: usize,
}

impl PlaneShape {
    /// Floats in one input.
    pub fn len(self) -> usize {
        self.channels * self.height * self.width
    }

    /// True for a shape without any cell.
    pub fn is_empty(self) -> bool {
        self.len() == 0
    }
}

/// A game that a net can play. The same encoder serves self-play, training and evaluation.
pub trait Planes: Game {
    /// The input's shape.
    fn plane_shape(&self) -> PlaneShape;

    /// Raised whenever the same position would be encoded, or the same action sketched, differently. Part of a model's identity.
    fn encoder_version(&self) -> u32;

    /// Writes the position as its mover sees it, channel by channel, row by row. `into` has [`PlaneShape::len`] floats
    /// and is overwritten completely.
    fn encode(&self, state: &Self::State, into: &mut [f32]);

    /// What the policy head has to provide for the game's actions.
    fn policy_shape(&self) -> PolicyShape;

    /// The action as the policy head sees it; it fits [`Planes::policy_shape`] and the cells of a plane.
    fn sketch(&self, action: &Self::Action) -> Sketch;

    /// The action of the table with this number, legal or not; `None` for numbers that no position ever has.
    fn named(&self, id: ActionId) -> Option<Self::Action>;

    /// The number of exact symmetries of the board, the identity included.
    fn symmetries(&self) -> usize;

    /// Mirrors or rotates an encoded input by symmetry `index`.
    fn transform_planes(&self, index: usize, planes: &[f32], into: &mut [f32]);

    /// Where symmetry `index` takes an action of the table; `None` when that depends on the position. A position in which such an
    /// action is legal is only seen as it is.
    fn transform_action(&self, index: usize, id: ActionId) -> Option<ActionId>;
}
