//! `kifu-node rotate`

use std::path::PathBuf;

use clap::Args;
use kifu::cli::{ExitCode, Failure, OutputArgs};
use kifu::node::api::{Client, Request, Response, Target};

/// Options of `rotate`.
#[derive(Args)]
#[command(after_help = "Example:\n  kifu-node rotate --data n1")]
pub struct Rotate {
    /// The data directory of the running node whose certificate is to be renewed
    #[arg(long, env = "KIFU_DATA", value_name = "DIR")]
    data: PathBuf,
    #[command(flatten)]
    output: OutputArgs,
}

impl Rotate {
    /// Renews the certificate. Connections stay open.
    pub fn run(self) -> Result<ExitCode, Failure> {
        let response = kifu::cli::block_on(async {
            let target = Target::of_this_data_dir(&self.data).map_err(super::client_failure)?;
            let client = Client::connect(&target).await.map_err(super::client_failure)?;
            client.ask(&Request::RotateCertificate).await.map_err(super::client_failure)
        })?;
        match response {
            Response::Done { seq: Some(seq) } => {
                let words = format!("renewed, recorded at {seq}");
                self.output.printer().text(words).map_err(Failure::general)?;
                Ok(ExitCode::Ok)
            }
            other => Err(Failure::general(format!("the node answered something else: {other:?}"))),
        }
    }
}
