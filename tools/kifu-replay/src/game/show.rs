//! `game show`: a position of a recorded game.

use clap::Args;
use kifu::cli::{ExitCode, Failure, Format, Printer};

use super::look::Source;

/// Draw a position of a recorded game
///
/// Example:
///   kifu-replay game show batch.kgr --game 3 --ply 12
///
/// In drawings of RingRift 1^3 is a stack of player 1 with three rings, o1 a marker, #1 a collapsed cell.
#[derive(Args, Debug)]
#[command(verbatim_doc_comment)]
pub struct Show {
    #[command(flatten)]
    source: Source,

    /// The position before this ply, from 0; the end when it is left out
    #[arg(long, value_name = "PLY")]
    ply: Option<usize>,
}

impl Show {
    pub fn run(&self, printer: &mut Printer) -> Result<ExitCode, Failure> {
        let position = self.source.look(self.ply)?;
        match printer.format() {
            Format::Table | Format::Wide => printer.text(position.drawn())?,
            _ => printer.object(&serde_json::to_value(position).expect("plain data with text keys"))?,
        }
        Ok(ExitCode::Ok)
    }
}
