//! `game render`: a position of a recorded game as a picture.

use std::path::PathBuf;

use clap::Args;
use kifu::cli::{ExitCode, Failure, Printer};

use super::look::Source;

/// Write a position of a recorded game as an SVG picture
///
/// Example:
///   kifu-replay game render batch.kgr --game 3 --ply 12 --out position.svg
#[derive(Args, Debug)]
#[command(verbatim_doc_comment)]
pub struct Render {
    #[command(flatten)]
    source: Source,

    /// The position before this ply, from 0; the end when it is left out
    #[arg(long, value_name = "PLY")]
    ply: Option<usize>,

    /// Where the picture goes; stdout when it is left out
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

impl Render {
    pub fn run(&self, printer: &mut Printer) -> Result<ExitCode, Failure> {
        let position = self.source.look(self.ply)?;
        let Some(picture) = position.picture else {
            let failure = Failure::new(ExitCode::NotFound, format!("{} has no pictures", position.game));
            return Err(failure.hint("`kifu-replay game show` draws it in the terminal"));
        };
        match &self.out {
            Some(path) => std::fs::write(path, picture)
                .map_err(|error| Failure::general(format!("cannot write {}: {error}", path.display())))?,
            None => printer.text(picture.trim_end())?,
        }
        Ok(ExitCode::Ok)
    }
}
