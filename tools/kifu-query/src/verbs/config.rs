//! `kifu-query config`

use clap::Args;
use kifu::cli::{ExitCode, Failure, OutputArgs};
use kifu::node::api::{Noun, Request};

use super::get::flatten;
use crate::connect::ConnectArgs;
use crate::session::Session;

/// Options of `config`.
#[derive(Args)]
#[command(after_help = "Example:\n  kifu-query config --data n1")]
pub struct Config {
    /// How the answer looks.
    #[command(flatten)]
    pub output: OutputArgs,
}

impl Config {
    /// Shows the cluster's configuration.
    pub async fn run(self, connect: ConnectArgs) -> Result<ExitCode, Failure> {
        let session = Session::open(&connect).await?;
        let (rows, footer) = session.rows(&Request::List { noun: Noun::Config }).await?;
        let row = rows.into_iter().next().ok_or_else(|| {
            Failure::new(ExitCode::NotFound, "the cluster has no configuration yet: its log has just begun")
        })?;
        let mut printer = self.output.printer();
        printer.object(&if !self.output.output.is_for_programs() { flatten(&row) } else { row })?;
        printer.note(footer)?;
        Ok(ExitCode::Ok)
    }
}
