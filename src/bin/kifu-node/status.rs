//! `kifu-node status`

use std::path::PathBuf;

use clap::Args;
use kifu::cli::{Column, ExitCode, Failure, OutputArgs, Rows};
use kifu::node::api::{Client, Request, Response, Target};

/// Options of `status`.
#[derive(Args)]
#[command(after_help = "Example:\n  kifu-node status --data n1 -o json")]
pub struct Status {
    /// The data directory of a running node
    #[arg(long, env = "KIFU_DATA", value_name = "DIR")]
    data: PathBuf,
    #[command(flatten)]
    output: OutputArgs,
}

impl Status {
    /// Shows the status. Exit code 6 when the cluster has no leader or no quorum, or the node's disk is full.
    pub fn run(self) -> Result<ExitCode, Failure> {
        let response = kifu::cli::block_on(async {
            let target = Target::of_this_data_dir(&self.data).map_err(super::client_failure)?;
            let client = Client::connect(&target).await.map_err(super::client_failure)?;
            client.ask(&Request::Status).await.map_err(super::client_failure)
        })?;
        let Response::Rows { rows, footer } = response else {
            return Err(Failure::general("the node answered something else"));
        };
        let sick = rows.iter().any(|row| row["health"] == "lost") || footer.disk_full;
        let columns = vec![
            Column::new("id"),
            Column::new("cluster"),
            Column::new("health"),
            Column::new("leader"),
            Column::new("term"),
            Column::new("seq"),
            Column::new("hosts_online").at("hosts_online"),
            Column::new("hosts"),
            Column::new("generation").at("campaign.generation"),
            Column::new("phase").at("campaign.phase"),
            Column::new("waits_for").at("campaign.waits_for"),
        ];
        let mut printer = self.output.printer();
        printer.rows(&Rows::new(columns, rows)).map_err(Failure::general)?;
        printer.note(&footer).map_err(Failure::general)?;
        Ok(if sick || footer.leader.is_none() { ExitCode::Unhealthy } else { ExitCode::Ok })
    }
}
