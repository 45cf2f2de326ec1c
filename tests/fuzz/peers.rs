//! What machines tell each other before and after they know each other.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use bytes::Bytes;
use kifu::artifact::fuzzing as blobs;
use kifu::event::{JobId, Millis, NodeId, Seq};
use kifu::net::{
    ApiToken, Authority, CaCertificate, Certificate, CertificateRequest, JoinToken, Role, SecretKey, Validity,
};
use kifu::node::heartbeat::{self, Heartbeat};
use kifu::replica::greeting::{Greeting, Holder, Run, Welcome};
use kifu::replica::history::HistoryRequest;
use kifu::replica::propose::Outcome;
use kifu::replica::types::{Membership, RaftEntry, Vote};
use kifu::replica::wire::{append_frame, from_json, log_id, membership_bytes, read_append, read_membership};
use kifu::replica::{Batch, Consistency, Member, TypeConfig};
use openraft::EntryPayload;
use openraft::raft::{AppendEntriesRequest, TransferLeaderRequest, VoteRequest, VoteResponse};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::events::{drafts, encoded};
use crate::harness::Target;
use crate::work::proposals;

const NOW: Millis = Millis(1_800_000_000_000);

/// A message of JSON.
fn json<T: Serialize + DeserializeOwned + 'static>(name: &'static str, samples: Vec<T>) -> Target {
    let samples = samples.iter().map(|sample| serde_json::to_vec(sample).unwrap()).collect();
    Target::new(name, samples, |bytes| {
        let value: T = from_json(bytes).ok()?;
        Some(serde_json::to_vec(&value).unwrap())
    })
}

fn membership() -> Membership {
    let member = Member { name: "n1".into(), address: "127.0.0.1:1".into() };
    Membership::new(vec![BTreeSet::from([NodeId(1)])], BTreeMap::from([(NodeId(1), member)])).unwrap()
}

#[test]
fn append_entries() {
    let records = Bytes::from(encoded(&drafts()[..3]));
    let entry = |index, payload| RaftEntry { log_id: log_id(3, NodeId(1), index), payload };
    let request = AppendEntriesRequest::<TypeConfig> {
        vote: Vote::new_committed(3, NodeId(1)),
        prev_log_id: Some(log_id(2, NodeId(9), 4)),
        entries: vec![
            entry(5, EntryPayload::Blank),
            entry(6, EntryPayload::Normal(Batch { count: 3, records })),
            entry(7, EntryPayload::Membership(membership())),
        ],
        leader_commit: Some(log_id(2, NodeId(9), 4)),
    };
    let sample = append_frame(&request).concat().split_off(1);
    Target::new("append_entries", vec![sample], |bytes| {
        let request = read_append(Bytes::copy_from_slice(bytes)).ok()?;
        Some(append_frame(&request).concat().split_off(1))
    })
    .run();
}

#[test]
fn memberships() {
    let sample = membership_bytes(&membership()).to_vec();
    Target::new("memberships", vec![sample], |bytes| {
        read_membership(bytes).ok().map(|membership| membership_bytes(&membership).to_vec())
    })
    .run();
}

#[test]
fn votes_asked() {
    let request = VoteRequest::<TypeConfig>::new(Vote::new(3, NodeId(1)), Some(log_id(2, NodeId(9), 4)));
    json("votes_asked", vec![request]).run();
}

#[test]
fn votes_given() {
    let vote = Vote::new(3, NodeId(1));
    let given = VoteResponse::<TypeConfig>::new(vote, Some(log_id(2, NodeId(9), 4)), true);
    json("votes_given", vec![Ok(given), Err::<_, String>("no".to_owned())]).run();
}

#[test]
fn transfers() {
    let vote = Vote::new_committed(3, NodeId(1));
    json("transfers", vec![TransferLeaderRequest::<TypeConfig>::new(vote, NodeId(2), None)]).run();
}

