//! Certificates are renewed before they run out, without closing a connection.
//!
//! A node asks for a new certificate for the key that it has: its id follows from the key. It asks a member that holds
//! the CA; that member records `CERTIFICATE_RENEWED` and then signs. The old certificate stays valid to its own end, so
//! nothing is lost if the new one does not arrive. A *key* cannot be replaced: a node with a new key is a new node, see
//! `docs/operations.md`.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::api::client::Client;
use super::api::footer::Footing;
use super::api::{Request, Response};
use super::error::NodeError;
use super::keeper::Keeper;
use crate::event::command::RenewCertificate;
use crate::event::{Command, Hash, Millis, NodeId, Proposal, Seq};
use crate::net::authority::CERTIFICATE_LIFETIME;
use crate::net::{Certificate, CertificateRequest, Endpoint, Identity, NetError, Role, SecretKey, Validity};
use crate::replica::propose::Outcome;
use crate::replica::{Peers, Replica};

/// How often a node looks at how long its certificate is still valid.
const LOOK_EVERY: Duration = Duration::from_secs(600);
/// How often a renewal that is due and fails, as when there is no leader yet, is tried again.
const RETRY_EVERY: Duration = Duration::from_secs(2);
/// The longest request for a certificate, as base 64.
const REQUEST_TEXT_MAX: usize = 1_024;

/// Renews this node's certificate, and signs those of others where the CA is.
pub struct Renewal {
    /// The data directory.
    pub root: PathBuf,
    /// The replica.
    pub replica: Arc<Replica>,
    /// Where the members are.
    pub peers: Arc<Peers>,
    /// This node.
    pub footing: Footing,
    /// The CA, where this node has it.
    pub keeper: Keeper,
    /// Renewed when less than this is left.
    pub renew_before: Duration,
}

