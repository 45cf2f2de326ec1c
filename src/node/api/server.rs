//! Answers requests, on every node.

use std::sync::Arc;

use tokio::io::AsyncWriteExt;

use super::footer::Footing;
use super::past::Past;
use super::produce::Produce;
use super::projections;
use super::reads::Source;
use super::request::{AsOf, FRAME_BYTES_MAX, Footer, Noun, Request, Response};
use crate::event::command::{ChangeConfig, RequestJob, SubmitJob};
use crate::event::{Command, Kind, Proposal, RecordJson, Seq};
use crate::net::{Connection, FrameLimits, NetError, RecvStream, Role, SendStream, read_frame, write_frame};
use crate::node::tokens::Tokens;
use crate::replay::{Moment, ReplayError};
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
    /// Earlier states.
    pub past: Past,
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
        match request {
            Request::List { .. } | Request::Get { .. } | Request::Status => self.read(&request),
            Request::AsOf { at, ask } => self.read_past(at, &ask).await,
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

    /// Answers from the present state.
    fn read(&self, request: &Request) -> Response {
        let footer = self.footing.now();
        let projections = match request {
            Request::List { noun: Noun::Projections } | Request::Status => projections::of_node(&self.replica, &footer),
            _ => vec![],
        };
        let name = self.footing.name();
        self.replica.fold().read(|state| Source { state, name, projections, footer }.answer(request))
    }

    /// Answers from a state of the past.
    async fn read_past(&self, at: Moment, request: &Request) -> Response {
        let state = match self.past.state_at(at, self.replica.fold().seq()).await {
            Ok(state) => state,
            Err(error @ (ReplayError::Future { .. } | ReplayError::Forgotten { .. })) => {
                return error_response("not_found", error);
            }
            Err(error) => return error_response("failed", error),
        };
        let as_of = Some(AsOf { seq: state.seq, recorded_at: state.recorded_at });
        let footer = Footer { as_of, ..self.footing.now() };
        let projections = projections::rows(&state, state.seq, None);
        Source { state: &state, name: self.footing.name(), projections, footer }.answer(request)
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
    Response::error(code, message)
}
