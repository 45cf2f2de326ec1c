//! `kifu-node join`

use clap::Args;
use kifu::cli::{ExitCode, Failure};

/// Options of `join`.
#[derive(Args)]
#[command(
    after_help = "Example:\n  kifu-node join --data n2 --name n2 --listen 127.0.0.1:7410 --http 127.0.0.1:7411 --token \"$TOKEN\""
)]
pub struct Join {
    #[command(flatten)]
    node: super::init::NewNode,
    /// The token, from `kifu-node token create`
    #[arg(long, env = "KIFU_TOKEN", hide_env_values = true)]
    token: String,
}

impl Join {
    /// Makes this machine a member.
    pub fn run(self) -> Result<ExitCode, Failure> {
        let (layout, options) = self.node.parts();
        let token = self.token.trim().to_owned();
        let joined =
            super::block_on(async { kifu::node::join::join(&layout, &token, options).await.map_err(super::failure) })?;
        super::tell_next(&joined, "is a member of", &layout);
        Ok(ExitCode::Ok)
    }
}
