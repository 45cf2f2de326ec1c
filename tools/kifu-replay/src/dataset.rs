//! `dataset`: samples for those who train elsewhere.

mod export;
mod import;

use clap::{Args, Subcommand};
use kifu::cli::{ExitCode, Failure, Printer};
use kifu::game::planes::Planes;
use kifu::learn::Samples;
use kifu::learn::data::{DataError, Manifest};
use serde_json::json;

use crate::args::Cli;

/// Take samples to other programs, and check those that come back
#[derive(Args, Debug)]
pub struct Dataset {
    #[command(subcommand)]
    verb: DatasetVerb,
}

#[derive(Debug, Subcommand)]
enum DatasetVerb {
    Export(export::Export),
    Import(import::Import),
}

impl Dataset {
    pub fn run(&self, cli: &Cli, printer: &mut Printer) -> Result<ExitCode, Failure> {
        match &self.verb {
            DatasetVerb::Export(verb) => verb.run(cli, printer),
            DatasetVerb::Import(verb) => verb.run(printer),
        }
    }
}

/// Prints what a dataset is.
fn print<G: Planes>(printer: &mut Printer, game: &G, manifest: &Manifest, samples: &Samples) -> Result<(), Failure> {
    let shape = game.plane_shape();
    Ok(printer.object(&json!({
        "game": manifest.game,
        "dataset": manifest.hash().to_string(),
        "samples_hash": samples.hash().to_string(),
        "encoder": manifest.encoder.to_string(),
        "batches": manifest.batches.len(),
        "games": manifest.games.len(),
        "samples": samples.len(),
        "planes": [shape.channels, shape.height, shape.width],
        "actions": samples.actions(),
        "seats": samples.seats(),
    }))?)
}

fn unusable(error: &DataError) -> Failure {
    Failure::new(ExitCode::Unhealthy, error)
}
