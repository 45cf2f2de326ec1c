//! Certificates: what they say, and the reading of it. Writing them is the business of the [`authority`](super::authority).
//!
//! A certificate's subject is `O=kifu, OU=<role>, CN=<name>`; its key is Ed25519; its issuer is the cluster's CA, whose
//! own subject carries the start of the hash of its key. Nothing else in it is looked at.

use std::fmt;
use std::time::Duration;

use rustls::pki_types::CertificateDer;
use x509_parser::prelude::{FromDer, X509Certificate, X509Name};

use super::channel::Role;
use super::error::NetError;
use super::key::PublicKey;
use crate::event::{ClusterId, Hash, Millis, NodeId};

/// The longest name: what X.509 allows for a common name.
pub const NAME_BYTES_MAX: usize = 64;
/// How long before "now" a new certificate begins to be valid, so that a peer whose clock is behind still takes it.
pub const CLOCK_SKEW_ALLOWED: Duration = Duration::from_secs(3600);
/// The organisation in every subject.
pub(super) const ORGANIZATION: &str = "kifu";

/// From when until when a certificate is valid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Validity {
    /// First moment.
    pub not_before: Millis,
    /// Last moment.
    pub not_after: Millis,
}

impl Validity {
    /// Valid for `lasting` from `now` on, and a little before: see [`CLOCK_SKEW_ALLOWED`].
    pub fn starting(now: Millis, lasting: Duration) -> Self {
        let skew_ms = u64::try_from(CLOCK_SKEW_ALLOWED.as_millis()).unwrap_or(u64::MAX);
        let lasting_ms = u64::try_from(lasting.as_millis()).unwrap_or(u64::MAX);
        Self { not_before: Millis(now.0.saturating_sub(skew_ms)), not_after: now.plus(lasting_ms) }
    }
}

/// The certificate of a node, an operator, a viewer or a joiner.
#[derive(Clone, PartialEq, Eq)]
pub struct Certificate {
    der: CertificateDer<'static>,
    public_key: PublicKey,
    name: String,
    role: Role,
    not_after: Millis,
}

impl Certificate {
    /// Reads a certificate. This does not say who issued it: see [`Certificate::issued_by`].
    pub fn parse(der: &[u8]) -> Result<Self, NetError> {
        let x509 = read(der)?;
        let subject = x509.subject();
        let role = only(subject.iter_organizational_unit(), "organizational unit")?;
        let role = Role::from_name(&role).ok_or_else(|| bad(format!("{role:?} is not a role")))?;
        let name = only(subject.iter_common_name(), "common name")?;
        check_name(&name)?;
        let not_after = u64::try_from(x509.validity().not_after.timestamp()).unwrap_or(0);
        let not_after = Millis(not_after.saturating_mul(1000));
        Ok(Self { public_key: public_key(&x509)?, name, role, not_after, der: CertificateDer::from(der.to_vec()) })
    }

    /// Whether `ca` signed this certificate. Dates are not looked at.
    pub fn issued_by(&self, ca: &CaCertificate) -> bool {
        read(&self.der)
            .is_ok_and(|x509| ca.public_key.verifies(x509.tbs_certificate.as_ref(), &x509.signature_value.data))
    }

    /// Its bytes.
    pub fn der(&self) -> &CertificateDer<'static> {
        &self.der
    }

    /// The holder's key.
    pub fn public_key(&self) -> PublicKey {
        self.public_key
    }

    /// The node that the key names.
    pub fn node(&self) -> NodeId {
        self.public_key.node()
    }

    /// What people call the holder.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What the holder is.
    pub fn role(&self) -> Role {
        self.role
    }

    /// When it stops being valid.
    pub fn expires_at(&self) -> Millis {
        self.not_after
    }
}

impl fmt::Debug for Certificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Certificate({} {} {}, until {})", self.role, self.node(), self.name, self.not_after)
    }
}

/// The certificate of a cluster's CA. Its key's hash names the cluster.
#[derive(Clone, PartialEq, Eq)]
pub struct CaCertificate {
    der: CertificateDer<'static>,
    public_key: PublicKey,
}

impl CaCertificate {
    /// Reads the certificate of a CA and checks that it signed itself.
    pub fn parse(der: &[u8]) -> Result<Self, NetError> {
        let x509 = read(der)?;
        let public_key = public_key(&x509)?;
        if !x509.is_ca() {
            return Err(bad("it is not the certificate of a CA"));
        }
        if !public_key.verifies(x509.tbs_certificate.as_ref(), &x509.signature_value.data) {
            return Err(bad("the CA did not sign itself"));
        }
        Ok(Self { public_key, der: CertificateDer::from(der.to_vec()) })
    }

    /// Its bytes.
    pub fn der(&self) -> &CertificateDer<'static> {
        &self.der
    }

    /// The CA's key.
    pub fn public_key(&self) -> PublicKey {
        self.public_key
    }

    /// The hash of the CA's key.
    pub fn fingerprint(&self) -> Hash {
        self.public_key.fingerprint()
    }

    /// The cluster: the first 16 hex digits of the hash of its CA's key.
    pub fn cluster(&self) -> ClusterId {
        cluster_of(&self.public_key)
    }
}

impl fmt::Debug for CaCertificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CaCertificate({})", self.cluster())
    }
}

/// The cluster whose CA holds this key.
pub(super) fn cluster_of(ca: &PublicKey) -> ClusterId {
    ClusterId::new(&ca.fingerprint().to_string()[..16])
}

/// Refuses a name that cannot stand in a certificate.
pub fn check_name(name: &str) -> Result<(), NetError> {
    let fits = (1..=NAME_BYTES_MAX).contains(&name.len());
    let plain = name.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'.' | b'-' | b'_'));
    if fits && plain { Ok(()) } else { Err(NetError::BadName(name.to_owned())) }
}

fn read(der: &[u8]) -> Result<X509Certificate<'_>, NetError> {
    let (rest, x509) = X509Certificate::from_der(der).map_err(|error| bad(error.to_string()))?;
    if !rest.is_empty() {
        return Err(bad("bytes follow the certificate"));
    }
    check_organization(x509.subject())?;
    Ok(x509)
}

fn check_organization(subject: &X509Name<'_>) -> Result<(), NetError> {
    match only(subject.iter_organization(), "organization")?.as_str() {
        ORGANIZATION => Ok(()),
        other => Err(bad(format!("its organization is {other:?}, not {ORGANIZATION:?}"))),
    }
}

fn public_key(x509: &X509Certificate<'_>) -> Result<PublicKey, NetError> {
    let info = x509.public_key();
    if info.algorithm.algorithm != x509_parser::oid_registry::OID_SIG_ED25519 {
        return Err(bad("its key is not an Ed25519 key"));
    }
    let raw: &[u8] = &info.subject_public_key.data;
    raw.try_into().map(PublicKey).map_err(|_| bad("its key is not 32 bytes long"))
}

/// The one value of a part of a name.
fn only<'a>(
    mut values: impl Iterator<Item = &'a x509_parser::x509::AttributeTypeAndValue<'a>>,
    what: &str,
) -> Result<String, NetError> {
    match (values.next(), values.next()) {
        (Some(value), None) => {
            value.as_str().map(str::to_owned).map_err(|_| bad(format!("its {what} is not plain text")))
        }
        _ => Err(bad(format!("its subject must have exactly one {what}"))),
    }
}

fn bad(reason: impl Into<String>) -> NetError {
    NetError::BadCertificate(reason.into())
}
