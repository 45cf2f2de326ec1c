//! `kifu-node token`

use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::{Args, Subcommand, ValueEnum};
use kifu::cli::{Column, ExitCode, Failure, OutputArgs, Rows};
use kifu::event::ApiTokenId;
use kifu::event::identity::ApiRole;
use kifu::node::api::{Client, Noun, Request, Response, Target};
use kifu::replay::Moment;

use super::members::as_of;

/// What can be done with tokens.
#[derive(Subcommand)]
pub enum Token {
    /// Make a token with which one machine can join, or with --role one for the client API; it is shown once
    Create(Create),
    /// Show the tokens for the client API
    List(List),
    /// Let a token for the client API open nothing any more
    Revoke(Revoke),
}

/// What the holder of a token may do.
#[derive(Clone, Copy, ValueEnum)]
enum RoleArg {
    /// Command and look.
    Operator,
    /// Look.
    Viewer,
}

/// Options of `token create`.
#[derive(Args)]
#[command(
    after_help = "Examples:\n  kifu-node token create --data n1 --ttl 1h\n  kifu-node token create --data n1 --role viewer --name grace --ttl 30d --out grace.token"
)]
pub struct Create {
    /// The data directory of a running node that holds the cluster's CA
    #[arg(long, env = "KIFU_DATA", value_name = "DIR")]
    data: PathBuf,
    /// How long the token is valid, such as 30m, 2h or 90d
    #[arg(long, default_value = "1h", value_parser = length)]
    ttl: Duration,
    /// Make a token for the client API, for people and programs elsewhere
    #[arg(long, value_enum, requires = "name")]
    role: Option<RoleArg>,
    /// Whom the token for the client API is for; stands in the records of what they do
    #[arg(long, value_name = "NAME", requires = "role")]
    name: Option<String>,
    /// Write the token to a new file that only you can read, instead of showing it
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    #[command(flatten)]
    output: OutputArgs,
}

/// Options of `token list`.
#[derive(Args)]
#[command(after_help = "Examples:\n  kifu-node token list --data n1\n  kifu-node token list --data n1 --at 4711")]
pub struct List {
    /// As of this record, or of this time (RFC 3339)
    #[arg(long, value_name = "SEQ|TIME", value_parser = super::restore::moment)]
    at: Option<Moment>,
    /// The data directory of a running node
    #[arg(long, env = "KIFU_DATA", value_name = "DIR")]
    data: PathBuf,
    #[command(flatten)]
    output: OutputArgs,
}

/// Options of `token revoke`.
#[derive(Args)]
#[command(after_help = "Example:\n  kifu-node token revoke --data n1 api-token/5f0e1c2299ab3d47")]
pub struct Revoke {
    /// The token's id, from `token list`
    #[arg(value_name = "ID")]
    id: String,
    /// The data directory of a running node
    #[arg(long, env = "KIFU_DATA", value_name = "DIR")]
    data: PathBuf,
    #[command(flatten)]
    output: OutputArgs,
}

impl Token {
    /// Runs the verb.
    pub fn run(self) -> Result<ExitCode, Failure> {
        match self {
            Token::Create(verb) => verb.run(),
            Token::List(verb) => verb.run(),
            Token::Revoke(verb) => verb.run(),
        }
    }
}

impl Create {
    fn run(self) -> Result<ExitCode, Failure> {
        let ttl_ms = self.ttl.as_millis() as u64;
        let request = match (self.role, self.name) {
            (Some(role), Some(name)) => {
                let role = match role {
                    RoleArg::Operator => ApiRole::Operator,
                    RoleArg::Viewer => ApiRole::Viewer,
                };
                Request::CreateApiToken { name, role, ttl_ms }
            }
            _ => Request::CreateToken { ttl_ms },
        };
        // Before the token is made: it is shown once, and must not be lost to a file that is there already.
        let file = self.out.as_deref().map(new_file).transpose()?;
        match ask(&self.data, &request)? {
            Response::Token { token } => {
                match file {
                    Some(mut file) => writeln!(file, "{token}").map_err(Failure::general)?,
                    None => self.output.printer().text(token).map_err(Failure::general)?,
                }
                Ok(ExitCode::Ok)
            }
            other => Err(unexpected(&other)),
        }
    }
}

impl List {
    fn run(self) -> Result<ExitCode, Failure> {
        let Response::Rows { rows, footer } = ask(&self.data, &as_of(self.at, Request::List { noun: Noun::Tokens }))?
        else {
            return Err(Failure::general("the node answered something else"));
        };
        let columns = vec![
            Column::new("id"),
            Column::new("name"),
            Column::new("role"),
            Column::new("state"),
            Column::new("expires_at"),
            Column::new("actor"),
        ];
        let mut printer = self.output.printer();
        printer.rows(&Rows::new(columns, rows)).map_err(Failure::general)?;
        printer.note(&footer).map_err(Failure::general)?;
        Ok(ExitCode::Ok)
    }
}

impl Revoke {
    fn run(self) -> Result<ExitCode, Failure> {
        let id = self.id.strip_prefix(ApiTokenId::PREFIX).unwrap_or(&self.id);
        let token = ApiTokenId::new(id);
        match ask(&self.data, &Request::RevokeApiToken { token: token.clone() })? {
            Response::Done { seq } => {
                let words = match seq {
                    Some(seq) => format!("{token} revoked, recorded at {seq}"),
                    None => format!("{token} was revoked before"),
                };
                self.output.printer().text(words).map_err(Failure::general)?;
                Ok(ExitCode::Ok)
            }
            other => Err(unexpected(&other)),
        }
    }
}

fn ask(data: &Path, request: &Request) -> Result<Response, Failure> {
    kifu::cli::block_on(async {
        let target = Target::of_this_data_dir(data).map_err(super::client_failure)?;
        let client = Client::connect(&target).await.map_err(super::client_failure)?;
        client.ask(request).await.map_err(super::client_failure)
    })
}

fn new_file(path: &Path) -> Result<std::fs::File, Failure> {
    let opened = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
    opened.map_err(|error| Failure::usage(format!("cannot make {}: {error}", path.display())))
}

fn unexpected(response: &Response) -> Failure {
    Failure::general(format!("the node answered something else: {response:?}"))
}
/// Reads a length of time: a number with s, m, h or d.
pub fn length(text: &str) -> Result<Duration, String> {
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
