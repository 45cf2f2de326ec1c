//! Replays, explains and verifies a Kifu event log. Reads a node's directory or a copy of its log; only
//! `rebuild` writes.

mod args;
mod data;
mod dataset;
mod diff;
mod dump;
mod filter;
mod fold;
mod game;
mod position;
mod rebuild;
mod show;
mod state;
mod stats;
mod tree;
mod verify;
mod why;

use clap::{ArgMatches, CommandFactory, FromArgMatches};
use kifu::cli::{ExitCode, Failure, Format, run};

use args::{Cli, Verb};

fn main() -> ExitCode {
    let matches = Cli::command().get_matches();
    run(|| {
        let cli = Cli::from_arg_matches(&matches).map_err(Failure::usage)?;
        cli.logs.start("warn")?;
        dispatch(&cli, &matches)
    })
}

fn dispatch(cli: &Cli, matches: &ArgMatches) -> Result<ExitCode, Failure> {
    let mut output = cli.output.clone();
    if !args::is_given(matches, "output") {
        output.output = match cli.verb {
            Verb::Dump(_) => Format::Jsonl,
            Verb::State(_) => Format::Json,
            _ => Format::Table,
        };
    }
    let mut printer = output.printer();
    match &cli.verb {
        Verb::Dump(verb) => verb.run(cli, &mut printer),
        Verb::Show(verb) => verb.run(cli, &mut printer),
        Verb::Stats(verb) => verb.run(cli, &mut printer),
        Verb::State(verb) => verb.run(cli, &mut printer),
        Verb::Diff(verb) => verb.run(cli, &mut printer),
        Verb::Why(verb) => verb.run(cli, &mut printer),
        Verb::Verify(verb) => verb.run(cli, &mut printer),
        Verb::Rebuild(verb) => verb.run(cli, &mut printer),
        Verb::Game(verb) => verb.run(&mut printer),
        Verb::Dataset(verb) => verb.run(cli, &mut printer),
    }
}
