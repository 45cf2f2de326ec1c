//! Tests that need libtorch.

mod inference;
mod margins;
mod model_files;
mod policy_head;
mod seats;
mod training;

use super::{Architecture, Family, Weights};
use crate::game::Planes;
use crate::game::connect4::ConnectFour;

/// A random `tiny` net for Connect Four.
pub(super) fn tiny(seed: u64) -> Weights {
    tiny_for(&ConnectFour, seed)
}

/// A random `tiny` net.
fn tiny_for<G: Planes>(game: &G, seed: u64) -> Weights {
    tch::set_num_threads(1);
    let family = Family::named("tiny").expect("known");
    Weights::random(Architecture::of(game, family), seed).expect("known family")
}
