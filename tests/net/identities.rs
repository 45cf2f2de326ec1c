//! Identities on disk.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use kifu::net::{Authority, Certificate, Identity, NetError, Role, SecretKey};

use crate::support::{identity, valid};

#[test]
fn an_authority_and_an_identity_read_back_what_they_saved() {
    let dir = tempfile::tempdir().unwrap();
    let authority = Authority::create().unwrap();
    authority.save(dir.path()).unwrap();
    let again = Authority::load(dir.path()).unwrap();
    assert_eq!(again.cluster(), authority.cluster());
    assert_eq!(again.cluster().as_str().len(), "cluster/".len() + 16);

    for role in [Role::Node, Role::Operator, Role::Viewer] {
        assert!(!Identity::exists(dir.path(), role));
        let saved = identity(&again, "alpha", role);
        saved.save(dir.path()).unwrap();
        let read = Identity::load(dir.path(), role).unwrap();
        assert_eq!((read.node(), read.name(), read.role()), (saved.node(), "alpha", role));
        assert_eq!(read.cluster(), authority.cluster());
        assert!(read.certificate().issued_by(authority.certificate()));
    }
    for file in ["ca.key", "node.key", "operator.key"] {
        let mode = fs::metadata(dir.path().join("identity").join(file)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{file}");
    }
}

#[test]
fn an_authority_is_never_replaced() {
    let dir = tempfile::tempdir().unwrap();
    Authority::create().unwrap().save(dir.path()).unwrap();
    let first = Authority::load(dir.path()).unwrap().cluster();
    assert!(matches!(Authority::create().unwrap().save(dir.path()), Err(NetError::File { .. })));
    assert_eq!(Authority::load(dir.path()).unwrap().cluster(), first);
}

#[test]
fn a_key_that_was_made_once_is_found_again() {
    let dir = tempfile::tempdir().unwrap();
    let first = Identity::load_or_create_key(dir.path(), Role::Node).unwrap();
    let second = Identity::load_or_create_key(dir.path(), Role::Node).unwrap();
    assert_eq!(first.public(), second.public());
}

#[test]
fn files_that_do_not_fit_together_are_named() {
    let dir = tempfile::tempdir().unwrap();
    let authority = Authority::create().unwrap();
    identity(&authority, "alpha", Role::Node).save(dir.path()).unwrap();
    let at = |file: &str| dir.path().join("identity").join(file);
    let error = || Identity::load(dir.path(), Role::Node).unwrap_err().to_string();

    let (crt, key) = (fs::read(at("node.crt")).unwrap(), fs::read(at("node.key")).unwrap());
    fs::write(at("node.key"), "garbage").unwrap();
    assert!(error().contains("node.key is not a usable private key in PEM"), "{}", error());
    fs::write(at("node.key"), &key).unwrap();

    fs::write(at("node.crt"), &crt[..crt.len() / 2]).unwrap();
    assert!(error().contains("node.crt is not a usable certificate in PEM"), "{}", error());
    fs::remove_file(at("node.crt")).unwrap();
    assert!(error().starts_with("cannot read "), "{}", error());
    fs::write(at("node.crt"), &crt).unwrap();

    identity(&Authority::create().unwrap(), "other", Role::Operator).save(dir.path()).unwrap();
    assert!(error().contains("was not issued by the CA"), "{}", error());
}

#[test]
fn the_wrong_key_the_wrong_role_and_a_foreign_certificate_are_refused() {
    let authority = Authority::create().unwrap();
    let alpha = identity(&authority, "alpha", Role::Node);
    let ca = authority.certificate().clone();
    let wrong_key = Identity::new(ca.clone(), alpha.certificate().clone(), SecretKey::generate().unwrap());
    assert!(matches!(wrong_key, Err(NetError::BadKey(_))));
    let foreign = identity(&Authority::create().unwrap(), "alpha", Role::Node);
    let key = SecretKey::from_pkcs8(foreign.key().to_pkcs8()).unwrap();
    assert!(Identity::new(ca.clone(), foreign.certificate().clone(), key).is_err());
    assert!(Certificate::parse(ca.der()).is_err(), "the CA is nobody's identity");
    assert!(Certificate::parse(b"garbage").is_err());
    assert!(matches!(authority.issue_identity("Bad Name", Role::Node, valid()), Err(NetError::BadName(_))));
}

#[test]
fn a_changed_certificate_is_no_longer_of_the_authority() {
    let authority = Authority::create().unwrap();
    let certificate =
        authority.issue(&SecretKey::generate().unwrap().public(), "alpha", Role::Viewer, valid()).unwrap();
    let der = certificate.der().to_vec();
    let at = der.windows(6).position(|window| window == b"viewer").unwrap();
    let mut changed = der.clone();
    changed.splice(at..at + 6, *b"joiner");
    let changed = Certificate::parse(&changed).unwrap();
    assert_eq!(changed.role(), Role::Joiner);
    assert!(certificate.issued_by(authority.certificate()) && !changed.issued_by(authority.certificate()));
}
