//! From the words of QUIC and TLS to a [`Refusal`], on either side, and the codes by which a node says why it hangs up.

use quinn::{ConnectionError, VarInt};
use rustls::{CertificateError, Error};

use super::channel::Channel;
use super::error::{Refusal, RefusedBy};

/// Closed because nothing more is to be said.
pub(super) const CODE_DONE: VarInt = VarInt::from_u32(0);
/// Closed because the peer's role may not open the channel.
pub(super) const CODE_CHANNEL: VarInt = VarInt::from_u32(1);
/// Closed because the peer has too many connections.
pub(super) const CODE_BUSY: VarInt = VarInt::from_u32(2);

/// Closed because the cluster does not admit the peer, though its certificate is good.
pub(super) const CODE_NOT_ADMITTED: VarInt = VarInt::from_u32(3);
/// Closed because the two sides have no version of the protocol in common.
pub(super) const CODE_VERSION: VarInt = VarInt::from_u32(4);

/// TLS alerts as QUIC carries them: 0x100 plus the alert's number (RFC 9001 §4.8, RFC 8446 §6).
const ALERTS: u64 = 0x100;
const CERTIFICATE_EXPIRED: u64 = 45;
const UNKNOWN_CA: u64 = 48;
const DECRYPT_ERROR: u64 = 51;
const CERTIFICATE_REQUIRED: u64 = 116;
const NO_APPLICATION_PROTOCOL: u64 = 120;
/// RFC 9000 §20.1: the server refuses new connections.
const CONNECTION_REFUSED: u64 = 2;

/// What a failed check of a certificate means.
pub(super) fn of_tls_error(error: &Error) -> Refusal {
    use CertificateError::{BadSignature, Expired, ExpiredContext, NotValidYet, NotValidYetContext, UnknownIssuer};
    match error {
        Error::InvalidCertificate(UnknownIssuer | BadSignature) => Refusal::ForeignCluster,
        Error::InvalidCertificate(Expired | ExpiredContext { .. } | NotValidYet | NotValidYetContext { .. }) => {
            Refusal::Expired
        }
        other => Refusal::Other(other.to_string()),
    }
}

/// Who ended a handshake and why; `None` where nobody refused and the connection was merely lost.
pub(super) fn of_connection_error(error: &ConnectionError, channel: Option<Channel>) -> Option<(RefusedBy, Refusal)> {
    match error {
        ConnectionError::TransportError(inner) => {
            Some((RefusedBy::Us, of_transport_code(u64::from(inner.code), &inner.reason)))
        }
        ConnectionError::ConnectionClosed(inner) => {
            let reason = String::from_utf8_lossy(&inner.reason);
            Some((RefusedBy::Peer, of_transport_code(u64::from(inner.error_code), &reason)))
        }
        ConnectionError::ApplicationClosed(inner) => {
            let refusal = match (inner.error_code, channel) {
                (CODE_BUSY, _) => Refusal::Busy,
                (CODE_NOT_ADMITTED, _) => Refusal::NotAdmitted(printable(&String::from_utf8_lossy(&inner.reason))),
                (CODE_VERSION, _) => Refusal::Version(printable(&String::from_utf8_lossy(&inner.reason))),
                (CODE_CHANNEL, Some(channel)) => Refusal::Channel { role: None, channel },
                _ => Refusal::Other(printable(&String::from_utf8_lossy(&inner.reason))),
            };
            Some((RefusedBy::Peer, refusal))
        }
        ConnectionError::VersionMismatch => Some((RefusedBy::Peer, Refusal::UnknownChannel)),
        _ => None,
    }
}

fn of_transport_code(code: u64, reason: &str) -> Refusal {
    match code.checked_sub(ALERTS) {
        None if code == CONNECTION_REFUSED => Refusal::Busy,
        Some(UNKNOWN_CA | DECRYPT_ERROR) => Refusal::ForeignCluster,
        Some(CERTIFICATE_EXPIRED) => Refusal::Expired,
        Some(CERTIFICATE_REQUIRED) => Refusal::NoCertificate,
        Some(NO_APPLICATION_PROTOCOL) => Refusal::UnknownChannel,
        _ => Refusal::Other(printable(reason)),
    }
}

/// A peer's words, fit for a log line: no control characters, and not too long.
fn printable(text: &str) -> String {
    const CHARS_MAX: usize = 200;
    let text: String = text.chars().filter(|c| !c.is_control()).take(CHARS_MAX).collect();
    if text.is_empty() { "no reason given".to_owned() } else { text }
}
