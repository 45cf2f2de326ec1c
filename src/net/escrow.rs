//! A copy of the CA in one file, encrypted with a passphrase: to keep elsewhere, or to take to another node.
//!
//! The file holds two PEM blocks: the key as `ENCRYPTED PRIVATE KEY` (PKCS #8, PBES2 with scrypt and AES-256-CBC, which
//! `openssl pkey` reads too) and the CA's certificate. That the key belongs to the certificate is checked on reading: a
//! changed file, like a wrong passphrase, does not get past that.

use std::path::Path;

use pkcs8::der::Decode;
use pkcs8::pkcs5::pbes2::{self, Kdf};
use pkcs8::pkcs5::{EncryptionScheme, scrypt};
use pkcs8::{EncryptedPrivateKeyInfo, PrivateKeyInfo};
use rand::RngCore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;

use super::authority::Authority;
use super::certificate::CaCertificate;
use super::error::NetError;
use super::files;
use super::key::SecretKey;

/// The shortest passphrase that is taken.
pub const PASSPHRASE_BYTES_MIN: usize = 12;
/// scrypt's cost: 2^17 blocks of 8 × 128 bytes, which is 128 MiB and half a second for each guess.
const COST_LOG2: u8 = 17;
const BLOCK: u32 = 8;
/// The highest cost that is taken from a file: 1 GiB. More would only be asked for by a file that means harm.
const SCRYPT_BYTES_MAX: u64 = 1 << 30;
const SALT_BYTES: usize = 16;
const IV_BYTES: usize = 16;
const LABEL: &str = "ENCRYPTED PRIVATE KEY";

impl Authority {
    /// Writes an encrypted copy of the authority to `path`, readable by its owner only. Replaces nothing.
    ///
    /// # Errors
    /// When the passphrase is too short, or the file is there or cannot be written.
    pub fn export(&self, path: &Path, passphrase: &str) -> Result<(), NetError> {
        files::write_new(path, &self.seal(passphrase, COST_LOG2)?, files::PRIVATE)
    }

    /// Reads an encrypted copy.
    ///
    /// # Errors
    /// When the file is no copy of a CA, or the passphrase is wrong.
    pub fn import(path: &Path, passphrase: &str) -> Result<Authority, NetError> {
        let bytes = files::read(path)?;
        Self::unseal(&bytes, passphrase).map_err(|reason| NetError::BadFile {
            path: path.to_owned(),
            what: "encrypted copy of a CA",
            reason,
        })
    }

    fn seal(&self, passphrase: &str, cost_log2: u8) -> Result<String, NetError> {
        if passphrase.len() < PASSPHRASE_BYTES_MIN {
            return Err(NetError::BadKey(format!("the passphrase must have at least {PASSPHRASE_BYTES_MIN} bytes")));
        }
        let bad = |error: &dyn std::fmt::Display| NetError::BadKey(error.to_string());
        let (mut salt, mut iv) = ([0; SALT_BYTES], [0; IV_BYTES]);
        rand::rng().fill_bytes(&mut salt);
        rand::rng().fill_bytes(&mut iv);
        let cost = scrypt::Params::new(cost_log2, BLOCK, 1, scrypt::Params::RECOMMENDED_LEN).map_err(|e| bad(&e))?;
        let scheme = pbes2::Parameters::scrypt_aes256cbc(cost, &salt, &iv).map_err(|e| bad(&e))?;
        let key = PrivateKeyInfo::from_der(self.key().to_pkcs8()).map_err(|e| bad(&e))?;
        let sealed = key.encrypt_with_params(scheme, passphrase).map_err(|e| bad(&e))?;
        Ok(files::pem(LABEL, sealed.as_bytes()) + &files::certificate_pem(self.certificate().der()))
    }

    fn unseal(bytes: &[u8], passphrase: &str) -> Result<Authority, String> {
        let certificate = CertificateDer::from_pem_slice(bytes).map_err(|error| error.to_string())?;
        let certificate = CaCertificate::parse(&certificate).map_err(|error| error.to_string())?;
        let der = files::pem_block(LABEL, bytes).ok_or("it holds no encrypted private key")?;
        let sealed = EncryptedPrivateKeyInfo::try_from(der.as_slice()).map_err(|error| error.to_string())?;
        check_cost(&sealed)?;
        // A wrong passphrase shows in the padding mostly, and in the key always.
        let wrong = "the passphrase is wrong, or the file was changed";
        let key = sealed.decrypt(passphrase).map_err(|_| wrong)?;
        let key = SecretKey::from_pkcs8(key.as_bytes()).map_err(|_| wrong)?;
        Authority::of(key, certificate).map_err(|_| wrong.to_owned())
    }
}

