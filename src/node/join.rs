//! Joining: a machine with a token becomes a member.
//!
//! The joiner makes its own key and sends a certificate request inside a connection that its token's own certificate opens. The
//! node that holds the CA checks the token with the cluster (`NODE_JOINED` uses it up) and only then signs.

use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::api::footer::Footing;
use super::error::NodeError;
use super::init::NodeOptions;
use super::keeper::Keeper;
use super::layout::{Layout, NodeConfig, PeerAddress};
use crate::event::command::JoinNode;
use crate::event::{Command, Hash, NodeId, Proposal, TokenId};
use crate::net::authority::CERTIFICATE_LIFETIME;
use crate::net::{
    CallLimits, Certificate, CertificateRequest, Channel, Connection, Endpoint, EndpointLimits, Identity, JoinToken,
    NetError, Role, Validity, resolve, serve,
};
use crate::replica::Replica;
use crate::replica::propose::Outcome;

/// A request or an answer is at most this large.
const MESSAGE_BYTES_MAX: usize = 64 * 1024;
/// How long a join may take: the cluster has to commit it.
const JOIN_TIMEOUT: Duration = Duration::from_secs(15);
/// How often the cluster is asked again while it has no leader.
const RETRY_EVERY: Duration = Duration::from_millis(200);

/// What a joiner sends.
#[derive(Serialize, Deserialize)]
struct JoinRequest {
    name: String,
    address: String,
    /// The encoded certificate request, in base 64.
    request: String,
    token: TokenId,
    /// The token's secret, in base 64.
    secret: String,
}

/// What it gets.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum JoinAnswer {
    Welcome { certificate: String, peers: Vec<PeerAddress> },
    Refused { code: String, message: String },
}

/// For the fuzz suite and the golden files: reads a request or an answer, and writes it again.
#[doc(hidden)]
pub fn reread(bytes: &[u8]) -> Option<Vec<u8>> {
    let request = serde_json::from_slice::<JoinRequest>(bytes).ok().map(|request| serde_json::to_vec(&request));
    let answer = || serde_json::from_slice::<JoinAnswer>(bytes).ok().map(|answer| serde_json::to_vec(&answer));
    request.or_else(answer)?.ok()
}

fn limits() -> CallLimits {
    CallLimits { request_bytes_max: MESSAGE_BYTES_MAX, response_bytes_max: MESSAGE_BYTES_MAX, timeout: JOIN_TIMEOUT }
}

/// Answers joiners, on every node.
pub struct JoinService {
    /// The replica.
    pub replica: Arc<Replica>,
    /// The cluster's CA, on a node that holds it.
    pub keeper: Keeper,
    /// This node.
    pub footing: Footing,
}

impl JoinService {
    /// Answers a joiner's connection until it closes.
    pub async fn serve(self: Arc<Self>, connection: Connection) {
        let service = self.clone();
        let handler = move |request: bytes::Bytes| {
            let service = service.clone();
            async move {
                let answer = service.answer(&request).await;
                bytes::Bytes::from(serde_json::to_vec(&answer).expect("answers are plain data"))
            }
        };
        if let Err(error) = serve(&connection, &limits(), handler).await {
            tracing::debug!(remote = %connection.remote_address(), %error, "a joiner's connection ended");
        }
    }

    async fn answer(&self, request: &[u8]) -> JoinAnswer {
        match self.admit(request).await {
            Ok(answer) => answer,
            Err((code, message)) => {
                tracing::warn!(code, message, "a joiner was refused");
                JoinAnswer::Refused { code: code.to_owned(), message }
            }
        }
    }

    async fn admit(&self, request: &[u8]) -> Result<JoinAnswer, (&'static str, String)> {
        let malformed = |error: String| ("bad_request", error);
        let request: JoinRequest = serde_json::from_slice(request).map_err(|error| malformed(error.to_string()))?;
        let authority = self.keeper.authority().map_err(|error| match error {
            NodeError::NoAuthority => ("no_authority", error.to_string()),
            error => ("failed", error.to_string()),
        })?;
        let decode =
            |text: &str| data_encoding::BASE64.decode(text.as_bytes()).map_err(|error| malformed(error.to_string()));
        let certificate =
            CertificateRequest::decode(&decode(&request.request)?).map_err(|error| malformed(error.to_string()))?;
        let key = certificate.public_key();
        let secret = Hash::of(&decode(&request.secret)?);
        let join = JoinNode {
            node: key.node(),
            name: request.name.clone(),
            address: request.address,
            fingerprint: key.fingerprint(),
            token: Some(request.token),
            secret,
        };
        self.propose(join).await?;
        let validity = Validity::starting(self.footing.clock().now(), CERTIFICATE_LIFETIME);
        let issued = authority.issue(&key, &request.name, Role::Node, validity);
        let issued = issued.map_err(|error| ("failed", error.to_string()))?;
        let peers = self.replica.fold().read(|state| {
            let peer = |host: &crate::projection::hosts::Host| PeerAddress {
                node: host.host,
                name: host.name.clone(),
                address: host.address.clone(),
            };
            state.hosts.table.values().map(peer).collect()
        });
        Ok(JoinAnswer::Welcome { certificate: data_encoding::BASE64.encode(issued.der()), peers })
    }

