//! The command line.

use std::path::PathBuf;

use clap::parser::ValueSource;
use clap::{ArgMatches, Parser, Subcommand};
use kifu::cli::{LogArgs, OutputArgs};

use crate::{dataset, diff, dump, game, rebuild, show, state, stats, verify, why};

const EXIT_CODES: &str = "\
Exit codes:
  0  ok
  1  failure
  2  usage
  3  not found: no log in the directory, no record with this seq, no such projection
  5  conflict: a live node truncated the log while it was read; rebuild while the node runs
  6  unhealthy: a damaged log, or one of another format; a stopped projection; a bad game file
  7  differences found: diff found some; verify found another digest than was recorded
130  interrupted

Example:
  kifu-replay --data /var/lib/kifu/n1 verify";

/// Replays, explains and verifies a Kifu event log
///
/// Reads a node's directory, or a copy of its log made with `cp -r`. Works while no node runs, and beside one. Never
/// writes, but for `rebuild`. Data goes to stdout, words to stderr.
#[derive(Debug, Parser)]
#[command(name = "kifu-replay", version, max_term_width = 100, after_long_help = EXIT_CODES)]
pub struct Cli {
    /// A node's directory, or the folder of its log
    #[arg(long, env = "KIFU_DATA", value_name = "DIR", global = true, hide_env_values = true)]
    pub data: Option<PathBuf>,

    /// A node's archive, with what came before its log; DIR/archive when there is one
    #[arg(long, env = "KIFU_ARCHIVE", value_name = "DIR", global = true, hide_env_values = true)]
    pub archive: Option<PathBuf>,

    #[command(flatten)]
    pub output: OutputArgs,

    #[command(flatten)]
    pub logs: LogArgs,

    #[command(subcommand)]
    pub verb: Verb,
}

#[derive(Debug, Subcommand)]
pub enum Verb {
    Dump(dump::Dump),
    Show(show::Show),
    Stats(stats::Stats),
    State(state::State),
    Diff(diff::Diff),
    Why(why::Why),
    Verify(verify::Verify),
    Rebuild(rebuild::Rebuild),
    Game(game::Game),
    Dataset(dataset::Dataset),
}

/// Did the user say it, on any level of the command line or in the environment?
pub fn is_given(matches: &ArgMatches, name: &str) -> bool {
    let here = matches!(matches.value_source(name), Some(ValueSource::CommandLine | ValueSource::EnvVariable));
    here || matches.subcommand().is_some_and(|(_, inner)| inner.try_contains_id(name).is_ok() && is_given(inner, name))
}