#[test]
fn proposals_sent() {
    let body = kifu::replica::fuzzing::body_of(&proposals());
    Target::new("proposals_sent", vec![body], kifu::replica::fuzzing::proposals).run();
}

#[test]
fn outcomes() {
    let refused = Outcome::Refused { code: "bad_job".into(), message: "no".into() };
    let all =
        vec![Outcome::Admitted { last: Seq(7) }, Outcome::Already, refused, Outcome::Unavailable { leader: None }];
    json("outcomes", vec![Ok::<_, String>(all)]).run();
}

#[test]
fn heartbeats() {
    let running = vec![(JobId::new("a"), Seq(7)), (JobId::new("b"), Seq(u64::MAX))];
    let heartbeat =
        Heartbeat { incarnation: 1, run: 9, slots: 2, running, seq: Seq(3), goodbye: false, format: 2, halted: false };
    let sample = serde_json::to_vec(&heartbeat).unwrap();
    Target::new("heartbeats", vec![sample], |bytes| {
        heartbeat::read(bytes).map(|heartbeat| serde_json::to_vec(&heartbeat).unwrap())
    })
    .run();
}

#[test]
fn histories() {
    let log = crate::log::sample();
    let samples =
        [(0, 3), (0, 9), (7, 9)].map(|(from, to)| kifu::replica::fuzzing::history_of(&log, from, to).unwrap());
    Target::new("histories", samples.to_vec(), kifu::replica::fuzzing::history).run();
}

#[test]
fn histories_asked() {
    json("histories_asked", vec![HistoryRequest { from: 0, to: 3 }, HistoryRequest { from: 7, to: u64::MAX }]).run();
    // Whatever is asked, the answer is what there is.
    let log = crate::log::sample();
    let samples = [(0, 3), (2, u64::MAX), (u64::MAX, 0)]
        .map(|(from, to): (u64, u64)| [from.to_le_bytes(), to.to_le_bytes()].concat());
    let target = Target::new("histories_asked_of_a_log", samples.to_vec(), move |bytes| {
        let (from, to) = (bytes.first_chunk::<8>()?, bytes.get(8..16)?.first_chunk::<8>()?);
        kifu::replica::fuzzing::history_of(&log, u64::from_le_bytes(*from), u64::from_le_bytes(*to))?;
        Some(bytes[..16].to_vec())
    });
    Target { bytes_max: |_| 4 << 20, ..target }.run();
}

#[test]
fn reads() {
    json("reads", vec![Consistency::Local, Consistency::Lease, Consistency::Linearizable]).run();
    json("reads_answered", vec![Ok(9_u64), Err::<_, String>("nobody leads".to_owned())]).run();
}

#[test]
fn snapshot_parts() {
    let (parts, answers) = kifu::replica::fuzzing::snapshot_samples(&crate::log::snapshot_header());
    Target::new("snapshot_parts", parts, kifu::replica::fuzzing::snapshot_part).run();
    Target::new("snapshot_answers", answers, kifu::replica::fuzzing::snapshot_answer).run();
}

#[test]
fn frames() {
    const LARGEST: usize = 200;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    let frame = |message: &[u8]| [&(message.len() as u32).to_le_bytes()[..], message].concat();
    let samples = vec![
        frame(b"one"),
        [frame(b""), frame(&[7; LARGEST]), frame(b"three")].concat(),
        [frame(b"whole"), frame(&[7; LARGEST + 1])].concat(),
        [frame(b"whole"), frame(b"cut short")[..7].to_vec()].concat(),
    ];
    Target::new("frames", samples, move |bytes| {
        let written = runtime.block_on(kifu::net::fuzzing::frames(bytes, LARGEST));
        // What was taken is the beginning of what came, frame by frame.
        assert!(bytes.starts_with(&written), "another message than the one that was sent");
        Some(written)
    })
    .run();
}

#[test]
fn hellos() {
    let sample = kifu::net::fuzzing::hello_of(1, 3, 2);
    Target::new("hellos", vec![sample], kifu::net::fuzzing::hello).run();
}

