//! What can go wrong between two machines, and why one refuses the other.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use super::channel::{Channel, Role};
use crate::event::NodeId;

/// An identity could not be used, a peer could not be reached or was refused, or a message broke a limit.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum NetError {
    /// The file system refused.
    #[error("cannot {action} {}: {source}", path.display())]
    File {
        /// What was tried.
        action: &'static str,
        /// On which file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// An identity file holds something else.
    #[error("{} is not a usable {what}: {reason}", path.display())]
    BadFile {
        /// The file.
        path: PathBuf,
        /// What it should hold.
        what: &'static str,
        /// What is wrong with it.
        reason: String,
    },
    /// A name that cannot stand in a certificate.
    #[error("{0:?} is not a usable name: it takes 1 to 64 of a-z, 0-9, '.', '-' and '_'")]
    BadName(String),
    /// Bytes that should be a certificate of this cluster are not.
    #[error("unusable certificate: {0}")]
    BadCertificate(String),
    /// Bytes that should be a private key are not.
    #[error("unusable private key: {0}")]
    BadKey(String),
    /// A request for a certificate is malformed, or its sender does not hold the key.
    #[error("unusable certificate request: {0}")]
    BadRequest(&'static str),
    /// A token cannot be read.
    #[error(transparent)]
    Token(#[from] TokenError),
    /// An API token cannot be read.
    #[error("unusable API token: {0}")]
    ApiToken(#[source] TokenError),
    /// The local address cannot be listened on.
    #[error("cannot listen on {address} (UDP): {source}")]
    Bind {
        /// The address.
        address: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
    /// The TLS library refused our own settings.
    #[error("cannot set up TLS: {0}")]
    Tls(String),
    /// A host name has no address.
    #[error("cannot resolve {name:?}: {reason}")]
    Resolve {
        /// The name, as `host:port`.
        name: String,
        /// Why.
        reason: String,
    },
    /// Nobody answers there.
    #[error("cannot reach {address} by QUIC: {reason}")]
    Unreachable {
        /// The address.
        address: SocketAddr,
        /// Why.
        reason: String,
    },
    /// One side refused the other during the handshake.
    #[error("{}", refused(address, *by, refusal))]
    Refused {
        /// The peer's address.
        address: SocketAddr,
        /// Which side refused.
        by: RefusedBy,
        /// Why.
        refusal: Refusal,
    },
    /// This endpoint has been closed.
    #[error("this endpoint is closed")]
    Closed,
    /// An established connection ended.
    #[error("connection to {peer} at {address} lost: {reason}")]
    Lost {
        /// The peer.
        peer: NodeId,
        /// Its address.
        address: SocketAddr,
        /// Why.
        reason: String,
    },
    /// A stream ended in the middle of a message, or was cut by the peer.
    #[error("stream broken while {doing}: {reason}")]
    Stream {
        /// What was being done.
        doing: &'static str,
        /// Why it ended.
        reason: String,
    },
    /// A message is larger than agreed. Refused before memory is taken for it.
    #[error("message of {bytes} bytes refused: at most {bytes_max} are allowed here")]
    TooLarge {
        /// Its declared size.
        bytes: u64,
        /// What is allowed.
        bytes_max: u64,
    },
    /// The peer was silent for too long.
    #[error("peer was silent for {waited_ms} ms while {doing}")]
    Silent {
        /// What was being waited for.
        doing: &'static str,
        /// For how long.
        waited_ms: u64,
    },
    /// A call to a peer failed.
    #[error("call to {peer} failed: {source}")]
    Call {
        /// The peer.
        peer: NodeId,
        /// Why.
        source: Box<NetError>,
    },
    /// A dial failed for which several waited.
    #[error(transparent)]
    Dial(Arc<NetError>),
    /// The peer does not take datagrams.
    #[error("{peer} does not take datagrams")]
    NoDatagrams {
        /// The peer.
        peer: NodeId,
    },
}

impl NetError {
    /// Whether the same attempt may succeed later: the peer may only be slow, busy or not started yet.
    pub fn is_transient(&self) -> bool {
        match self {
            NetError::Unreachable { .. } | NetError::Lost { .. } | NetError::Silent { .. } => true,
            NetError::Stream { .. } | NetError::Resolve { .. } => true,
            NetError::Refused { refusal, .. } => matches!(refusal, Refusal::Busy),
            NetError::Call { source, .. } => source.is_transient(),
            NetError::Dial(source) => source.is_transient(),
            _ => false,
        }
    }
}

fn refused(address: &SocketAddr, by: RefusedBy, refusal: &Refusal) -> String {
    match by {
        RefusedBy::Us => format!("refused {address}: its {}", refusal.of_other()),
        RefusedBy::Peer => format!("{address} refused us: our {}", refusal.of_other()),
    }
}

/// Which side refused the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RefusedBy {
    /// This side.
    Us,
    /// The other side.
    Peer,
}

/// Why one side does not speak with the other.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Refusal {
    /// The certificate is of another cluster's CA.
    ForeignCluster,
    /// The certificate is past its date, or not valid yet. A wrong clock looks the same.
    Expired,
    /// No certificate was shown.
    NoCertificate,
    /// Only nodes answer; this is the certificate of something else.
    NotANode(Role),
    /// Another node was expected there.
    WrongNode {
        /// The node that was expected.
        expected: NodeId,
        /// The node that answered.
        found: NodeId,
    },
    /// The role may not open the channel.
    Channel {
        /// The role, where known.
        role: Option<Role>,
        /// The channel.
        channel: Channel,
    },
    /// The other side does not speak this protocol or this version of it.
    UnknownChannel,
    /// A limit on connections or handshakes is reached. Try again later.
    Busy,
    /// The certificate is good, but the cluster does not admit its holder any more, in the words of the side that refused.
    NotAdmitted(String),
    /// The two sides have no version of the protocol in common; in words, which each speaks.
    Version(String),
    /// Anything else, in the words of the side that refused.
    Other(String),
}

impl Refusal {
    /// A phrase that begins with what is wrong and fits behind "its" or "our".
    fn of_other(&self) -> String {
        match self {
            Refusal::ForeignCluster => {
                "certificate was not issued by this cluster's CA: the two sides belong to different clusters".into()
            }
            Refusal::Expired => "certificate has expired or is not valid yet: check both clocks, or renew it".into(),
            Refusal::NoCertificate => "side showed no certificate".into(),
            Refusal::NotANode(role) => format!("certificate is for the role {role}, not for a node"),
            Refusal::WrongNode { expected, found } => format!("key belongs to node {found}, expected node {expected}"),
            Refusal::Channel { role: Some(role), channel } => format!("role {role} may not open {channel}"),
            Refusal::Channel { role: None, channel } => format!("role may not open {channel}"),
            Refusal::UnknownChannel => {
                "protocol is not spoken on the other side: it belongs to another cluster, or runs another release"
                    .into()
            }
            Refusal::Busy => "connection is over a limit: too many connections or handshakes; try again later".into(),
            Refusal::NotAdmitted(reason) => format!("certificate is good, but {reason}"),
            Refusal::Version(text) => format!("release does not fit: {text}; upgrade the older of the two"),
            Refusal::Other(text) => format!("handshake failed: {text}"),
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.of_other())
    }
}

/// A join token cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TokenError {
    /// It does not look like a token at all.
    #[error(
        "not a token of this kind: join tokens begin with \"kifu-join-v1.\", API tokens with \"kifu-api-v1.\" (get one with `kifu-node token create`)"
    )]
    NotAToken,
    /// It is of another version of the format.
    #[error("this token is of version {0}, this program reads version 1: use the same release on both sides")]
    Version(String),
    /// It was cut or changed on its way.
    #[error("the token is damaged ({0}): copy it again, in full")]
    Damaged(&'static str),
}
