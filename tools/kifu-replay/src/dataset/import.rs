//! `dataset import`: checks an NPZ file as recorded games are checked.

use std::fs;
use std::path::PathBuf;

use clap::Args;
use kifu::cli::{ExitCode, Failure, Printer};
use kifu::game::planes::Planes;
use kifu::game::registry::{self, GameVisitor};
use kifu::learn::data::npz;

use super::{print, unusable};

/// Read an NPZ file of samples and check it
///
/// Checks the archive, the shapes, the game and its encoder, that policies and values are distributions over actions of the game,
/// and that every game is on the side that its actions say. Prints what `export` printed; equal samples have equal hashes.
///
/// Example:
///   kifu-replay dataset import games.npz
#[derive(Args, Debug)]
#[command(verbatim_doc_comment)]
pub struct Import {
    /// The file
    #[arg(value_name = "FILE")]
    file: PathBuf,
}

impl Import {
    pub fn run(&self, printer: &mut Printer) -> Result<ExitCode, Failure> {
        let missing = |error| Failure::new(ExitCode::NotFound, format!("cannot read {}: {error}", self.file.display()));
        let bytes = fs::read(&self.file).map_err(missing)?;
        let manifest = npz::manifest(&bytes).map_err(|error| unusable(&error))?;
        let reading = Reading { bytes: &bytes, printer };
        registry::dispatch(&manifest.game, reading).map_err(|error| Failure::new(ExitCode::NotFound, error))?
    }
}

struct Reading<'a> {
    bytes: &'a [u8],
    printer: &'a mut Printer,
}

impl GameVisitor for Reading<'_> {
    type Output = Result<ExitCode, Failure>;

    fn visit<G: Planes>(self, game: G) -> Self::Output {
        let (manifest, samples) = npz::read(&game, self.bytes).map_err(|error| unusable(&error))?;
        print(self.printer, &game, &manifest, &samples)?;
        Ok(ExitCode::Ok)
    }
}
