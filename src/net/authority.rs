//! The cluster's own certificate authority (CA). Whoever holds its key decides who belongs to the cluster.

use std::path::Path;
use std::time::Duration;

use rand::RngCore;
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer,
    KeyUsagePurpose, SerialNumber,
};
use time::OffsetDateTime;

use super::certificate::{CaCertificate, Certificate, ORGANIZATION, Validity, check_name, cluster_of};
use super::channel::Role;
use super::error::NetError;
use super::files;
use super::identity::Identity;
use super::key::{PublicKey, SecretKey};
use crate::event::{ClusterId, Hash, Millis};

/// How long the certificates of nodes and operators are valid: two years.
pub const CERTIFICATE_LIFETIME: Duration = Duration::from_secs(2 * 365 * 24 * 3600);
/// Bytes of a serial number. RFC 5280 allows 20.
const SERIAL_BYTES: usize = 16;
/// 2020-01-01: the CA's certificate is valid from before any cluster.
const CA_NOT_BEFORE_S: i64 = 1_577_836_800;
/// 9999-12-31 23:59:59: "no end" in the words of RFC 5280. A cluster ends by being switched off.
const CA_NOT_AFTER_S: i64 = 253_402_300_799;

/// The certificate authority of one cluster: `DIR/identity/ca.crt` and, only where certificates are issued,
/// `DIR/identity/ca.key`.
#[derive(Debug)]
pub struct Authority {
    key: SecretKey,
    certificate: CaCertificate,
}

impl Authority {
    /// A new authority, and with it a new cluster.
    pub fn create() -> Result<Self, NetError> {
        let key = SecretKey::generate()?;
        let mut params = ca_params(&key.public())?;
        params.not_before = at_second(CA_NOT_BEFORE_S)?;
        params.not_after = at_second(CA_NOT_AFTER_S)?;
        let der = params.self_signed(key.pair()).map_err(bad)?;
        Ok(Self { certificate: CaCertificate::parse(der.der())?, key })
    }

    /// Writes the authority below `dir`. Refuses to replace an authority that is there.
    pub fn save(&self, dir: &Path) -> Result<(), NetError> {
        files::write_new(&files::ca_key(dir), &files::key_pem(&self.key), files::PRIVATE)?;
        self.save_certificate(dir)
    }

    fn save_certificate(&self, dir: &Path) -> Result<(), NetError> {
        files::write(&files::ca_certificate(dir), &files::certificate_pem(self.certificate.der()), files::PUBLIC)
    }

    /// Reads the authority below `dir`.
    pub fn load(dir: &Path) -> Result<Self, NetError> {
        let path = files::ca_key(dir);
        let key = files::read_key(&path)?;
        let bad = |error: NetError| NetError::BadFile { path, what: "CA key", reason: error.to_string() };
        Self::of(key, files::read_ca(dir)?).map_err(bad)
    }

    /// The authority with this key and this certificate.
    pub(super) fn of(key: SecretKey, certificate: CaCertificate) -> Result<Self, NetError> {
        if certificate.public_key() != key.public() {
            return Err(NetError::BadKey("it does not belong to the CA's certificate".to_owned()));
        }
        Ok(Self { key, certificate })
    }

    /// The CA's key.
    pub(super) fn key(&self) -> &SecretKey {
        &self.key
    }

    /// Whether `dir` holds an authority, so that this node can issue certificates.
    pub fn exists(dir: &Path) -> bool {
        files::ca_key(dir).exists()
    }

    /// The CA's certificate.
    pub fn certificate(&self) -> &CaCertificate {
        &self.certificate
    }

    /// The cluster.
    pub fn cluster(&self) -> ClusterId {
        self.certificate.cluster()
    }

    /// The hash of the CA's key.
    pub fn fingerprint(&self) -> Hash {
        self.certificate.fingerprint()
    }

    /// Issues a certificate for somebody's key.
    pub fn issue(&self, key: &PublicKey, name: &str, role: Role, validity: Validity) -> Result<Certificate, NetError> {
        let params = leaf_params(name, role, validity)?;
        let ca = ca_params(&self.key.public())?;
        let issuer = Issuer::from_params(&ca, self.key.pair());
        let der = params.signed_by(key, &issuer).map_err(bad)?;
        Certificate::parse(der.der())
    }

    /// A new key with a certificate for it.
    pub fn issue_identity(&self, name: &str, role: Role, validity: Validity) -> Result<Identity, NetError> {
        let key = SecretKey::generate()?;
        let certificate = self.issue(&key.public(), name, role, validity)?;
        Identity::new(self.certificate.clone(), certificate, key)
    }
}

/// The CA's parameters follow from its key alone, so that an authority that was loaded signs like the one created.
fn ca_params(key: &PublicKey) -> Result<CertificateParams, NetError> {
    let mut params = CertificateParams::new(Vec::new()).map_err(bad)?;
    params.distinguished_name = subject("ca", cluster_of(key).as_str());
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
    params.serial_number = Some(SerialNumber::from(1));
    Ok(params)
}

fn leaf_params(name: &str, role: Role, validity: Validity) -> Result<CertificateParams, NetError> {
    check_name(name)?;
    let mut serial = [0; SERIAL_BYTES];
    rand::rng().fill_bytes(&mut serial);
    // A serial number is positive: clear the sign bit, and set one bit so that no leading zero byte is dropped.
    serial[0] = serial[0] & 0x7f | 0x40;
    let mut params = CertificateParams::new(Vec::new()).map_err(bad)?;
    params.distinguished_name = subject(role.as_str(), name);
    params.serial_number = Some(SerialNumber::from(serial.to_vec()));
    params.not_before = at_millis(validity.not_before)?;
    params.not_after = at_millis(validity.not_after)?;
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    if role == Role::Node {
        params.extended_key_usages.push(ExtendedKeyUsagePurpose::ServerAuth);
    }
    Ok(params)
}

fn subject(unit: &str, name: &str) -> DistinguishedName {
    let mut subject = DistinguishedName::new();
    subject.push(DnType::OrganizationName, ORGANIZATION);
    subject.push(DnType::OrganizationalUnitName, unit);
    subject.push(DnType::CommonName, name);
    subject
}

fn at_millis(at: Millis) -> Result<OffsetDateTime, NetError> {
    at_second(i64::try_from(at.0 / 1000).unwrap_or(i64::MAX).min(CA_NOT_AFTER_S))
}

fn at_second(second: i64) -> Result<OffsetDateTime, NetError> {
    OffsetDateTime::from_unix_timestamp(second).map_err(|error| NetError::BadCertificate(error.to_string()))
}

fn bad(error: rcgen::Error) -> NetError {
    NetError::BadCertificate(error.to_string())
}
