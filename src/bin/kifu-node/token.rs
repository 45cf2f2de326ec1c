//! `kifu-node token`

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Subcommand};
use kifu::cli::{ExitCode, Failure, OutputArgs};
use kifu::node::api::{Client, Request, Response, Target};

/// What can be done with tokens.
#[derive(Subcommand)]
pub enum Token {
    /// Make a token with which one machine can join; it is shown once
    Create(Create),
}

/// Options of `token create`.
#[derive(Args)]
#[command(after_help = "Example:\n  kifu-node token create --data n1 --ttl 1h")]
pub struct Create {
    /// The data directory of the running node that made the cluster
    #[arg(long, env = "KIFU_DATA", value_name = "DIR")]
    data: PathBuf,
    /// How long the token is valid, such as 30m or 2h
    #[arg(long, default_value = "1h", value_parser = length)]
    ttl: Duration,
    #[command(flatten)]
    output: OutputArgs,
}

impl Token {
    /// Runs the verb.
    pub fn run(self) -> Result<ExitCode, Failure> {
        let Token::Create(create) = self;
        let response = super::block_on(async {
            let target = Target::of_this_data_dir(&create.data).map_err(super::client_failure)?;
            let client = Client::connect(&target).await.map_err(super::client_failure)?;
            let request = Request::CreateToken { ttl_ms: create.ttl.as_millis() as u64 };
            client.ask(&request).await.map_err(super::client_failure)
        })?;
        match response {
            Response::Token { token } => {
                create.output.printer().text(token).map_err(Failure::general)?;
                Ok(ExitCode::Ok)
            }
            other => Err(Failure::general(format!("the node answered something else: {other:?}"))),
        }
    }
}

/// Reads a length of time: a number with s, m, h or d.
fn length(text: &str) -> Result<Duration, String> {
    let bad = || format!("{text:?} is not a length of time; write for example 90s, 30m, 2h or 7d");
    let unit = text.chars().last().ok_or_else(bad)?;
    let seconds = match unit {
        's' => 1,
        'm' => 60,
        'h' => 3_600,
        'd' => 86_400,
        _ => return Err(bad()),
    };
    let count: u64 = text[..text.len() - 1].parse().map_err(|_| bad())?;
    let total = count.checked_mul(seconds).filter(|total| (1..=31_536_000).contains(total));
    total.map(Duration::from_secs).ok_or_else(|| format!("{text:?} is not between a second and a year"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_of_time() {
        assert_eq!(length("30m"), Ok(Duration::from_secs(1_800)));
        assert_eq!(length("7d"), Ok(Duration::from_secs(604_800)));
        for bad in ["", "m", "5", "-1h", "1y", "0s", "99999999999999999999d", "4000d"] {
            assert!(length(bad).is_err(), "{bad}");
        }
    }
}
