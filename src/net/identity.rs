//! Who a program is in the cluster: the CA it trusts, its own certificate, and the key behind it.

use std::path::Path;
use std::sync::Arc;

use super::certificate::{CaCertificate, Certificate};
use super::channel::Role;
use super::error::NetError;
use super::files;
use super::key::{PublicKey, SecretKey};
use crate::event::{ClusterId, Hash, NodeId};

/// An identity: `DIR/identity/ca.crt` with `DIR/identity/{node,operator,viewer}.{crt,key}`. Clones share the key.
#[derive(Clone, Debug)]
pub struct Identity {
    ca: CaCertificate,
    certificate: Certificate,
    key: Arc<SecretKey>,
}

impl Identity {
    /// Puts an identity together. Refuses a certificate of another CA or for another key.
    pub fn new(ca: CaCertificate, certificate: Certificate, key: SecretKey) -> Result<Self, NetError> {
        if !certificate.issued_by(&ca) {
            let cluster = ca.cluster();
            return Err(NetError::BadCertificate(format!("it was not issued by the CA of {cluster}")));
        }
        if certificate.public_key() != key.public() {
            return Err(NetError::BadKey("it does not belong to the certificate".into()));
        }
        Ok(Self { ca, certificate, key: Arc::new(key) })
    }

    /// Writes the identity below `dir`, the key first: a key without a certificate can ask for one again. Replaces an
    /// earlier certificate for the same role. Joiners are not saved: their token is their identity.
    pub fn save(&self, dir: &Path) -> Result<(), NetError> {
        if matches!(self.role(), Role::Joiner | Role::Bearer) {
            return Err(NetError::BadCertificate("this identity lives in its token only".into()));
        }
        files::write(&files::key(dir, self.role()), &files::key_pem(&self.key), files::PRIVATE)?;
        files::write(&files::ca_certificate(dir), &files::certificate_pem(self.ca.der()), files::PUBLIC)?;
        let path = files::certificate(dir, self.role());
        files::write(&path, &files::certificate_pem(self.certificate.der()), files::PUBLIC)
    }

    /// Reads the identity for `role` below `dir`.
    pub fn load(dir: &Path, role: Role) -> Result<Self, NetError> {
        let path = files::certificate(dir, role);
        let certificate = files::read_certificate(&path)?;
        if certificate.role() != role {
            let reason = format!("it is for the role {}", certificate.role());
            return Err(NetError::BadFile { path, what: "certificate", reason });
        }
        let key = files::read_key(&files::key(dir, role))?;
        Self::new(files::read_ca(dir)?, certificate, key).map_err(|error| NetError::BadFile {
            path,
            what: "certificate",
            reason: error.to_string(),
        })
    }

    /// Whether `dir` holds an identity for `role`.
    pub fn exists(dir: &Path, role: Role) -> bool {
        files::certificate(dir, role).exists()
    }

    /// The key below `dir` for `role`; a new one, saved, where there is none. So a machine that crashes while it joins
    /// asks again with the same key, and stays the same node.
    pub fn load_or_create_key(dir: &Path, role: Role) -> Result<SecretKey, NetError> {
        let path = files::key(dir, role);
        if path.exists() {
            return files::read_key(&path);
        }
        let key = SecretKey::generate()?;
        files::write_new(&path, &files::key_pem(&key), files::PRIVATE)?;
        Ok(key)
    }

    /// Reads the certificate of a CA from a file in PEM.
    ///
    /// # Errors
    /// When it cannot be read or is something else.
    pub fn read_ca_file(path: &Path) -> Result<CaCertificate, NetError> {
        files::read_ca_file(path)
    }

    /// The CA that this identity trusts, and of which its certificate is.
    pub fn ca(&self) -> &CaCertificate {
        &self.ca
    }

    /// The identity's certificate.
    pub fn certificate(&self) -> &Certificate {
        &self.certificate
    }

    /// The key.
    pub fn key(&self) -> &SecretKey {
        &self.key
    }

    /// The public half of the key.
    pub fn public_key(&self) -> PublicKey {
        self.key.public()
    }

    /// The hash of the public key.
    pub fn fingerprint(&self) -> Hash {
        self.public_key().fingerprint()
    }

    /// The node that the key names.
    pub fn node(&self) -> NodeId {
        self.certificate.node()
    }

    /// What people call it.
    pub fn name(&self) -> &str {
        self.certificate.name()
    }

    /// What it is.
    pub fn role(&self) -> Role {
        self.certificate.role()
    }

    /// The cluster it belongs to.
    pub fn cluster(&self) -> ClusterId {
        self.ca.cluster()
    }
}
