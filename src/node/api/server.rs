//! Answers requests, on every node.

use std::sync::Arc;

use serde_json::Value;
use tokio::io::AsyncWriteExt;

use super::footer::Footing;
use super::produce::Produce;
use super::projections::{self, ProjectionStatus};
use super::request::{FRAME_BYTES_MAX, Noun, Request, Response};
use super::rows;
use super::status::Status;
use crate::event::command::{ChangeConfig, RequestJob, SubmitJob};
use crate::event::{Command, Kind, Proposal, RecordJson, Seq};
use crate::net::{Connection, FrameLimits, NetError, RecvStream, Role, SendStream, read_frame, write_frame};
use crate::node::tokens::Tokens;
use crate::projection::Halt;
use crate::replica::Replica;
use crate::replica::propose::Outcome;

/// Records that are read from the log at a time.
const RECORDS_PER_READ: usize = 256;
/// Requests of one connection at a time; further ones wait unread.
const REQUESTS_MAX: usize = 32;

/// What requests reach.
pub struct Api {
    /// The replica.
    pub replica: Arc<Replica>,
    /// What footers say.
    pub footing: Footing,
    /// Makes join tokens, on the node that holds the cluster's CA.
    pub tokens: Option<Tokens>,
}

impl Api {
    /// Answers all requests of a connection until it closes.
    pub async fn serve(self: Arc<Self>, connection: Connection) {
        let permits = Arc::new(tokio::sync::Semaphore::new(REQUESTS_MAX));
        while let Ok(permit) = permits.clone().acquire_owned().await {
            let Ok(Some((send, receive))) = connection.accept().await else { return };
            let (api, connection) = (self.clone(), connection.clone());
            tokio::spawn(async move {
                if let Err(error) = api.answer(&connection, send, receive).await {
                    tracing::debug!(peer = connection.peer().name, %error, "request ended");
                }
                drop(permit);
            });
        }
    }

    async fn answer(
        &self,
        connection: &Connection,
        mut send: SendStream,
        mut receive: RecvStream,
    ) -> Result<(), NetError> {
        let limits = FrameLimits::up_to(FRAME_BYTES_MAX);
        let Some(frame) = read_frame(&mut receive, &limits).await? else { return Ok(()) };
        let peer = connection.peer();
        let response = match serde_json::from_slice::<Request>(&frame) {
            Err(error) => error_response("bad_request", error),
            Ok(request) if request.commands() && !matches!(peer.role, Role::Operator | Role::Node) => {
                error_response("forbidden", format!("{} has the role {}; this needs operator", peer.name, peer.role))
            }
            Ok(Request::Events { from, follow, kinds, limit }) => {
                self.events(&mut send, Filter { from, follow, kinds, limit }).await?
            }
            Ok(Request::Produce { name, producer }) => {
                let produce = Produce { replica: self.replica.clone(), footing: self.footing.clone() };
                let opened = produce.open(name, producer, &peer.name).await;
                respond(&mut send, &opened).await?;
                if let Response::Producer { producer, .. } = opened {
                    produce.serve(producer, &mut send, &mut receive).await?;
                }
                send.shutdown().await.ok();
                return Ok(());
            }
            Ok(request) => self.respond(request, &peer.name).await,
        };
        respond(&mut send, &response).await?;
        send.shutdown().await.ok();
        Ok(())
    }

    async fn respond(&self, request: Request, actor: &str) -> Response {
        let fold = self.replica.fold();
        match request {
            Request::List { noun: Noun::Projections } => {
                let row = |row| serde_json::to_value(row).expect("plain data");
                self.rows(self.projections().into_iter().map(row).collect())
            }
            Request::List { noun } => self.rows_or_halt(fold.read(|state| rows::list(state, noun))),
            Request::Get { id } => {
                let found = match fold.read(|state| rows::find(state, &id)) {
                    Ok(found) => found,
                    Err(halt) => return error_response("halted", halt),
                };
                if found.is_empty() {
                    let known = fold.read(rows::ids);
                    let hint = crate::cli::closest(&id, known.iter().map(String::as_str));
                    let hint = hint.map(|known| format!("; did you mean {known}?")).unwrap_or_default();
                    return error_response("not_found", format!("there is nothing called {id}{hint}"));
                }
                self.rows(found)
            }
            Request::Status => {
                let mut status = fold.read(|state| Status::of(self.footing.name(), state));
                status.projections = self.projections();
                self.rows(vec![serde_json::to_value(status).expect("plain data")])
            }
            Request::Events { .. } | Request::Produce { .. } => {
                error_response("bad_request", "this needs a stream of its own")
            }
            Request::CreateToken { ttl_ms } => self.create_token(ttl_ms, actor).await,
            Request::SubmitJob { job, spec, priority } => {
                let job = SubmitJob { job, spec: *spec, priority };
                self.command(Command::RequestJob(RequestJob { job, actor: actor.to_owned() })).await
            }
            Request::ChangeConfig { config } => {
                self.command(Command::ChangeConfig(ChangeConfig { config: *config, actor: actor.to_owned() })).await
            }
            Request::Transfer { to } => match self.replica.transfer(to).await {
                Ok(()) => Response::Done { seq: None },
                Err(error) => error_response("failed", error),
            },
        }
    }

