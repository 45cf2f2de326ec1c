//! The files of an identity, as PEM: `ca.{crt,key}`, `node.{crt,key}`, `operator.{crt,key}`, `viewer.{crt,key}`.

use std::fs::{self, File, Permissions};
use std::io::{self, Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use data_encoding::{BASE64, Specification};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer};

use super::certificate::{CaCertificate, Certificate};
use super::channel::Role;
use super::error::NetError;
use super::key::SecretKey;

/// Mode of files that hold a key: for the owner only.
pub(super) const PRIVATE: u32 = 0o600;
/// Mode of files that hold a certificate.
pub(super) const PUBLIC: u32 = 0o644;
/// Largest identity file that is read. Real ones have about 500 bytes.
const FILE_BYTES_MAX: u64 = 64 * 1024;

pub(super) fn ca_certificate(dir: &Path) -> PathBuf {
    dir.join("identity").join("ca.crt")
}

pub(super) fn ca_key(dir: &Path) -> PathBuf {
    dir.join("identity").join("ca.key")
}

pub(super) fn certificate(dir: &Path, role: Role) -> PathBuf {
    dir.join("identity").join(format!("{role}.crt"))
}

pub(super) fn key(dir: &Path, role: Role) -> PathBuf {
    dir.join("identity").join(format!("{role}.key"))
}

pub(super) fn certificate_pem(der: &CertificateDer<'_>) -> String {
    pem("CERTIFICATE", der)
}

pub(super) fn key_pem(key: &SecretKey) -> String {
    pem("PRIVATE KEY", key.to_pkcs8())
}

/// The bytes of the first block with this label.
pub(super) fn pem_block(label: &str, text: &[u8]) -> Option<Vec<u8>> {
    let text = std::str::from_utf8(text).ok()?;
    let (_, rest) = text.split_once(&format!("-----BEGIN {label}-----"))?;
    let (body, _) = rest.split_once(&format!("-----END {label}-----"))?;
    let body: String = body.chars().filter(|c| !c.is_ascii_whitespace()).collect();
    BASE64.decode(body.as_bytes()).ok()
}

/// RFC 7468: base64 in lines of 64 characters between two markers.
pub(super) fn pem(label: &str, der: &[u8]) -> String {
    let mut lines = Specification::new();
    lines.symbols.push_str("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/");
    lines.padding = Some('=');
    lines.wrap.width = 64;
    lines.wrap.separator.push('\n');
    let body = lines.encoding().map_or_else(|_| BASE64.encode(der) + "\n", |encoding| encoding.encode(der));
    format!("-----BEGIN {label}-----\n{body}-----END {label}-----\n")
}

pub(super) fn read_ca(dir: &Path) -> Result<CaCertificate, NetError> {
    read_ca_file(&ca_certificate(dir))
}

pub(super) fn read_ca_file(path: &Path) -> Result<CaCertificate, NetError> {
    let der = read_certificate_der(path)?;
    CaCertificate::parse(&der).map_err(|error| bad(path, "CA certificate", error))
}

pub(super) fn read_certificate(path: &Path) -> Result<Certificate, NetError> {
    let der = read_certificate_der(path)?;
    Certificate::parse(&der).map_err(|error| bad(path, "certificate", error))
}

fn read_certificate_der(path: &Path) -> Result<CertificateDer<'static>, NetError> {
    CertificateDer::from_pem_slice(&read(path)?).map_err(|error| bad(path, "certificate in PEM", error))
}

pub(super) fn read_key(path: &Path) -> Result<SecretKey, NetError> {
    let text = read(path)?;
    warn_if_readable_by_others(path);
    let der = PrivatePkcs8KeyDer::from_pem_slice(&text).map_err(|error| bad(path, "private key in PEM", error))?;
    SecretKey::from_pkcs8(der.secret_pkcs8_der()).map_err(|error| bad(path, "private key", error))
}

fn warn_if_readable_by_others(path: &Path) {
    if let Ok(metadata) = fs::metadata(path)
        && metadata.permissions().mode() & 0o077 != 0
    {
        tracing::warn!(path = %path.display(), "private key is readable by others: run chmod 600 on it");
    }
}

pub(super) fn read(path: &Path) -> Result<Vec<u8>, NetError> {
    let failed = |source| NetError::File { action: "read", path: path.to_owned(), source };
    let mut bytes = Vec::new();
    File::open(path).and_then(|file| file.take(FILE_BYTES_MAX).read_to_end(&mut bytes)).map_err(failed)?;
    Ok(bytes)
}

/// Writes a file as a whole or not at all, replacing an earlier one.
pub(super) fn write(path: &Path, text: &str, mode: u32) -> Result<(), NetError> {
    write_with(path, text, mode, |temporary| temporary.persist(path).map(drop).map_err(|error| error.error))
}

/// Writes a file as a whole or not at all. Fails where there is one already.
pub(super) fn write_new(path: &Path, text: &str, mode: u32) -> Result<(), NetError> {
    write_with(path, text, mode, |temporary| temporary.persist_noclobber(path).map(drop).map_err(|error| error.error))
}

fn write_with(
    path: &Path,
    text: &str,
    mode: u32,
    persist: impl FnOnce(tempfile::NamedTempFile) -> io::Result<()>,
) -> Result<(), NetError> {
    let failed = |source| NetError::File { action: "write", path: path.to_owned(), source };
    let dir = path.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(dir).map_err(failed)?;
    let steps = || -> io::Result<()> {
        let mut temporary = tempfile::NamedTempFile::new_in(dir)?;
        temporary.write_all(text.as_bytes())?;
        temporary.as_file().set_permissions(Permissions::from_mode(mode))?;
        temporary.as_file().sync_all()?;
        persist(temporary)?;
        File::open(dir)?.sync_all()
    };
    steps().map_err(failed)
}

fn bad(path: &Path, what: &'static str, error: impl std::fmt::Display) -> NetError {
    NetError::BadFile { path: path.to_owned(), what, reason: error.to_string() }
}
