//! `game`: looks into recorded games.

mod check;
mod look;
mod play;
mod render;
mod show;

use clap::{Args, Subcommand};
use kifu::cli::{ExitCode, Failure, Printer};

/// Look into recorded games
#[derive(Args, Debug)]
pub struct Game {
    #[command(subcommand)]
    verb: GameVerb,
}

#[derive(Debug, Subcommand)]
enum GameVerb {
    Show(show::Show),
    Play(play::Play),
    Render(render::Render),
    Check(check::Check),
}

impl Game {
    pub fn run(&self, printer: &mut Printer) -> Result<ExitCode, Failure> {
        match &self.verb {
            GameVerb::Show(verb) => verb.run(printer),
            GameVerb::Play(verb) => verb.run(printer),
            GameVerb::Render(verb) => verb.run(printer),
            GameVerb::Check(verb) => verb.run(printer),
        }
    }
}
