//! `game check`: do recorded games of the reference engines replay without a difference?

use std::path::PathBuf;

use clap::Args;
use kifu::cli::{ExitCode, Failure, Format, Printer};
use kifu::game::ringrift::parity::{Parity, check_file};
use serde_json::json;

/// Replay RingRift test vectors and compare every position
///
/// Each FILE holds one JSON object a line, plain or compressed with gzip: games with their plies and ends, or hand-made cases.
/// Compared are phase, player, the number and the hash of the legal moves, the hash of the position, and the end. Prints one line a
/// file, and the first difference of each in full. Exits with 0 when there is none, with 7 when there are some, and with 2 when a
/// file cannot be read.
///
/// Example:
///   kifu-replay game check fixtures/ringrift/*.jsonl*
#[derive(Args, Debug)]
#[command(verbatim_doc_comment)]
pub struct Check {
    /// The files
    #[arg(value_name = "FILE", required = true)]
    files: Vec<PathBuf>,
}

impl Check {
    pub fn run(&self, printer: &mut Printer) -> Result<ExitCode, Failure> {
        let (mut differs, mut unreadable) = (false, Vec::new());
        for file in &self.files {
            let name = file.display();
            match check_file(file) {
                Ok(parity) => {
                    differs |= parity.differences > 0;
                    print(printer, &name.to_string(), &parity)?;
                }
                Err(error) => unreadable.push(format!("{name}: {error}")),
            }
        }
        if !unreadable.is_empty() {
            return Err(Failure::usage(unreadable.join("\n")));
        }
        Ok(if differs { ExitCode::Differences } else { ExitCode::Ok })
    }
}

fn print(printer: &mut Printer, file: &str, parity: &Parity) -> Result<(), Failure> {
    let Parity { games, plies, differences, first } = parity;
    match printer.format() {
        Format::Table | Format::Wide => {
            printer.text(format!("{file} games={games} plies={plies} differences={differences}"))?;
            first.iter().try_for_each(|first| printer.text(first))?;
        }
        _ => {
            let first = first.as_ref().map(|first| {
                json!({
                    "game": first.game, "config": first.config, "ply": first.ply, "field": first.field, "ours": first.ours,
                    "theirs": first.theirs, "before": first.before, "move": first.played, "only_ours": first.only_ours,
                    "only_theirs": first.only_theirs,
                })
            });
            let counts = json!({ "file": file, "games": games, "plies": plies, "differences": differences });
            let mut object = counts;
            object["first"] = first.into();
            printer.object(&object)?;
        }
    }
    Ok(())
}