#[test]
fn greetings() {
    let run = Run { number: 7, incarnation: 3 };
    json("greetings", vec![Greeting { run }]).run();
    let holder = Some(Holder { run, beats: 9, silent_ms: 10 });
    let welcome =
        Welcome { incarnation: 3, voter: true, acknowledged: Some(9), leads: true, holder, intruder: Some(run) };
    json("welcomes", vec![Ok::<_, String>(welcome)]).run();
}

#[test]
fn blob_requests() {
    Target::new("blob_requests", vec![blobs::samples()[0].clone()], blobs::request).run();
}

#[test]
fn blob_answers() {
    Target::new("blob_answers", blobs::samples()[1..].to_vec(), blobs::answer).run();
}

#[test]
fn certificate_requests() {
    let request = CertificateRequest::new("node-b", &SecretKey::generate().unwrap()).unwrap();
    Target::new("certificate_requests", vec![request.encode()], |bytes| {
        CertificateRequest::decode(bytes).ok().map(|request| request.encode())
    })
    .run();
}

#[test]
fn certificates() {
    let authority = Authority::create().unwrap();
    let validity = Validity::starting(NOW, Duration::from_secs(60));
    let leaf = authority.issue(&SecretKey::generate().unwrap().public(), "n1", Role::Node, validity).unwrap();
    let samples = vec![leaf.der().to_vec(), authority.certificate().der().to_vec()];
    Target::new("certificates", samples, |bytes| {
        let leaf = Certificate::parse(bytes).ok().map(|leaf| leaf.der().to_vec());
        leaf.or_else(|| CaCertificate::parse(bytes).ok().map(|ca| ca.der().to_vec()))
    })
    .run();
}

/// Makes the checksum of a token right: eight bytes of the fields' hash in front of them, in base 64.
fn mend_token(bytes: &mut [u8]) {
    let Some(dot) = bytes.iter().position(|byte| *byte == b'.') else { return };
    let Ok(mut payload) = data_encoding::BASE64URL_NOPAD.decode(&bytes[dot + 1..]) else { return };
    if payload.len() < 8 {
        return;
    }
    let hash = kifu::event::Hash::of(&payload[8..]);
    payload[..8].copy_from_slice(&hash.0[..8]);
    bytes[dot + 1..].copy_from_slice(data_encoding::BASE64URL_NOPAD.encode(&payload).as_bytes());
}

#[test]
fn join_tokens() {
    let addresses = ["10.0.0.1:7400".to_owned()];
    let token = JoinToken::create(&Authority::create().unwrap(), &addresses, Duration::from_secs(60), NOW).unwrap();
    Target::new("join_tokens", vec![token.encode().into_bytes()], |bytes| {
        JoinToken::decode(std::str::from_utf8(bytes).ok()?).ok().map(|token| token.encode().into_bytes())
    })
    .mended(mend_token)
    .run();
}

#[test]
fn api_tokens() {
    let addresses = ["10.0.0.1:7400".to_owned()];
    let token = ApiToken::create(&Authority::create().unwrap(), &addresses, Duration::from_secs(60), NOW).unwrap();
    Target::new("api_tokens", vec![token.encode().into_bytes()], |bytes| {
        ApiToken::decode(std::str::from_utf8(bytes).ok()?).ok().map(|token| token.encode().into_bytes())
    })
    .mended(mend_token)
    .run();
}

#[test]
fn joins() {
    let request =
        br#"{"name":"n2","address":"127.0.0.1:7410","request":"AAEC","token":"token/2f6c1a","secret":"AAEC"}"#;
    let welcome =
        br#"{"welcome":{"certificate":"AAEC","peers":[{"node":"0000000000000001","name":"n1","address":"a:1"}]}}"#;
    let refused = br#"{"refused":{"code":"token_used","message":"no"}}"#;
    let samples = vec![request.to_vec(), welcome.to_vec(), refused.to_vec()];
    Target::new("joins", samples, kifu::node::join::reread).run();
}
