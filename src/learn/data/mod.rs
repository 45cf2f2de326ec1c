//! Datasets: which games, what follows from them, and how they leave and come back.
//!
//! A [`Manifest`] names games by hash; [`build`] makes samples of it, the same bytes always and everywhere. [`npz`] is the form in
//! which Python users take samples away, and in which they come back.

mod build;
mod error;
mod manifest;
mod npy;
pub mod npz;
#[cfg(test)]
mod tests;
mod zip;

pub use build::{build, draw_up};
pub use error::DataError;
pub use manifest::{Filters, Manifest, ManifestGame, encoder_hash};
