//! Golden bytes of what lies in an outbox or travels between releases, in `fixtures/wire-v1/`. A file that differs is a broken
//! promise: a proposal that an older build stored would be lost, or two releases would not understand each other.
//!
//! `KIFU_BLESS=1 cargo test --test fuzz golden` writes files that are missing, and only those.

use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::Duration;

use kifu::artifact::fuzzing as blobs;
use kifu::event::{Command, Millis};
use kifu::net::{ApiToken, Authority, CertificateRequest, Channel, JoinToken};
use kifu::work::outbox::fuzzing as outbox;

use crate::work::{proposals, proposals_of_version_three};

const NOW: Millis = Millis(1_800_000_000_000);

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/wire-v1").join(name)
}

/// The golden text; where there is none yet and it may be written, `made`.
fn golden(name: &str, made: impl FnOnce() -> String) -> String {
    let path = fixture(name);
    if !path.exists() && std::env::var_os("KIFU_BLESS").is_some_and(|value| value == "1") {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, made()).unwrap();
    }
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The join token whose CA and key the other files follow from.
fn golden_join_token() -> String {
    static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
    let _turn = ONE_AT_A_TIME.lock();
    let addresses = ["10.0.0.1:7400".to_owned(), "[::1]:7400".to_owned()];
    let (authority, ttl) = (Authority::create().unwrap(), Duration::from_secs(3_600));
    golden("join-token.txt", || JoinToken::create(&authority, &addresses, ttl, NOW).unwrap().encode())
}

fn lines_of_hex(all: &[Vec<u8>]) -> String {
    all.iter().map(|bytes| data_encoding::HEXLOWER.encode(bytes) + "\n").collect()
}

fn unhex(text: &str) -> Vec<Vec<u8>> {
    text.lines().map(|line| data_encoding::HEXLOWER.decode(line.as_bytes()).unwrap()).collect()
}

#[test]
fn golden_outbox_entries_read_back_and_are_written_the_same() {
    for (file, proposals) in [("outbox.hex", proposals()), ("outbox-3.hex", proposals_of_version_three())] {
        let made: Vec<Vec<u8>> = proposals.iter().flat_map(outbox::entries).collect();
        let golden = golden(file, || lines_of_hex(&made));
        assert_eq!(lines_of_hex(&made), golden, "a proposal that waits in an outbox must outlive an upgrade");
        for entry in unhex(&golden) {
            assert_eq!(outbox::entry(&entry), Some(entry));
        }
        let numbered: Vec<Vec<u8>> = proposals.iter().map(outbox::numbered).collect();
        assert!(numbered.iter().all(|bytes| outbox::proposal(bytes).as_ref() == Some(bytes)));
    }
}

#[test]
fn no_command_is_larger_than_the_one_that_made_the_room() {
    // An archived enum is as large as its largest variant: a larger one would move the bytes of all others.
    let room = size_of::<rkyv::Archived<kifu::event::command::CreateCluster>>();
    assert_eq!(size_of::<rkyv::Archived<Command>>(), 1 + room, "put what is large behind a Box or a Vec");
}

#[test]
fn golden_tokens_read_back_and_are_written_the_same() {
    let addresses = ["10.0.0.1:7400".to_owned(), "[::1]:7400".to_owned()];
    let (ttl, authority) = (Duration::from_secs(3_600), Authority::create().unwrap());
    let join = golden_join_token();
    let api = golden("api-token.txt", || ApiToken::create(&authority, &addresses, ttl, NOW).unwrap().encode());
    let token = JoinToken::decode(&join).unwrap();
    assert_eq!(
        (token.encode(), token.pass().expires_at, &token.pass().addresses[..]),
        (join, NOW.plus(3_600_000), &addresses[..])
    );
    let token = ApiToken::decode(&api).unwrap();
    assert_eq!(
        (token.encode(), token.pass().expires_at, &token.pass().addresses[..]),
        (api, NOW.plus(3_600_000), &addresses[..])
    );
}

#[test]
fn golden_handshake_messages_are_what_the_code_says() {
    let token = JoinToken::decode(&golden_join_token()).unwrap();
    let protocols = || Channel::ALL.map(|channel| channel.protocol(token.pass().identity.ca()) + "\n").concat();
    assert_eq!(golden("protocols.txt", protocols), protocols(), "nodes of two releases would not find each other");
    // Signatures of this kind have no randomness in them.
    let request = || CertificateRequest::new("node-b", token.pass().identity.key()).unwrap().encode();
    let stored = golden("certificate-request.hex", || lines_of_hex(&[request()]));
    assert_eq!(stored, lines_of_hex(&[request()]));
    assert_eq!(
        CertificateRequest::decode(&unhex(&stored)[0]).unwrap().public_key(),
        token.pass().identity.public_key()
    );
}

#[test]
fn golden_joins_blobs_and_hellos_read_back_and_are_written_the_same() {
    let joins = golden("joins.jsonl", String::new);
    assert_eq!(joins.lines().count(), 3);
    for line in joins.lines() {
        assert_eq!(
            kifu::node::join::reread(line.as_bytes()).map(|bytes| String::from_utf8(bytes).unwrap()),
            Some(line.to_owned())
        );
    }
    let stored = golden("blobs.hex", || lines_of_hex(&blobs::samples()));
    assert_eq!(stored, lines_of_hex(&blobs::samples()));
    let hello = golden("hello.hex", || lines_of_hex(&[kifu::net::fuzzing::hello_of(1, 1, 2)]));
    for bytes in unhex(&hello) {
        assert_eq!(kifu::net::fuzzing::hello(&bytes), Some(bytes));
    }
}
