//! Floor 2: QUIC with mutual TLS. Who may speak ([`identity`], [`authority`], [`channel`]), how two machines meet
//! ([`endpoint`], [`connection`]) and how bytes are cut into messages ([`frame`], [`rpc`]). It knows nothing of what
//! the messages carry.
//!
//! Invariants: every byte travels inside TLS 1.3 where both sides hold a certificate of the cluster's own CA; a node is
//! named by its key; what a role may open is one table ([`Role::may_open`]); a declared length is checked before
//! memory is taken; nothing a peer sends or withholds stops the others from being served.
//!
//! Absent on purpose: session resumption and 0-RTT (each connection proves both identities anew), host names (a key is
//! the identity), certificate revocation lists (whether a peer is still admitted is asked of the owner of the endpoint,
//! see [`Endpoint::admit`]).

pub mod api_token;
pub mod authority;
pub mod certificate;
pub mod channel;
pub mod connection;
mod dial;
pub mod endpoint;
pub mod error;
pub mod escrow;
mod files;
pub mod frame;
#[doc(hidden)]
pub mod fuzzing;
mod gate;
pub mod hello;
pub mod identity;
mod intake;
pub mod key;
pub mod limits;
pub mod pass;
mod rate;
mod refusal;
mod registry;
pub mod request;
mod reset;
pub mod rpc;
mod text;
mod throttle;
mod tls;
pub mod token;
mod verify;

pub use api_token::ApiToken;
pub use authority::Authority;
pub use certificate::{CaCertificate, Certificate, Validity};
pub use channel::{Channel, Role};
pub use connection::{Connection, Peer};
pub use endpoint::{Endpoint, resolve};
pub use error::{NetError, Refusal, RefusedBy, TokenError};
pub use frame::{FrameLimits, read_frame, write_frame, write_parts};
pub use gate::Judge;
pub use hello::Hello;
pub use identity::Identity;
pub use key::{PublicKey, SecretKey};
pub use limits::EndpointLimits;
pub use quinn::{RecvStream, SendStream};
pub use request::CertificateRequest;
pub use rpc::{CallLimits, serve};
pub use token::JoinToken;
