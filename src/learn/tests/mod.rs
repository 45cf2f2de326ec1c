//! Tests that need libtorch.

mod inference;
mod model_files;
mod training;

use super::{Architecture, Family, Weights};
use crate::game::connect4::ConnectFour;

/// A random `tiny` net for Connect Four.
fn tiny(seed: u64) -> Weights {
    tch::set_num_threads(1);
    let family = Family::named("tiny").expect("known");
    Weights::random(Architecture::of(&ConnectFour, family), seed).expect("known family")
}
