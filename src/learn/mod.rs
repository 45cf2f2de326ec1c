//! Floor 2: nets, samples and training. The only room that knows libtorch, behind the cargo feature `torch`.
//!
//! [`Architecture`] says what a net is; `Weights` are its tensors on the host and the model file; `Net` is the net in
//! libtorch and `NetEvaluator` its fast form for search. [`Samples`] come from verified games; a `Trainer` learns from
//! them, step by step, and its `Checkpoint` lets it go on after a stop.

pub mod architecture;
pub mod batch;
#[cfg(feature = "torch")]
pub mod bench;
#[cfg(feature = "torch")]
pub mod canary;
#[cfg(feature = "torch")]
pub mod checkpoint;
pub mod choices;
pub mod curve;
pub mod data;
pub mod error;
#[cfg(test)]
pub(crate) mod fixtures;
pub mod frozen;
pub mod gauge;
#[cfg(feature = "torch")]
pub mod infer;
#[cfg(test)]
mod labels_tests;
#[cfg(feature = "torch")]
mod layout;
#[cfg(feature = "torch")]
pub mod margins;
#[cfg(feature = "torch")]
mod meter;
#[cfg(feature = "torch")]
pub mod net;
#[cfg(feature = "torch")]
mod policy_head;
#[cfg(feature = "torch")]
pub mod precision;
#[cfg(test)]
pub(crate) mod python;
#[cfg(feature = "torch")]
mod quantised;
pub mod recipe;
#[cfg(test)]
mod reference_games;
pub mod samples;
#[cfg(feature = "torch")]
pub mod speeds;
pub mod split;
#[cfg(feature = "torch")]
pub mod tensorfile;
#[cfg(all(test, feature = "torch"))]
mod tests;
#[cfg(feature = "torch")]
mod tower;
#[cfg(feature = "torch")]
pub mod train;
#[cfg(feature = "torch")]
pub mod weights;

pub use architecture::{Architecture, FAMILIES, Family};
pub use error::LearnError;
#[cfg(feature = "torch")]
pub use infer::NetEvaluator;
#[cfg(feature = "torch")]
pub use net::Net;
#[cfg(feature = "torch")]
pub use precision::Precision;
pub use samples::Samples;
#[cfg(feature = "torch")]
pub use speeds::Speeds;
#[cfg(feature = "torch")]
pub use train::Trainer;
#[cfg(feature = "torch")]
pub use weights::Weights;
