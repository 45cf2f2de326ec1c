//! Answers requests, on every node.

use std::sync::Arc;

use tokio::io::AsyncWriteExt;

use super::caller::Caller;
use super::footer::Footing;
use super::members;
use super::parts::Messages;
use super::past::Past;
use super::permission;
use super::produce::Produce;
use super::projections;
use super::ratings;
use super::reads::Source;
use super::request::{
    AsOf, FRAME_BYTES_MAX, Footer, LOOK_BYTES_MAX, Noun, REQUEST_BYTES_MAX, Reading, Request, Response,
};
use super::subscription::{Step, Subscription, SubscriptionError, Wanted};
use crate::event::command::{Configure, RequestJob, RevokeApiToken, SubmitJob, TransferLeadership};
use crate::event::{Command, NodeId, Proposal};
use crate::net::{Connection, FrameLimits, NetError, Peer, RecvStream, Role, SendStream, read_frame, write_frame};
use crate::node::NodeError;
use crate::node::keeper::Keeper;
use crate::node::renewal::Renewal;
use crate::replay::{Filter, Moment, ReplayError};
use crate::replica::Replica;
use crate::replica::propose::Outcome;

/// Requests of one connection at a time; further ones wait unread.
const REQUESTS_MAX: usize = 32;

/// What requests reach.
pub struct Api {
    /// The replica.
    pub replica: Arc<Replica>,
    /// What footers say.
    pub footing: Footing,
    /// The cluster's CA, on a node that holds it.
    pub keeper: Keeper,
    /// Renews certificates.
    pub renewal: Arc<Renewal>,
    /// Earlier states.
    pub past: Past,
    /// The control runtime. Connections are served beside it, so that a large answer delays no heartbeat; notes are short
    /// and in a hurry, and taken there.
    pub control: tokio::runtime::Handle,
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
        let peer = connection.peer();
        let caller = self.replica.fold().read(|state| Caller::of(peer, state, self.footing.clock().now()));
        let bytes_max = match &caller {
            Ok(Caller { role: Role::Node | Role::Operator, .. }) => REQUEST_BYTES_MAX,
            _ => LOOK_BYTES_MAX,
        };
        let Some(frame) = read_frame(&mut receive, &FrameLimits::up_to(bytes_max)).await? else { return Ok(()) };
        let Reading { consistency, parts } = serde_json::from_slice(&frame).unwrap_or_default();
        let permitted = self.permitted(&caller, &frame);
        if permitted.is_ok()
            && let Err(error) = self.replica.read_barrier(consistency).await
        {
            respond(&mut send, &error_response("unavailable", error)).await?;
            send.shutdown().await.ok();
            return Ok(());
        }
        let response = match permitted {
            Err((code, reason)) => error_response(code, reason),
            Ok((_, Request::Events { from, follow, kinds, limit })) => {
                let filter = Filter { kinds, ..Filter::default() };
                self.events(&mut send, Wanted { from, filter, follow, limit }, false).await?
            }
            Ok((_, Request::Subscribe { from, follow, filter, limit })) => {
                self.events(&mut send, Wanted { from, filter, follow, limit }, true).await?
            }
            Ok((caller, Request::Produce { name, producer })) => {
                let produce = Produce { replica: self.replica.clone(), footing: self.footing.clone() };
                let notes = take_notes(produce, (name, producer), caller.actor.clone(), send, receive);
                return self.control.spawn(notes).await.unwrap_or(Ok(()));
            }
            Ok((_, Request::RenewCertificate { request, actor })) => self.sign(peer, &request, &actor).await,
            Ok((caller, request)) => self.respond(request, &caller.actor).await,
        };
        for message in Messages::of(response.reading(consistency), parts) {
            write_frame(&mut send, &message, &FrameLimits::up_to(FRAME_BYTES_MAX)).await?;
        }
        send.shutdown().await.ok();
        Ok(())
    }

    /// The request in a frame, if the caller may make it; else a code and why.
    fn permitted<'a>(
        &self,
        caller: &'a Result<Caller, String>,
        frame: &[u8],
    ) -> Result<(&'a Caller, Request), (&'static str, String)> {
        let caller = caller.as_ref().map_err(|reason| ("forbidden", reason.clone()))?;
        let request = serde_json::from_slice(frame).map_err(|error| ("bad_request", error.to_string()))?;
        permission::check(caller, &request).map_err(|reason| ("forbidden", reason))?;
        Ok((caller, request))
    }

    async fn respond(&self, request: Request, actor: &str) -> Response {
        match request {
            Request::List { noun: Noun::Ratings } => {
                let footer = self.footing.now();
                let found = self.replica.fold().read(ratings::ledgers);
                ratings::answer(found, footer).await
            }
            Request::List { .. } | Request::Get { .. } | Request::Status => self.read(&request),
            Request::AsOf { at, ask } => self.read_past(at, &ask).await,
            Request::Events { .. } | Request::Subscribe { .. } | Request::Produce { .. } => {
                error_response("bad_request", "this needs a stream of its own")
            }
            Request::RenewCertificate { .. } => {
                error_response("bad_request", "only a member can ask for its certificate")
            }
            Request::CreateToken { ttl_ms } => self.create_token(self.keeper.join_token(ttl_ms, actor)).await,
            Request::CreateApiToken { name, role, ttl_ms } => {
                self.create_token(self.keeper.api_token(&name, role, ttl_ms, actor)).await
            }
            Request::RevokeApiToken { token } => {
                self.command(Command::RevokeApiToken(RevokeApiToken { token, actor: actor.to_owned() })).await
            }
            Request::RotateCertificate => match self.renewal.renew(actor).await {
                Ok(seq) => Response::Done { seq: Some(seq) },
                Err(error) => node_error(&error),
            },
            Request::SubmitJob { job, spec, priority } => {
                let job = SubmitJob { job, spec: *spec, priority };
                self.command(Command::RequestJob(RequestJob { job, actor: actor.to_owned() })).await
            }
            Request::ChangeConfig { config } => {
                self.command(Configure { config: *config, actor: actor.to_owned() }.into()).await
            }
            Request::Members => members::list(self),
            Request::ChangeMembers { change, dry_run } => members::change(self, &change, dry_run, actor).await,
            Request::Transfer { to } => {
                self.command(Command::TransferLeadership(TransferLeadership { to, actor: actor.to_owned() })).await
            }
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
        self.replica.fold().read(|state| Source { state, name, projections, footer }.look(request)).answer()
    }

    /// Answers from a state of the past.
    async fn read_past(&self, at: Moment, request: &Request) -> Response {
        let state = match self.past.state_at(at, self.replica.fold().seq()).await {
            Ok(state) => state,
            Err(error) => return replay_error(&error),
        };
        let as_of = Some(AsOf { seq: state.seq, recorded_at: state.recorded_at });
        let footer = Footer { as_of, ..self.footing.now() };
        if *request == (Request::List { noun: Noun::Ratings }) {
            return ratings::answer(ratings::ledgers(&state), footer).await;
        }
        if *request == Request::Members {
            return members::list_at(&state, footer);
        }
        let projections = projections::rows(&state, state.seq, None);
        Source { state: &state, name: self.footing.name(), projections, footer }.look(request).answer()
    }

    /// Has the cluster accept a token before anybody gets it.
    async fn create_token(&self, made: Result<(String, Command), NodeError>) -> Response {
        match made {
            Err(error) => node_error(&error),
            Ok((token, command)) => match self.command(command).await {
                Response::Done { .. } => Response::Token { token },
                refused => refused,
            },
        }
    }

    /// Signs a new certificate for the key of the member that asks.
    async fn sign(&self, peer: &Peer, request: &str, actor: &str) -> Response {
        match self.renewal.issue(peer.node, request, actor).await {
            Ok((certificate, seq)) => {
                Response::Certificate { certificate: data_encoding::BASE64.encode(certificate.der()), seq }
            }
            Err(error) => node_error(&error),
        }
    }

    /// Proposes a command of an operator and waits for its outcome.
    pub(super) async fn command(&self, command: Command) -> Response {
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

    /// Sends the records that are wanted, and stays if asked to; with `positions`, says how far it has looked where nothing is
    /// wanted. Returns the last response.
    async fn events(&self, send: &mut SendStream, wanted: Wanted, positions: bool) -> Result<Response, NetError> {
        let mut subscription = match Subscription::local(&self.replica, wanted) {
            Ok(subscription) => subscription,
            Err(error) => return Ok(subscription_error(&error)),
        };
        loop {
            match subscription.step().await {
                Ok(Step::Record(record)) => respond(send, &Response::Record { record }).await?,
                Ok(Step::Looked(seq)) if positions => respond(send, &Response::Position { seq }).await?,
                Ok(Step::Looked(_)) => {}
                Ok(Step::End) => return Ok(Response::End { footer: self.footing.now() }),
                Err(error) => return Ok(subscription_error(&error)),
            }
        }
    }
}

/// Takes notes until their writer ends the stream.
async fn take_notes(
    produce: Produce,
    (name, producer): (String, Option<NodeId>),
    actor: String,
    mut send: SendStream,
    mut receive: RecvStream,
) -> Result<(), NetError> {
    let opened = produce.open(name, producer, &actor).await;
    respond(&mut send, &opened).await?;
    if let Response::Producer { producer, .. } = opened {
        produce.serve(producer, &mut send, &mut receive).await?;
    }
    send.shutdown().await.ok();
    Ok(())
}

async fn respond(send: &mut SendStream, response: &Response) -> Result<(), NetError> {
    let frame = serde_json::to_vec(response).expect("responses are plain data");
    write_frame(send, &frame, &FrameLimits::up_to(FRAME_BYTES_MAX)).await
}

fn node_error(error: &NodeError) -> Response {
    match error {
        NodeError::NoAuthority => error_response("no_authority", error),
        NodeError::Refused { code, message } => error_response("refused", format!("{message} ({code})")),
        NodeError::Unavailable { .. } | NodeError::Client(_) => error_response("unavailable", error),
        error => error_response("failed", error),
    }
}

fn subscription_error(error: &SubscriptionError) -> Response {
    match error {
        SubscriptionError::Filter(error) => error_response("bad_request", error),
        SubscriptionError::Log(error) => replay_error(error),
        error @ SubscriptionError::Client(_) => error_response("failed", error),
    }
}

/// What is not there is told from what failed.
fn replay_error(error: &ReplayError) -> Response {
    error_response(if error.is_not_here() { "not_found" } else { "failed" }, error)
}

fn error_response(code: &str, message: impl std::fmt::Display) -> Response {
    Response::error(code, message)
}
