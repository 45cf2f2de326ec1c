//! Requests to the client API, and its answers.

use kifu::event::config::Config;
use kifu::event::identity::ApiRole;
use kifu::event::jobs::{ExternalSpec, JobSpec};
use kifu::event::{ApiTokenId, JobId, NodeId, Seq};
use kifu::node::api::{Footer, Noun, Request, Response};

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
    ]
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
    let responses = [
        Response::Rows { rows: vec![serde_json::json!({"id": "a", "n": 1.5})], footer: footer.clone() },
        Response::End { footer },
        Response::Done { seq: Some(Seq(1)) },
        Response::Token { token: "kifu-join-v1.".into() },
        Response::Error { code: "failed".into(), message: "no".into() },
    ];
    let samples = responses.iter().map(|response| serde_json::to_vec(response).unwrap()).collect();
    Target::new("api_responses", samples, |bytes| {
        let response: Response = serde_json::from_slice(bytes).ok()?;
        Some(serde_json::to_vec(&response).unwrap())
    })
    .run();
}