    fn rows(&self, rows: Vec<Value>) -> Response {
        Response::Rows { rows, footer: self.footing.now() }
    }

    fn rows_or_halt(&self, rows: Result<Vec<Value>, Halt>) -> Response {
        match rows {
            Ok(rows) => self.rows(rows),
            Err(halt) => error_response("halted", halt),
        }
    }

    /// How the projections here are.
    fn projections(&self) -> Vec<ProjectionStatus> {
        projections::of_node(&self.replica, &self.footing.now())
    }

    async fn create_token(&self, ttl_ms: u64, actor: &str) -> Response {
        let Some(tokens) = &self.tokens else {
            return error_response("refused", "only the node that made the cluster holds its CA; ask that node");
        };
        match tokens.create(ttl_ms, actor) {
            Err(error) => error_response("failed", error),
            Ok((token, command)) => match self.command(command).await {
                Response::Done { .. } => Response::Token { token },
                refused => refused,
            },
        }
    }

    /// Proposes a command of an operator and waits for its outcome.
    async fn command(&self, command: Command) -> Response {
        let proposal = Proposal {
            origin: self.footing.node(),
            origin_seq: 0,
            observed_at: self.footing.clock().now(),
            caused_by: vec![],
            command,
        };
        match self.replica.propose(vec![proposal]).await.pop() {
            Some(Outcome::Admitted { last }) => Response::Done { seq: Some(last) },
            Some(Outcome::Already) => Response::Done { seq: None },
            Some(Outcome::Refused { code, message }) => error_response("refused", format!("{message} ({code})")),
            Some(Outcome::Unavailable { .. }) | None => {
                error_response("unavailable", "no leader took the command; it may or may not have been carried out")
            }
        }
    }

    /// Sends the records that pass the filter, and stays if asked to. Returns the last response.
    async fn events(&self, send: &mut SendStream, mut filter: Filter) -> Result<Response, NetError> {
        let kinds: Result<Vec<Kind>, _> = filter.kinds.iter().map(|kind| kind.parse()).collect();
        let kinds = match kinds {
            Ok(kinds) => kinds,
            Err(error) => return Ok(error_response("bad_request", error)),
        };
        let mut applied = self.replica.fold().watch();
        loop {
            let upto = *applied.borrow_and_update();
            while filter.from <= upto && filter.limit != Some(0) {
                let records = match self.replica.records(filter.from, upto, RECORDS_PER_READ) {
                    Ok(records) if records.is_empty() => break,
                    Ok(records) => records,
                    Err(error) => return Ok(error_response("failed", error)),
                };
                for record in records {
                    filter.from = record.seq.next();
                    if (kinds.is_empty() || kinds.contains(&record.draft.event.kind())) && filter.limit != Some(0) {
                        respond(send, &Response::Record { record: Box::new(RecordJson::from(&record)) }).await?;
                        filter.limit = filter.limit.map(|limit| limit - 1);
                    }
                }
            }
            if !filter.follow || filter.limit == Some(0) || applied.changed().await.is_err() {
                return Ok(Response::End { footer: self.footing.now() });
            }
        }
    }
}

struct Filter {
    from: Seq,
    follow: bool,
    kinds: Vec<String>,
    limit: Option<u64>,
}

async fn respond(send: &mut SendStream, response: &Response) -> Result<(), NetError> {
    let frame = serde_json::to_vec(response).expect("responses are plain data");
    write_frame(send, &frame, &FrameLimits::up_to(FRAME_BYTES_MAX)).await
}

fn error_response(code: &str, message: impl std::fmt::Display) -> Response {
    Response::Error { code: code.to_owned(), message: message.to_string() }
}