/// Refuses schemes other than our own, and costs that would take the machine down.
fn check_cost(sealed: &EncryptedPrivateKeyInfo<'_>) -> Result<(), String> {
    let EncryptionScheme::Pbes2(pbes2::Parameters { kdf: Kdf::Scrypt(cost), .. }) = &sealed.encryption_algorithm else {
        return Err("it is not encrypted by PBES2 with scrypt".to_owned());
    };
    let bytes = u64::from(cost.block_size).saturating_mul(128).saturating_mul(cost.cost_parameter);
    if bytes > SCRYPT_BYTES_MAX || cost.parallelization > 4 {
        return Err("decrypting it would take more than 1 GiB of memory".to_owned());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Cheap, so that the tests are fast.
    const CHEAP: u8 = 4;
    const PASSPHRASE: &str = "correct horse battery";

    #[test]
    fn a_copy_opens_with_its_passphrase_only() {
        let authority = Authority::create().expect("authority");
        let text = authority.seal(PASSPHRASE, CHEAP).expect("sealed");
        let copy = Authority::unseal(text.as_bytes(), PASSPHRASE).expect("own copy");
        assert_eq!((copy.cluster(), copy.fingerprint()), (authority.cluster(), authority.fingerprint()));
        let key = SecretKey::generate().expect("key").public();
        let validity = crate::net::Validity::starting(crate::event::Millis(0), std::time::Duration::from_secs(60));
        let issued = copy.issue(&key, "n2", crate::net::Role::Node, validity).expect("the copy signs");
        assert!(issued.issued_by(authority.certificate()));
        for wrong in ["correct horse batterY", "", "another passphrase"] {
            assert!(Authority::unseal(text.as_bytes(), wrong).is_err(), "{wrong:?}");
        }
        assert!(authority.seal("short", CHEAP).is_err());
        assert_ne!(text, authority.seal(PASSPHRASE, CHEAP).expect("sealed"), "salted");
    }

    #[test]
    fn a_changed_copy_is_refused_and_no_byte_of_it_brings_the_reader_down() {
        let authority = Authority::create().expect("authority");
        let text = authority.seal(PASSPHRASE, CHEAP).expect("sealed");
        for at in 0..text.len() {
            let mut changed = text.clone().into_bytes();
            changed[at] ^= 1;
            if let Ok(copy) = Authority::unseal(&changed, PASSPHRASE) {
                assert_eq!(copy.fingerprint(), authority.fingerprint(), "byte {at}: harmless, or refused");
            }
        }
        let other = Authority::create().expect("authority").seal(PASSPHRASE, CHEAP).expect("sealed");
        let (key, _) = text.split_once("-----BEGIN CERTIFICATE").expect("two blocks");
        let (_, certificate) = other.split_once("-----BEGIN CERTIFICATE").expect("two blocks");
        let mixed = format!("{key}-----BEGIN CERTIFICATE{certificate}");
        assert!(
            Authority::unseal(mixed.as_bytes(), PASSPHRASE).is_err(),
            "the key of one CA, the certificate of another"
        );
    }

    #[test]
    fn a_file_that_asks_for_too_much_memory_is_refused_before_it_gets_it() {
        let key = SecretKey::generate().expect("key");
        let info = PrivateKeyInfo::from_der(key.to_pkcs8()).expect("own bytes");
        let (salt, iv) = ([1; SALT_BYTES], [2; IV_BYTES]);
        let cheap = scrypt::Params::new(CHEAP, BLOCK, 1, 32).expect("valid");
        let scheme = pbes2::Parameters::scrypt_aes256cbc(cheap, &salt, &iv).expect("valid");
        let sealed = info.encrypt_with_params(scheme, PASSPHRASE).expect("sealed");
        let mut greedy = EncryptedPrivateKeyInfo::try_from(sealed.as_bytes()).expect("own bytes");
        assert!(check_cost(&greedy).is_ok());
        if let EncryptionScheme::Pbes2(pbes2::Parameters { kdf: Kdf::Scrypt(cost), .. }) =
            &mut greedy.encryption_algorithm
        {
            cost.cost_parameter = 1 << 40;
        }
        assert!(check_cost(&greedy).is_err());
    }
}
