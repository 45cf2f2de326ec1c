//! `kifu-node join`

use clap::Args;
use kifu::cli::{ExitCode, Failure};

/// Options of `join`.
#[derive(Args)]
#[command(
    after_help = "Example:\n  kifu-node join --data n2 --name n2 --listen 127.0.0.1:7410 --http 127.0.0.1:7411 --token-file n2.token"
)]
pub struct Join {
    #[command(flatten)]
    node: super::init::NewNode,
    /// The token, from `kifu-node token create`. Others on this machine see it in `ps`: KIFU_TOKEN and --token-file do not
    /// show it
    #[arg(long, env = "KIFU_TOKEN", hide_env_values = true, required_unless_present = "token_file")]
    token: Option<String>,
    /// The file that holds the token
    #[arg(long, value_name = "FILE", conflicts_with = "token")]
    token_file: Option<std::path::PathBuf>,
}

impl Join {
    /// Makes this machine a member.
    pub fn run(self) -> Result<ExitCode, Failure> {
        let (layout, options) = self.node.parts();
        let token = match (&self.token_file, self.token) {
            (Some(path), _) => std::fs::read_to_string(path)
                .map_err(|error| Failure::usage(format!("cannot read {}: {error}", path.display())))?,
            (None, token) => token.unwrap_or_default(),
        };
        let token = token.trim().to_owned();
        let joined = kifu::cli::block_on(async {
            kifu::node::join::join(&layout, &token, options).await.map_err(super::failure)
        })?;
        super::tell_next(&joined, "is a member of", &layout);
        Ok(ExitCode::Ok)
    }
}
