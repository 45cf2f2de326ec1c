//! `game play`: steps through a recorded game.

use std::io::BufRead;

use clap::Args;
use kifu::cli::{ExitCode, Failure, Printer};

use super::look::Source;

/// What can be typed.
const HELP: &str = "enter or n: next, p: previous, a number: that ply, e: the end, l: legal moves, q: quit";
/// The longest line that is listened to.
const LINE_BYTES_MAX: u64 = 64;

/// Step through a recorded game
///
/// Draws the position, then does what each line of stdin says: an empty line or `n` goes on, `p` goes back, a number goes to that ply, `e`
/// to the end, `l` lists the legal moves, `q` quits.
///
/// Example:
///   kifu-replay game play batch.kgr --game 3
#[derive(Args, Debug)]
#[command(verbatim_doc_comment)]
pub struct Play {
    #[command(flatten)]
    source: Source,

    /// Where to begin
    #[arg(long, value_name = "PLY", default_value_t = 0)]
    ply: usize,
}

impl Play {
    pub fn run(&self, printer: &mut Printer) -> Result<ExitCode, Failure> {
        let mut position = self.source.look(Some(self.ply))?;
        printer.text(position.drawn())?;
        printer.note(HELP)?;
        let mut input = std::io::stdin().lock();
        loop {
            let mut line = String::new();
            let bytes =
                std::io::Read::take(&mut input, LINE_BYTES_MAX).read_line(&mut line).map_err(Failure::general)?;
            let wanted = match line.trim() {
                _ if bytes == 0 => return Ok(ExitCode::Ok),
                "q" => return Ok(ExitCode::Ok),
                "" | "n" => position.ply + 1,
                "p" => position.ply.saturating_sub(1),
                "e" => position.plies,
                "l" => {
                    printer.text(position.legal.join("\n"))?;
                    continue;
                }
                other => match other.parse() {
                    Ok(ply) => ply,
                    Err(_) => {
                        printer.note(HELP)?;
                        continue;
                    }
                },
            };
            if wanted > position.plies {
                printer.note(format!("the game has {} plies", position.plies))?;
                continue;
            }
            position = self.source.look(Some(wanted))?;
            printer.text(position.drawn())?;
        }
    }
}