impl Renewal {
    /// Renews the certificate whenever too little is left of it, until `stop`.
    pub async fn run(self: Arc<Self>, stop: CancellationToken) {
        loop {
            let left =
                Duration::from_millis(self.identity().certificate().expires_at().since(self.footing.clock().now()));
            if left < self.due() {
                match self.renew(self.footing.name()).await {
                    Ok(seq) => tracing::info!(%seq, "certificate renewed"),
                    Err(error) => {
                        tracing::warn!(days_left = left.as_secs() / 86_400, %error, "the certificate cannot be renewed yet");
                    }
                }
            }
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(self.pause()) => {}
            }
        }
    }

    /// What has to be left. However much is configured, a fresh certificate is not due.
    fn due(&self) -> Duration {
        self.renew_before.min(CERTIFICATE_LIFETIME / 2)
    }

    /// Until the next look.
    fn pause(&self) -> Duration {
        let left = self.identity().certificate().expires_at().since(self.footing.clock().now());
        if Duration::from_millis(left) < self.due() { RETRY_EVERY } else { LOOK_EVERY }
    }

    /// Gets a new certificate for this node's key, saves it and shows it from now on.
    ///
    /// # Errors
    /// When no member that holds the CA can be reached, or the cluster refuses.
    pub async fn renew(&self, actor: &str) -> Result<Seq, NodeError> {
        let old = self.identity();
        let request = CertificateRequest::new(old.name(), old.key())?;
        let request = data_encoding::BASE64.encode(&request.encode());
        let (certificate, seq) = match self.issue(old.node(), &request, actor).await {
            Err(NodeError::NoAuthority) => self.ask_members(&request, actor).await?,
            issued => issued?,
        };
        let key = SecretKey::from_pkcs8(old.key().to_pkcs8())?;
        let renewed = Identity::new(old.ca().clone(), certificate, key)?;
        renewed.save(&self.root)?;
        self.endpoint().renew(&renewed)?;
        Ok(seq)
    }

    /// Signs a certificate for a member's key, once the cluster has taken note of it.
    ///
    /// # Errors
    /// [`NodeError::NoAuthority`] when this node does not hold the CA; else why it is refused.
    pub async fn issue(&self, member: NodeId, request: &str, actor: &str) -> Result<(Certificate, Seq), NodeError> {
        let authority = self.keeper.authority()?;
        let refused = |code: &str, message: String| NodeError::Refused { code: code.to_owned(), message };
        let bytes = Some(request).filter(|text| text.len() <= REQUEST_TEXT_MAX);
        let bytes = bytes.and_then(|text| data_encoding::BASE64.decode(text.as_bytes()).ok());
        let bytes =
            bytes.ok_or_else(|| refused("bad_request", "the request is not base 64, or too long".to_owned()))?;
        let request = CertificateRequest::decode(&bytes)?;
        let key = request.public_key();
        if key.node() != member {
            return Err(refused("forbidden", format!("{member} asks for a certificate of {}", key.node())));
        }
        let name = self.replica.fold().read(|state| state.hosts.get(member).map(|host| host.name.clone()));
        let name = name.ok_or_else(|| refused("not_a_member", format!("{member} is not a member")))?;
        let validity = Validity::starting(self.footing.clock().now(), CERTIFICATE_LIFETIME);
        let certificate = authority.issue(&key, &name, Role::Node, validity)?;
        let seq = self.record(member, &certificate, actor).await?;
        Ok((certificate, seq))
    }

    /// Records the new certificate before anybody gets it.
    async fn record(&self, host: NodeId, certificate: &Certificate, actor: &str) -> Result<Seq, NodeError> {
        let (fingerprint, not_after) = (Hash::of(certificate.der()), certificate.expires_at());
        let command = RenewCertificate { host, fingerprint, not_after, actor: actor.to_owned() };
        let proposal = Proposal {
            origin: self.footing.node(),
            origin_seq: 0,
            observed_at: self.footing.clock().now(),
            caused_by: vec![],
            command: Command::RenewCertificate(command),
        };
        match self.replica.propose(vec![proposal]).await.pop() {
            Some(Outcome::Admitted { last }) => Ok(last),
            Some(Outcome::Refused { code, message }) => Err(NodeError::Refused { code, message }),
            _ => Err(NodeError::Unavailable { what: "recording the certificate".to_owned(), seconds: 0 }),
        }
    }

    /// Asks the members in turn: who holds the CA is not written anywhere, and may change.
    async fn ask_members(&self, request: &str, actor: &str) -> Result<(Certificate, Seq), NodeError> {
        let mut last = NodeError::NoAuthority;
        for member in self.peers.others() {
            match self.ask(member, request, actor).await {
                Ok(issued) => return Ok(issued),
                Err(NodeError::NoAuthority) => {}
                Err(error) => last = error,
            }
        }
        Err(last)
    }

    async fn ask(&self, member: NodeId, request: &str, actor: &str) -> Result<(Certificate, Seq), NodeError> {
        let Some(address) = self.peers.address(member) else { return Err(NodeError::NoAuthority) };
        let client = Client::over(self.endpoint(), &address, Some(member)).await.map_err(NodeError::client)?;
        let request = Request::RenewCertificate { request: request.to_owned(), actor: actor.to_owned() };
        match client.ask(&request).await.map_err(NodeError::client)? {
            Response::Certificate { certificate, seq } => {
                let der = data_encoding::BASE64.decode(certificate.as_bytes());
                let der = der.map_err(|error| NetError::BadCertificate(error.to_string()))?;
                Ok((Certificate::parse(&der)?, seq))
            }
            _ => Err(NetError::BadCertificate("the member answered something else".to_owned()).into()),
        }
    }

    /// Until when the certificate that this node shows is valid.
    pub fn not_after(&self) -> Millis {
        self.identity().certificate().expires_at()
    }

    fn endpoint(&self) -> &Endpoint {
        self.peers.endpoint()
    }

    fn identity(&self) -> Identity {
        self.endpoint().identity()
    }
}