    /// Proposes the join until somebody decides on it. A repeat by the same node is no error: its answer was lost.
    async fn propose(&self, join: JoinNode) -> Result<(), (&'static str, String)> {
        let deadline = tokio::time::Instant::now() + JOIN_TIMEOUT / 2;
        loop {
            let joined_before = self.replica.fold().read(|state| {
                state.hosts.get(join.node).is_some_and(|host| host.token == join.token && host.name == join.name)
            });
            if joined_before {
                return Ok(());
            }
            let proposal = Proposal {
                origin: self.footing.node(),
                origin_seq: 0,
                observed_at: self.footing.clock().now(),
                caused_by: vec![],
                command: Command::JoinNode(join.clone()),
            };
            match self.replica.propose(vec![proposal]).await.pop() {
                Some(Outcome::Admitted { .. } | Outcome::Already) => return Ok(()),
                Some(Outcome::Refused { message, .. }) => return Err(("refused", message)),
                Some(Outcome::Unavailable { .. }) | None if tokio::time::Instant::now() < deadline => {
                    tokio::time::sleep(RETRY_EVERY).await;
                }
                Some(Outcome::Unavailable { .. }) | None => {
                    return Err(("unavailable", "the cluster has no leader now; try again".to_owned()));
                }
            }
        }
    }
}

/// Makes the data directory of a new member.
///
/// # Errors
/// When the folder is in use, the token is not valid, or the cluster refuses.
pub async fn join(layout: &Layout, token: &str, options: NodeOptions) -> Result<NodeConfig, NodeError> {
    layout.create_for_join()?;
    let token = JoinToken::decode(token)?;
    let now = super::clock::Clock.now();
    if token.pass().expires_at < now {
        let message =
            format!("the token expired at {}; make a new one with `kifu-node token create`", token.pass().expires_at);
        return Err(NodeError::Refused { code: "token_expired".to_owned(), message });
    }
    let key = Identity::load_or_create_key(layout.root(), Role::Node)?;
    let request = CertificateRequest::new(&options.name, &key)?;
    let request = JoinRequest {
        name: options.name.clone(),
        address: options.listen.clone(),
        request: data_encoding::BASE64.encode(&request.encode()),
        token: token.id().clone(),
        secret: data_encoding::BASE64.encode(token.secret()),
    };
    let request = serde_json::to_vec(&request).expect("requests are plain data");
    let (certificate, peers) = match ask(&token, &request).await? {
        JoinAnswer::Welcome { certificate, peers } => (read_certificate(&certificate)?, peers),
        JoinAnswer::Refused { code, message } => return Err(NodeError::Refused { code, message }),
    };
    let identity = Identity::new(token.pass().identity.ca().clone(), certificate, key)?;
    identity.save(layout.root())?;
    let node: NodeId = identity.node();
    let peers = peers.into_iter().filter(|peer| peer.node != node).collect();
    let config = options.config(node, token.pass().identity.cluster(), peers);
    layout.save_config(&config)?;
    Ok(config)
}

fn read_certificate(text: &str) -> Result<Certificate, NetError> {
    let der = data_encoding::BASE64.decode(text.as_bytes());
    Certificate::parse(&der.map_err(|error| NetError::BadCertificate(error.to_string()))?)
}

async fn ask(token: &JoinToken, request: &[u8]) -> Result<JoinAnswer, NodeError> {
    let endpoint = Endpoint::dialer(&token.pass().identity, EndpointLimits::default())?;
    let mut last = NodeError::Unavailable { what: "the token names no address".to_owned(), seconds: 0 };
    for address in &token.pass().addresses {
        let attempt = async {
            let connection = endpoint.connect(resolve(address).await?, None, Channel::Join).await?;
            connection.call(request, &limits()).await
        };
        match attempt.await {
            Ok(answer) => {
                let bad =
                    |error: serde_json::Error| NetError::BadCertificate(format!("the answer makes no sense: {error}"));
                return Ok(serde_json::from_slice(&answer).map_err(bad)?);
            }
            Err(error) => last = error.into(),
        }
    }
    Err(last)
}
