//! The client side of the API.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::credentials::Credentials;
use super::parts::Gathered;
use super::request::{FRAME_BYTES_MAX, REQUEST_BYTES_MAX, Reading, Request, Response};
use crate::cli::ExitCode;
use crate::event::NodeId;
use crate::net::{
    Channel, Connection, Endpoint, EndpointLimits, FrameLimits, NetError, RecvStream, read_frame, resolve, write_frame,
};
use crate::node::layout::{Layout, Runtime};
use crate::replica::Consistency;

/// How long a client waits for a connection, and for each answer.
const TIMEOUT: Duration = Duration::from_secs(10);

/// A node cannot be asked, or did not answer as asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ClientError {
    /// No node runs on the data directory, as far as it says.
    #[error("no node runs on {data}: it has no runtime.json; start one with `kifu-node start --data {data}`", data = data.display())]
    NotRunning {
        /// The data directory.
        data: PathBuf,
    },
    /// A file cannot be read.
    #[error("cannot use {path}: {reason}", path = path.display())]
    BadFile {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// No address answered.
    #[error("no node answers: {reason}")]
    Unreachable {
        /// What each address said.
        reason: String,
    },
    /// The connection failed.
    #[error(transparent)]
    Net(#[from] NetError),
    /// The node sent something that is no answer.
    #[error("the node's answer makes no sense: {reason}")]
    BadAnswer {
        /// What is wrong with it.
        reason: String,
    },
    /// The node said no.
    #[error("{message}")]
    Refused {
        /// A stable code, see [`Response::Error`].
        code: String,
        /// Why, in words.
        message: String,
    },
}

impl ClientError {
    /// Whether the connection is at fault, so that another one may do.
    pub fn is_of_the_connection(&self) -> bool {
        matches!(self, ClientError::Unreachable { .. } | ClientError::Net(_))
    }

    /// The program's exit code for this error.
    pub fn exit_code(&self) -> ExitCode {
        match self {
            ClientError::NotRunning { .. } | ClientError::Unreachable { .. } | ClientError::Net(_) => {
                ExitCode::Unavailable
            }
            ClientError::BadFile { .. } => ExitCode::Usage,
            ClientError::BadAnswer { .. } => ExitCode::Failure,
            ClientError::Refused { code, .. } => match code.as_str() {
                "not_found" => ExitCode::NotFound,
                "unavailable" => ExitCode::Unavailable,
                "bad_request" => ExitCode::Usage,
                "refused" | "no_authority" => ExitCode::Conflict,
                "halted" => ExitCode::Unhealthy,
                _ => ExitCode::Failure,
            },
        }
    }
}

/// Whom to ask, and as whom.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// Addresses to try in turn, as `host:port`.
    pub addresses: Vec<String>,
    /// As whom.
    pub identity: Credentials,
}

impl Target {
    /// The node that runs on a data directory, or else another member that it knows.
    ///
    /// # Errors
    /// When no node has run there.
    pub fn of_data_dir(data: &Path) -> Result<Target, ClientError> {
        let layout = Layout::new(data);
        let bad =
            |error: crate::node::NodeError| ClientError::BadFile { path: layout.runtime(), reason: error.to_string() };
        let runtime: Option<Runtime> = layout.load_json(&layout.runtime()).map_err(bad)?;
        let runtime = runtime.ok_or_else(|| ClientError::NotRunning { data: data.to_owned() })?;
        let others = runtime.peers.into_iter().map(|peer| peer.address);
        Ok(Target {
            addresses: std::iter::once(runtime.address).chain(others).collect(),
            identity: data.to_owned().into(),
        })
    }

    /// The node that runs on a data directory, and nobody else.
    ///
    /// # Errors
    /// When no node has run there.
    pub fn of_this_data_dir(data: &Path) -> Result<Target, ClientError> {
        let mut target = Target::of_data_dir(data)?;
        target.addresses.truncate(1);
        Ok(target)
    }
}

/// A connection to a node's API.
pub struct Client {
    _endpoint: Endpoint,
    connection: Connection,
    reading: Reading,
}

/// A request with what may stand beside it.
#[derive(serde::Serialize)]
struct Framed<'a> {
    #[serde(flatten)]
    request: &'a Request,
    #[serde(flatten)]
    reading: Reading,
}

/// Responses to one request.
pub struct Responses {
    _connection: Connection,
    receive: RecvStream,
}

