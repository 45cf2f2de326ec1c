//! The command line.

use clap::{Parser, Subcommand};
use kifu::cli::{ExitCode, Failure, LogArgs};

use crate::connect::ConnectArgs;
use crate::verbs;

/// The whole command line.
#[derive(Parser)]
#[command(name = "kifu-query", version, about = "Asks a running Kifu cluster", after_help = kifu::cli::exit::HELP)]
pub struct Arguments {
    /// What to ask.
    #[command(subcommand)]
    pub verb: Verb,
    /// Whom to ask.
    #[command(flatten)]
    pub connect: ConnectArgs,
    /// What to log.
    #[command(flatten)]
    pub logs: LogArgs,
}

/// What can be asked; one file each.
#[derive(Subcommand)]
pub enum Verb {
    /// How the cluster is, on one screen; exit code 6 when it has no leader or no quorum
    Status(verbs::status::Status),
    /// Members of the cluster, alive or not
    Hosts(verbs::hosts::Hosts),
    /// Units of work: what waits, runs, and is done
    Jobs(verbs::jobs::Jobs),
    /// Batches of recorded games
    Games(verbs::games::Games),
    /// Models, and which of them is champion
    Models(verbs::models::Models),
    /// Who leads, and since when
    Leader(verbs::leader::Leader),
    /// Sealed datasets
    Datasets(verbs::datasets::Datasets),
    /// Training runs
    Training(verbs::training::Training),
    /// Gauntlets and their scores
    Gauntlets(verbs::gauntlets::Gauntlets),
    /// Ratings of players in Elo, with their 95% intervals
    Ratings(verbs::ratings::Ratings),
    /// Blobs, and where their copies lie
    Artifacts(verbs::artifacts::Artifacts),
    /// The cluster's configuration
    Config(verbs::config::Config),
    /// The campaign of generations
    Campaign(verbs::campaign::Campaign),
    /// Events by kind: how many, and the last
    Counts(verbs::counts::Counts),
    /// Digests of the answering node's projections
    Digests(verbs::digests::Digests),
    /// How the answering node's projections are: lag, last error, whether they agree with the leader's
    Projections(verbs::projections::Projections),
    /// Records of the log
    Events(verbs::events::Events),
    /// Everything about one thing, by its id or an unambiguous beginning of it
    Get(verbs::get::Get),
    /// Waits until something is so; exit code 124 when time runs out
    Wait(verbs::wait::Wait),
    /// Who you are to the cluster, and where each setting comes from
    Whoami(verbs::whoami::Whoami),
    /// Prints a completion script for a shell
    Completion(verbs::completion::Completion),
}

impl Verb {
    /// Asks, and prints the answer.
    pub async fn run(self, connect: ConnectArgs) -> Result<ExitCode, Failure> {
        match self {
            Verb::Status(verb) => verb.run(connect).await,
            Verb::Hosts(verb) => verb.list.run(connect, &verbs::hosts::VIEW).await,
            Verb::Jobs(verb) => verb.run(connect).await,
            Verb::Games(verb) => verb.list.run(connect, &verbs::games::VIEW).await,
            Verb::Models(verb) => verb.list.run(connect, &verbs::models::VIEW).await,
            Verb::Leader(verb) => verb.run(connect).await,
            Verb::Datasets(verb) => verb.list.run(connect, &verbs::datasets::VIEW).await,
            Verb::Training(verb) => verb.list.run(connect, &verbs::training::VIEW).await,
            Verb::Gauntlets(verb) => verb.list.run(connect, &verbs::gauntlets::VIEW).await,
            Verb::Ratings(verb) => verb.run(connect).await,
            Verb::Artifacts(verb) => verb.list.run(connect, &verbs::artifacts::VIEW).await,
            Verb::Config(verb) => verb.run(connect).await,
            Verb::Campaign(verb) => verb.list.run(connect, &verbs::campaign::VIEW).await,
            Verb::Counts(verb) => verb.list.run(connect, &verbs::counts::VIEW).await,
            Verb::Digests(verb) => verb.list.run(connect, &verbs::digests::VIEW).await,
            Verb::Projections(verb) => verb.list.run(connect, &verbs::projections::VIEW).await,
            Verb::Events(verb) => verb.run(connect).await,
            Verb::Get(verb) => verb.run(connect).await,
            Verb::Wait(verb) => verb.run(connect).await,
            Verb::Whoami(verb) => verb.run(connect).await,
            Verb::Completion(verb) => verb.run(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent() {
        Arguments::command().debug_assert();
    }
}
