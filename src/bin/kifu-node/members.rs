//! `kifu-node members`

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Subcommand};
use kifu::cli::{Column, ExitCode, Failure, OutputArgs, Rows};
use kifu::node::api::{Client, MemberChange, Request, Response, Target};
use kifu::replay::Moment;
use serde_json::json;

/// What can be done with members.
#[derive(Subcommand)]
pub enum Members {
    /// Show all members: who votes, who only receives the log, and how far each is
    List(List),
    /// Make a token with which one more machine becomes a member
    Add(Add),
    /// Let members vote
    Promote(Promote),
    /// Let members vote no longer
    Demote(Demote),
    /// Remove a member for ever
    Remove(Remove),
    /// Hand leadership over to a voter
    Transfer(Transfer),
    /// Change how many vote, and when a voter that is gone is replaced
    Configure(Configure),
}

/// Whom to ask, and how to answer.
#[derive(Args)]
struct Common {
    /// The data directory of a running node, or one with an operator's certificate
    #[arg(long, env = "KIFU_DATA", value_name = "DIR")]
    data: PathBuf,
    #[command(flatten)]
    output: OutputArgs,
}

/// How a change is made.
#[derive(Args)]
struct Change {
    #[command(flatten)]
    common: Common,
    /// Say what would happen and why, and change nothing
    #[arg(long)]
    dry_run: bool,
}

/// Options of `members list`.
#[derive(Args)]
#[command(
    after_help = "Examples:\n  kifu-node members list --data n1 -o json\n  kifu-node members list --data n1 --at 2026-01-02T03:04:05Z"
)]
pub struct List {
    /// As of this record, or of this time (RFC 3339)
    #[arg(long, value_name = "SEQ|TIME", value_parser = super::restore::moment)]
    at: Option<Moment>,
    #[command(flatten)]
    common: Common,
}

/// Options of `members add`.
#[derive(Args)]
#[command(after_help = "Example:\n  kifu-node members add --data n1 --ttl 1h")]
pub struct Add {
    #[command(flatten)]
    change: Change,
    /// How long the token is valid, such as 30m or 2h
    #[arg(long, default_value = "1h", value_parser = super::token::length)]
    ttl: Duration,
}

/// Options of `members promote`.
#[derive(Args)]
#[command(after_help = "Example:\n  kifu-node members promote n4 --instead-of n2 --data n1 --dry-run")]
pub struct Promote {
    /// Who is to vote: names or ids
    #[arg(required = true, value_name = "NODE")]
    nodes: Vec<String>,
    /// Who gives up a seat for it
    #[arg(long, value_name = "NODE")]
    instead_of: Vec<String>,
    /// Do it although the quorum may be lost by it
    #[arg(long)]
    force: bool,
    #[command(flatten)]
    change: Change,
}

/// Options of `members demote`.
#[derive(Args)]
#[command(after_help = "Example:\n  kifu-node members demote n3 --data n1 --dry-run")]
pub struct Demote {
    /// Who is to vote no longer: names or ids. They are not promoted again until somebody says so
    #[arg(required = true, value_name = "NODE")]
    nodes: Vec<String>,
    /// Do it although the quorum may be lost by it
    #[arg(long)]
    force: bool,
    #[command(flatten)]
    change: Change,
}

/// Options of `members remove`.
#[derive(Args)]
#[command(after_help = "Example:\n  kifu-node members remove n3 --data n1 --dry-run")]
pub struct Remove {
    /// Whom: a name or an id
    #[arg(value_name = "NODE")]
    node: String,
    /// Do it although the quorum may be lost by it
    #[arg(long)]
    force: bool,
    #[command(flatten)]
    change: Change,
}

/// Options of `members transfer`.
#[derive(Args)]
#[command(after_help = "Example:\n  kifu-node members transfer n2 --data n1")]
pub struct Transfer {
    /// Who is to lead: a name or an id
    #[arg(value_name = "NODE")]
    to: String,
    #[command(flatten)]
    change: Change,
}

/// Options of `members configure`.
#[derive(Args)]
#[command(after_help = "Example:\n  kifu-node members configure --voters 5 --voter-gone 30m --data n1")]
pub struct Configure {
    /// How many are to vote: 1, 3, 5 or 7
    #[arg(long)]
    voters: Option<u32>,
    /// After how long without a sign of life a voter is replaced, such as 10m
    #[arg(long, value_parser = super::token::length)]
    voter_gone: Option<Duration>,
    /// How long a learner must have been online to replace it, such as 1m
    #[arg(long, value_parser = super::token::length)]
    learner_stable: Option<Duration>,
    #[command(flatten)]
    change: Change,
}

