//! The node program: makes, joins, starts and looks at a node.

mod backup;
mod bench;
mod ca;
mod demo;
mod init;
mod join;
mod members;
mod restore;
mod rotate;
mod start;
mod status;
mod token;

use std::io::Write;
use std::path::Path;

use clap::{Parser, Subcommand};
use kifu::cli::{ExitCode, Failure, LogArgs};
use kifu::event::config::Config;
use kifu::node::amend;

#[derive(Parser)]
#[command(name = "kifu-node", version, about = "A node of a Kifu cluster", after_help = kifu::cli::exit::HELP)]
struct Arguments {
    #[command(subcommand)]
    verb: Verb,
    #[command(flatten)]
    logs: LogArgs,
}

#[derive(Subcommand)]
enum Verb {
    /// Make a new cluster with this machine as its first node
    Init(init::Init),
    /// Make this machine a member of a cluster
    Join(join::Join),
    /// Run the node of a data directory
    Start(start::Start),
    /// Make tokens with which machines join, and tokens for the client API; list and revoke these
    #[command(subcommand)]
    Token(token::Token),
    /// Renew the certificate of a running node
    Rotate(rotate::Rotate),
    /// Keep a copy of the cluster's CA elsewhere
    #[command(subcommand)]
    Ca(ca::Ca),
    /// Show and change who belongs to the cluster, who votes and who leads
    #[command(subcommand, alias = "member")]
    Members(members::Members),
    /// Show how a running node and its cluster are
    Status(status::Status),
    /// Copy the history and its blobs, while the node runs or not; again: only what is new
    Backup(backup::Backup),
    /// Make a new cluster out of a backup, as of any moment of it
    Restore(restore::Restore),
    /// Run a whole cluster on this machine that plays, learns and promotes
    Demo(demo::Demo),
    /// Measure what this build does on this machine
    #[command(subcommand)]
    Bench(bench::Bench),
}

fn main() -> ExitCode {
    let Arguments { verb, logs } = Arguments::parse();
    kifu::cli::run(|| {
        // Raft's own words about each step are for debugging it.
        let level = if matches!(verb, Verb::Start(_)) { "info,openraft=warn" } else { "warn" };
        logs.start(level)?;
        match verb {
            Verb::Init(verb) => verb.run(),
            Verb::Join(verb) => verb.run(),
            Verb::Start(verb) => verb.run(),
            Verb::Token(verb) => verb.run(),
            Verb::Rotate(verb) => verb.run(),
            Verb::Ca(verb) => verb.run(),
            Verb::Members(verb) => verb.run(),
            Verb::Status(verb) => verb.run(),
            Verb::Backup(verb) => verb.run(),
            Verb::Restore(verb) => verb.run(),
            Verb::Demo(verb) => verb.run(),
            Verb::Bench(verb) => verb.run(),
        }
    })
}

/// A failure with the exit code of a node's error.
fn failure(error: kifu::node::NodeError) -> Failure {
    Failure::new(error.exit_code(), error)
}

/// A failure with the exit code of a client's error.
fn client_failure(error: kifu::node::api::ClientError) -> Failure {
    Failure::new(error.exit_code(), error)
}

/// The configuration with what the file says in its place.
fn read_config(config: &Config, path: &Path) -> Result<Config, Failure> {
    let text = std::fs::read_to_string(path)
        .map_err(|error| Failure::usage(format!("cannot read {}: {error}", path.display())))?;
    amend(config, &text).map_err(|error| Failure::usage(format!("{} is not valid: {error}", path.display())))
}

/// Says what a new node is, and how to start it.
fn tell_next(node: &kifu::node::layout::NodeConfig, what: &str, layout: &kifu::node::Layout) {
    let start = format!("kifu-node start --data {}", layout.root().display());
    say(format!("{} ({}) {what} {}; start it with: {start}", node.name, node.node, node.cluster));
}

/// Words on stderr. That it is closed is no reason to fail.
fn say(words: impl std::fmt::Display) {
    writeln!(std::io::stderr(), "{words}").ok();
}
