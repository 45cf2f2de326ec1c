//! Requests to the client API, and its answers.

use bytes::Bytes;
use kifu::event::config::Config;
use kifu::event::identity::ApiRole;
use kifu::event::jobs::{ExternalSpec, JobSpec};
use kifu::event::{ApiTokenId, JobId, Millis, NodeId, Record, RecordJson, Seq, Term};
use kifu::node::api::notes::{Settled, Status, notes_frame, read_notes, read_settled, settled_frame};
use kifu::node::api::{AsOf, Footer, MemberChange, Noun, Request, Response};
use kifu::replay::{Filter, Moment};

use crate::events::drafts;
use crate::harness::Target;

fn requests() -> Vec<Request> {
    let spec = ExternalSpec { program: "p".into(), params: "{}".into(), inputs: vec![] };
    vec![
        Request::List { noun: Noun::Hosts },
        Request::Get { id: "job/a".into() },
        Request::Status,
        Request::Events { from: Seq(1), follow: true, kinds: vec!["HOST_ONLINE".into()], limit: Some(3) },
        Request::CreateToken { ttl_ms: 1_000 },
        Request::SubmitJob { job: JobId::new("a"), spec: Box::new(JobSpec::External(spec)), priority: -1 },
        Request::ChangeConfig { config: Box::new(Config::default()) },
        Request::Transfer { to: NodeId(1) },
        Request::CreateApiToken { name: "n".into(), role: ApiRole::Viewer, ttl_ms: 1_000 },
        Request::RevokeApiToken { token: ApiTokenId::new("t") },
        Request::RenewCertificate { request: "AAEC".into(), actor: "ada".into() },
        Request::RotateCertificate,
        Request::Members,
        Request::AsOf { at: Moment::Seq(Seq(7)), ask: Box::new(Request::Status) },
        Request::AsOf { at: Moment::Time(Millis(1_000)), ask: Box::new(Request::List { noun: Noun::Jobs }) },
        Request::Subscribe { from: Seq(1), follow: true, filter: filter(), limit: None },
        Request::Produce { name: "watch".into(), producer: Some(NodeId(9)) },
        change(MemberChange::Roles { promote: vec!["n4".into()], demote: vec!["n1".into()], forced: true }),
        change(MemberChange::Remove { node: "n2".into(), forced: false }),
        change(MemberChange::Configure { voters: Some(5), voter_gone_ms: None, learner_stable_ms: Some(1) }),
        change(MemberChange::Transfer { to: "n3".into() }),
    ]
}

fn change(change: MemberChange) -> Request {
    Request::ChangeMembers { change, dry_run: true }
}

fn filter() -> Filter {
    Filter {
        kinds: vec!["HOST_ONLINE".into()],
        domains: vec!["jobs".into()],
        origins: vec![NodeId(1)],
        since: Some(Millis(1)),
        until: None,
    }
}

#[test]
fn api_requests() {
    let samples = requests().iter().map(|request| serde_json::to_vec(request).unwrap()).collect();
    Target::new("api_requests", samples, |bytes| {
        let request: Request = serde_json::from_slice(bytes).ok()?;
        Some(serde_json::to_vec(&request).unwrap())
    })
    .run();
}

#[test]
fn api_responses() {
    let footer = Footer { seq: Seq(9), node: "n1".into(), leader: Some("n1".into()), ..Footer::default() };
    let as_of = Some(AsOf { seq: Seq(7), recorded_at: Millis(1_000) });
    let draft = drafts().swap_remove(0);
    let record = RecordJson::from(&Record { seq: Seq(9), term: Term(2), draft });
    let responses = [
        Response::Rows { rows: vec![serde_json::json!({"id": "a", "n": 1.5})], footer: footer.clone() },
        Response::Part { rows: vec![serde_json::json!({"id": "a"})] },
        Response::End { footer: footer.clone() },
        Response::End { footer: Footer { as_of, upgrade_needed: Some("upgrade".into()), ..footer.clone() } },
        Response::Done { seq: Some(Seq(1)) },
        Response::Token { token: "kifu-join-v1.".into() },
        Response::Record { record: Box::new(record) },
        Response::Position { seq: Seq(9) },
        Response::Certificate { certificate: "AAEC".into(), seq: Seq(9) },
        Response::Producer { producer: NodeId(9), last: 3 },
        Response::Elsewhere { leader: Some(NodeId(2)), address: Some("10.0.0.2:7400".into()) },
        Response::Plan {
            events: vec![serde_json::json!({"kind": "MEMBER_REMOVED"})],
            outcome: "2 of 3 are left".into(),
            seq: Some(Seq(4)),
            footer: footer.clone(),
        },
        Response::Error { code: "failed".into(), message: "no".into() },
    ];
    let samples = responses.iter().map(|response| serde_json::to_vec(response).unwrap()).collect();
    Target::new("api_responses", samples, |bytes| {
        let response: Response = serde_json::from_slice(bytes).ok()?;
        Some(serde_json::to_vec(&response).unwrap())
    })
    .run();
}

#[test]
fn notes() {
    let samples = vec![notes_frame(1, &["a"]), notes_frame(u64::MAX - 3, &["first", "\u{e9}", ""])];
    Target::new("notes", samples, |bytes| {
        let (first, texts) = read_notes(Bytes::copy_from_slice(bytes)).ok()?;
        Some(notes_frame(first, &texts))
    })
    .run();
}

#[test]
fn notes_settled() {
    let settled = |status, words: &str| settled_frame(&Settled { status, upto: 6, seq: 9, words: words.into() });
    let samples = vec![settled(Status::All, ""), settled(Status::Refused, "no"), settled(Status::Unknown, "\u{e9}")];
    Target::new("notes_settled", samples, |bytes| {
        read_settled(Bytes::copy_from_slice(bytes)).ok().map(|settled| settled_frame(&settled))
    })
    .run();
}