impl Members {
    /// Runs the verb.
    pub fn run(self) -> Result<ExitCode, Failure> {
        match self {
            Members::List(verb) => verb.run(),
            Members::Add(verb) => verb.run(),
            Members::Promote(Promote { nodes, instead_of, force, change }) => {
                change.make(MemberChange::Roles { promote: nodes, demote: instead_of, forced: force })
            }
            Members::Demote(Demote { nodes, force, change }) => {
                change.make(MemberChange::Roles { promote: vec![], demote: nodes, forced: force })
            }
            Members::Remove(Remove { node, force, change }) => {
                change.make(MemberChange::Remove { node, forced: force })
            }
            Members::Transfer(Transfer { to, change }) => change.make(MemberChange::Transfer { to }),
            Members::Configure(Configure { voters, voter_gone, learner_stable, change }) => {
                let ms = |length: Option<Duration>| length.map(|length| length.as_millis() as u64);
                let (voter_gone_ms, learner_stable_ms) = (ms(voter_gone), ms(learner_stable));
                change.make(MemberChange::Configure { voters, voter_gone_ms, learner_stable_ms })
            }
        }
    }
}

impl Common {
    fn ask(&self, request: &Request) -> Result<Response, Failure> {
        kifu::cli::block_on(async {
            let target = Target::of_data_dir(&self.data).map_err(super::client_failure)?;
            let client = Client::connect(&target).await.map_err(super::client_failure)?;
            client.ask(request).await.map_err(super::client_failure)
        })
    }
}

impl List {
    fn run(self) -> Result<ExitCode, Failure> {
        let Response::Rows { rows, footer } = self.common.ask(&as_of(self.at, Request::Members))? else {
            return Err(strange());
        };
        let columns = ["id", "role", "wanted_role", "leader", "online", "behind_records", "format", "reason", "node"];
        let columns = columns.map(Column::new).into_iter().collect();
        let mut printer = self.common.output.printer();
        printer.rows(&Rows::new(columns, rows)).map_err(Failure::general)?;
        printer.note(&footer).map_err(Failure::general)?;
        Ok(ExitCode::Ok)
    }
}

impl Add {
    fn run(self) -> Result<ExitCode, Failure> {
        let ttl_ms = self.ttl.as_millis() as u64;
        let mut printer = self.change.common.output.printer();
        if self.change.dry_run {
            let why = "one machine may join with the token until it expires; it receives the log at once, and votes when a \
                       seat is free";
            let rows = vec![json!({"id": 1, "kind": "TOKEN_CREATED", "why": why})];
            printer.rows(&Rows::new(plan_columns(), rows)).map_err(Failure::general)?;
            return Ok(ExitCode::Ok);
        }
        let Response::Token { token } = self.change.common.ask(&Request::CreateToken { ttl_ms })? else {
            return Err(strange());
        };
        printer.text(token).map_err(Failure::general)?;
        printer
            .note("on the new machine: kifu-node join --token TOKEN --data DIR --name NAME --listen HOST:PORT")
            .map_err(Failure::general)?;
        Ok(ExitCode::Ok)
    }
}

impl Change {
    /// Makes the change, or says what it would do.
    fn make(self, change: MemberChange) -> Result<ExitCode, Failure> {
        let dry_run = self.dry_run;
        let response = self.common.ask(&Request::ChangeMembers { change, dry_run })?;
        let Response::Plan { events, outcome, seq, footer } = response else { return Err(strange()) };
        let mut printer = self.common.output.printer();
        printer.rows(&Rows::new(plan_columns(), events)).map_err(Failure::general)?;
        let done = match seq {
            _ if dry_run => "nothing was changed (dry run)".to_owned(),
            Some(seq) => format!("recorded up to {seq}"),
            None => "it was so already".to_owned(),
        };
        printer.note(format!("{done}; {outcome}")).map_err(Failure::general)?;
        printer.note(&footer).map_err(Failure::general)?;
        Ok(ExitCode::Ok)
    }
}

/// A read of the present, or of the moment that was asked for.
pub fn as_of(at: Option<Moment>, read: Request) -> Request {
    match at {
        Some(at) => Request::AsOf { at, ask: Box::new(read) },
        None => read,
    }
}

fn plan_columns() -> Vec<Column> {
    vec![Column::new("id"), Column::new("kind"), Column::new("why")]
}

fn strange() -> Failure {
    Failure::general("the node answered something else")
}
