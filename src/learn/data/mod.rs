//! Datasets: which games, what follows from them, and how they leave and come back.
//!
//! A [`Manifest`] names games by hash; [`build`] makes samples of it, the same bytes always and everywhere, and [`gather`] both at once. [`npz`] is the form in
//! which Python users take samples away, and in which they come back.

mod build;
#[cfg(test)]
mod configurations_tests;
mod error;
mod manifest;
mod npy;
pub mod npz;
#[cfg(test)]
mod tests;
mod zip;

pub use build::{build, draw_up, gather};
pub use error::DataError;
pub use manifest::{Filters, Manifest, ManifestGame, Terms, WEIGHT_MAX, encoder_hash};