impl Client {
    /// Connects to the first address that answers.
    ///
    /// # Errors
    /// When the identity cannot be used or nobody answers.
    pub async fn connect(target: &Target) -> Result<Client, ClientError> {
        let identity = target.identity.identity()?;
        let endpoint = Endpoint::dialer(&identity, EndpointLimits::default())?;
        let mut reasons = vec![];
        for address in &target.addresses {
            let dial = async { endpoint.connect(resolve(address).await?, None, Channel::Api).await };
            match tokio::time::timeout(TIMEOUT, dial).await {
                Ok(Ok(connection)) => {
                    return Ok(Client { _endpoint: endpoint, connection, reading: Reading::default() });
                }
                Ok(Err(error)) => reasons.push(error.to_string()),
                Err(_) => reasons.push(format!("{address} did not answer within {} s", TIMEOUT.as_secs())),
            }
        }
        Err(ClientError::Unreachable { reason: reasons.join("; ") })
    }

    /// The same, whose reads miss no more than this allows.
    pub fn reading(self, consistency: Consistency) -> Client {
        Client { reading: Reading { consistency, ..self.reading }, ..self }
    }

    /// The connection, for what has a stream of its own.
    pub(super) fn connection(&self) -> &Connection {
        &self.connection
    }

    /// Connects over an endpoint that is there already.
    ///
    /// # Errors
    /// When nobody answers, or somebody else than the member that is `expected`.
    pub async fn over(endpoint: &Endpoint, address: &str, expected: Option<NodeId>) -> Result<Client, ClientError> {
        let dial = async { endpoint.connect(resolve(address).await?, expected, Channel::Api).await };
        let late = |_| NetError::Silent { doing: "dialling a member", waited_ms: TIMEOUT.as_millis() as u64 };
        let connection = tokio::time::timeout(TIMEOUT, dial).await.map_err(late)??;
        Ok(Client { _endpoint: endpoint.clone(), connection, reading: Reading::default() })
    }

    /// Sends a request and returns its responses as they come.
    ///
    /// # Errors
    /// When the connection fails.
    pub async fn send(&self, request: &Request) -> Result<Responses, ClientError> {
        self.send_with(request, self.reading).await
    }

    async fn send_with(&self, request: &Request, reading: Reading) -> Result<Responses, ClientError> {
        let (mut send, receive) = self.connection.open().await?;
        let frame = serde_json::to_vec(&Framed { request, reading }).expect("requests are plain data");
        write_frame(&mut send, &frame, &FrameLimits::up_to(REQUEST_BYTES_MAX)).await?;
        send.finish().ok();
        Ok(Responses { _connection: self.connection.clone(), receive })
    }

    /// Sends a request and returns its only response, put together when it comes in parts.
    ///
    /// # Errors
    /// When the connection fails, the node does not answer in time, or it says no.
    pub async fn ask(&self, request: &Request) -> Result<Response, ClientError> {
        let late = |_| NetError::Silent { doing: "waiting for an answer", waited_ms: TIMEOUT.as_millis() as u64 };
        let first = async {
            let mut responses = self.send_with(request, Reading { parts: true, ..self.reading }).await?;
            let first = responses.next().await?;
            Ok::<_, ClientError>((responses, first))
        };
        let (mut responses, mut next) = tokio::time::timeout(TIMEOUT, first).await.map_err(late)??;
        let mut gathered = Gathered::default();
        loop {
            let Some(response) = next else {
                let reason = if gathered.has_begun() { "it ends in the middle" } else { "there was none" };
                return Err(ClientError::BadAnswer { reason: reason.to_owned() });
            };
            match gathered.take(response).map_err(|reason| ClientError::BadAnswer { reason })? {
                Some(Response::Error { code, message }) => return Err(ClientError::Refused { code, message }),
                Some(whole) => return Ok(whole),
                None => next = tokio::time::timeout(TIMEOUT, responses.next()).await.map_err(late)??,
            }
        }
    }
}

impl Responses {
    /// The next response; `None` after the last.
    ///
    /// # Errors
    /// When the connection fails or the node sends something else.
    pub async fn next(&mut self) -> Result<Option<Response>, ClientError> {
        let Some(frame) = read_frame(&mut self.receive, &FrameLimits::up_to(FRAME_BYTES_MAX)).await? else {
            return Ok(None);
        };
        let response = serde_json::from_slice(&frame);
        response.map(Some).map_err(|error| ClientError::BadAnswer { reason: error.to_string() })
    }
}
